"""Lint: the actions that steps name, what they are given, and the facts that they refer to. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from failover.actions import ACTIONS, Action, Type
from failover.bind_value import is_place, reference
from failover.graph import before, needs
from failover.plan import EVERYWHERE, PARTS, SIDES, Act, Step
from failover.plan_load import PlanFile
from inventory.errors import Mark, Problem
from inventory.node import shown
from inventory.wording import nearest

Problems = Iterator[Problem]
Path = tuple[str | int, ...]

#: what kind of value each fact is; a fact that is not here is text
FACTS: Mapping[str, Type] = {
    "lsn": "integer", "timeline": "integer", "before": "hosts", "active": "hosts", "sync_names": "hosts",
    "fenced": "flag", "cpus": "integer", "memory": "integer", "load": "number", "disk_free": "integer",
}  # fmt: skip
_EXAMPLE: Mapping[Type, str] = {
    "host": "a place like $to.database", "hosts": "a list of places, like [$third.database], or []",
    "text": "text", "integer": "a whole number", "number": "a number", "flag": "true or false",
}  # fmt: skip
_PLAIN: Mapping[Type, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "flag": lambda value: isinstance(value, bool),
    "host": lambda _: False,  # a host is written as a place, so that the plan serves every estate
    "hosts": lambda value: value == [],
}


@dataclass(frozen=True, slots=True)
class Written:
    """An act where it was written."""

    step: Step
    act: Act
    path: Path  #: ``("steps", "fence", "do", 0)``
    own: bool  #: in verify or undo: the step's own do is over

    @property
    def part(self) -> str:
        """``do``, ``verify`` or ``undo``."""
        return str(self.path[2])

    @property
    def card(self) -> Action | None:
        """The action's card, when there is one."""
        return ACTIONS.get(self.act.action)


def acts(file: PlanFile) -> Iterator[Written]:
    """Every act of every step."""
    for step in file.plan.steps:
        yield from acts_of(step)


def acts_of(step: Step) -> Iterator[Written]:
    """Every act of one step."""
    at = ("steps", step.id)
    yield from (Written(step, act, (*at, "do", number), False) for number, act in enumerate(step.do))
    yield from (Written(step, act, (*at, "verify", number), True) for number, act in enumerate(step.verify))
    if step.undo and step.undo.act:
        yield Written(step, step.undo.act, (*at, "undo", "act"), True)


def actions_are_known(file: PlanFile) -> Problems:
    """Every action has a card."""
    for one in acts(file):
        if one.card is None:
            mark = file.mark(*one.path, "action")
            yield Problem(mark, shown(one.act.action), "is not an action", nearest(one.act.action, ACTIONS))


def inputs_fit_the_card(file: PlanFile) -> Problems:
    """Nothing missing, nothing unknown."""
    for one in acts(file):
        if not one.card:
            continue
        wanted = {**one.card.needs, **one.card.may}
        for key in one.act.give:
            if key not in wanted:
                mark = file.mark(*one.path, "give", key)
                yield Problem(mark, shown(key), f"is no input of {one.card.id}", nearest(key, wanted))
        for key in one.card.needs:
            if key not in one.act.give:
                instead = f"add `give: {{{key}: ...}}`, {_EXAMPLE[wanted[key]]}"
                yield Problem(file.mark(*one.path, "action"), one.card.id, f"is not given its `{key}`", instead)


def inputs_have_the_right_type(file: PlanFile) -> Problems:
    """Values and references are of the kind that the card asks for."""
    for one in acts(file):
        wanted = {**one.card.needs, **one.card.may} if one.card else {}
        for key, value in one.act.give.items():
            if key in wanted and not _fits(value, wanted[key]):
                mark = file.mark(*one.path, "give", key)
                yield Problem(mark, _text(value), f"is no {key} for {one.act.action}", f"write {_EXAMPLE[wanted[key]]}")


def _fits(value: Any, wanted: Type) -> bool:
    names = reference(value)
    if names is None:
        return _fits_plain(value, wanted)
    if is_place(names):
        return wanted in ("host", "hosts")
    return names[0] in SIDES or FACTS.get(names[1], "text") == wanted  # an unknown part is refused below


def _fits_plain(value: Any, wanted: Type) -> bool:
    if isinstance(value, str) and value.startswith("$"):
        return False
    if wanted == "hosts" and isinstance(value, list):
        return all(names is not None and is_place(names) for names in map(reference, value))
    return _PLAIN[wanted](value)


def _text(value: Any) -> str:
    if isinstance(value, bool | dict | list):
        return shown(json.dumps(value, ensure_ascii=False).replace('"', ""))
    return shown(str(value))


def references_are_to_what_was_found(file: PlanFile) -> Problems:
    """``$step.fact`` names a fact that a step, surely earlier, finds; ``$side.part`` a part of a center."""
    graph = needs(file.plan.steps)
    steps = {step.id: step for step in file.plan.steps}
    for one in acts(file):
        for key, value in one.act.give.items():
            names = reference(value)
            if names is None or is_place(names):
                continue
            earlier = before(graph, one.step.id) | ({one.step.id} if one.own else set())
            yield from _reference(file.mark(*one.path, "give", key), names, steps, earlier - _itself(one))


def _itself(one: Written) -> set[str]:
    return set() if one.own else {one.step.id}  # in a cycle a step is before itself: that is said elsewhere


def _reference(mark: Mark, names: tuple[str, str], steps: Mapping[str, Step], earlier: frozenset[str]) -> Problems:
    name, fact = names
    written = f"${name}.{fact}"
    if name in SIDES:
        yield Problem(mark, written, "is no part of a center", nearest(fact, PARTS))
    elif name not in steps:
        yield Problem(mark, written, f"refers to `{name}`, which is no step", nearest(name, [*steps, *SIDES]))
    elif name not in earlier:
        message = f"refers to step `{name}`, which is not surely over before"
        yield Problem(mark, written, message, f"add `{name}` to the needs of this step")
    else:
        yield from _fact(mark, written, fact, steps[name])


def _fact(mark: Mark, written: str, fact: str, step: Step) -> Problems:
    cards = [(ACTIONS[act.action], act.by or act.on) for act in step.do if act.action in ACTIONS]
    found = sorted({name for card, _ in cards for name in card.finds})
    finders = [place for card, place in cards if fact in card.finds]
    if len(cards) == len(step.do) and not finders:
        instead = nearest(fact, found) if found else "refer to a step that finds it"
        yield Problem(mark, written, f"is not found by step `{step.id}`", instead)
    elif len(finders) > 1 or any(place in EVERYWHERE for place in finders):
        message = f"is found on several hosts by step `{step.id}`"
        yield Problem(mark, written, message, "refer to a step that finds it on one host")


def steps_are_not_named_like_places(file: PlanFile) -> Problems:
    """``$to.lsn`` would be a center's part and a step's fact at once."""
    for step in file.plan.steps:
        if step.id in SIDES:
            mark = file.mark("steps", step.id)
            yield Problem(mark, step.id, "is the word for a center", "give the step another name")


RULES: tuple[Callable[[PlanFile], Problems], ...] = (
    actions_are_known,
    inputs_fit_the_card,
    inputs_have_the_right_type,
    references_are_to_what_was_found,
    steps_are_not_named_like_places,
)
