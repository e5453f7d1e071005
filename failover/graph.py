"""The order of a plan's steps: what must be over before a step begins, what runs beside it, how long it takes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from failover.plan import Kind, Mode, Step

Needs = Mapping[str, tuple[str, ...]]


def needs(steps: Iterable[Step]) -> dict[str, tuple[str, ...]]:
    """Step -> the steps it waits for; names that no step bears are left out (lint has named them)."""
    steps = tuple(steps)
    known = {step.id for step in steps}
    return {step.id: tuple(name for name in step.needs if name in known) for step in steps}


def before(graph: Needs, step: str) -> frozenset[str]:
    """All steps that are surely over when ``step`` begins; in a cycle that includes itself."""
    seen: set[str] = set()
    waiting = list(graph.get(step, ()))
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(graph.get(name, ()))
    return frozenset(seen)


def after(graph: Needs, step: str) -> frozenset[str]:
    """All steps that surely begin only when ``step`` is over."""
    return frozenset(name for name in graph if step in before(graph, name))


def cyclic(graph: Needs) -> list[str]:
    """The steps that wait for themselves."""
    return [name for name in graph if name in before(graph, name)]


def in_order(graph: Needs) -> list[str]:
    """The steps, each after all it waits for; those that may run together stay as they were written."""
    placed: dict[str, None] = {}
    left = list(graph)
    while left:
        ready = [name for name in left if all(need in placed for need in graph[name])]
        if not ready:  # a cycle: lint refuses it, a reader still sees every step once
            return [*placed, *left]
        placed.update(dict.fromkeys(ready))
        left = [name for name in left if name not in placed]
    return list(placed)


def ends(graph: Needs, took: Mapping[str, float]) -> dict[str, float]:
    """When each step ends, counted from the start, if each takes what ``took`` says and nobody waits without need."""
    found: dict[str, float] = {}
    for name in in_order(graph):
        begins = max((found.get(need, 0.0) for need in graph[name]), default=0.0)
        found[name] = begins + took.get(name, 0.0)
    return found


def only(graph: Needs, kept: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The order among some of the steps: what stood between two of them is stepped over."""
    kept = set(kept)
    return {name: _kept_before(graph, name, kept) for name in graph if name in kept}


def _kept_before(graph: Needs, step: str, kept: set[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    waiting, seen = list(reversed(graph[step])), {step}
    while waiting:
        name = waiting.pop()
        if name in kept:
            found.setdefault(name)
        elif name not in seen:
            seen.add(name)
            waiting.extend(reversed(graph[name]))
    return tuple(found)


def in_mode(steps: Iterable[Step], mode: Mode) -> tuple[Step, ...]:
    """The steps of a mode, each after all it waits for; their ``needs`` step over those of other modes."""
    steps = tuple(steps)
    by_id = {step.id: step for step in steps}
    graph = only(needs(steps), [step.id for step in steps if mode in step.modes])
    return tuple(by_id[name].model_copy(update={"needs": graph[name]}) for name in in_order(graph))


def outage(steps: Iterable[Step], mode: Mode) -> tuple[str, ...]:
    """The steps while which clients wait: up to the first that moves them, from the fence where it is planned.

    Unplanned, clients wait from the start. Without a step that moves clients: up to the last urgent one.
    """
    steps = tuple(steps)
    graph = needs(steps)
    kinds = {step.id: step.kind for step in steps}
    moves = [name for name in in_order(graph) if kinds[name] is Kind.TRAFFIC][:1]
    moves = moves or [name for name in in_order(graph) if any(name == step.id and step.urgent for step in steps)][-1:]
    if not moves:
        return ()
    path = {*before(graph, moves[0]), moves[0]}
    if mode is Mode.GRACEFUL:
        fences = [step.id for step in steps if step.kind is Kind.FENCE and step.id in path]
        path = {name for name in path if any(name == fence or fence in before(graph, name) for fence in fences)}
    return tuple(name for name in in_order(graph) if name in path)
