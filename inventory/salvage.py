"""What is left of a thing when its mistakes are set aside, so that the rest can still be checked against the estate.

One mistake must not hide the others. A wrong part that may be left out is left out; a wrong time, share or name, which
nothing else refers to, gets a stand-in; a thing that is wrong in what others refer to is given up. The outcome only
serves to find more mistakes: whoever asks for it refuses the estate when there are problems. Pure.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel

from inventory.document import validated
from inventory.errors import Problem
from inventory.model import Grade, Name
from inventory.node import Map, Node, Seq, planted
from inventory.notation import fraction, seconds
from inventory.shape import bare, fields, is_model
from inventory.wording import problem, spot, validators

M = TypeVar("M", bound=BaseModel)
Loc = tuple[int | str, ...]  #: where in a model: field names and places in lists

_NAME = {"zh": "-", "en": "-"}
_STAND_INS: dict[Any, object] = {
    Name: _NAME,
    bool: False,
    int: 1,
    Grade: {"mlps": 1, "critical": False, "data": "general"},
}


def salvaged(model: type[M], node: Node, problems: list[Problem]) -> tuple[M | None, Node]:
    """A tree in shape as a model, without what is wrong in it, and the tree that this model was made of.

    The mistakes are appended to ``problems``; None when too little is left.
    """
    found = validated(model, node)
    if not isinstance(found, list):
        return found, node
    problems.extend(said for error in found if (said := problem(error, model, node)))
    mends = dict(mend for error in found if (mend := _mend(model, node, error["loc"])))
    for loc in sorted(mends, key=_late_first):
        if not any(loc[:end] in mends for end in range(1, len(loc))):
            node = _with(node, loc, mends[loc])
    again = validated(model, node)
    return (None if isinstance(again, list) else again), node


def _mend(model: type[BaseModel], node: Node, loc: Loc) -> tuple[Loc, Node | None] | None:
    """The smallest part around an error that can be left out (None) or replaced; None if there is no such part."""
    for end in range(len(loc), 0, -1):
        if _optional(model, node, loc[:end]):
            return loc[:end], None
        here = spot(model, node, loc[:end])
        value = _stand_in(here.wanted)
        if value is not None:
            return loc[:end], planted(value, here.mark)
    return None


def _optional(model: type[BaseModel], node: Node, loc: Loc) -> bool:
    """Whether a part is there and the model does without it."""
    owner = spot(model, node, loc[:-1])
    if isinstance(owner.node, Seq):
        return isinstance(loc[-1], int) and loc[-1] < len(owner.node.items)
    if not isinstance(owner.node, Map) or loc[-1] not in owner.node.entries:
        return False
    wanted = bare(owner.wanted)
    field = fields(wanted).get(str(loc[-1])) if is_model(wanted) else None
    return field is None or not field.is_required()


def _stand_in(wanted: Any) -> object | None:
    """A harmless value of a type; None for a type whose values are referred to."""
    if seconds in validators(wanted):
        return "1s"
    if fraction in validators(wanted):
        return "1%"
    inner = bare(wanted)
    if inner in _STAND_INS or not is_model(inner):
        return _STAND_INS.get(inner)
    parts = {name: _stand_in(field.annotation) for name, field in fields(inner).items() if field.is_required()}
    return None if None in parts.values() else parts


def _late_first(loc: Loc) -> list[tuple[int, str]]:
    """Sorts later entries of a list before earlier ones, so that leaving one out moves no other."""
    return [(-step, "") if isinstance(step, int) else (0, step) for step in loc]


def _with(node: Node, loc: Loc, part: Node | None) -> Node:
    """The tree with one part replaced, or left out."""
    step, rest = loc[0], loc[1:]
    if isinstance(node, Map):
        key, below = str(step), part
        if rest:
            below = _with(node.entries[key], rest, part)
        return node.without(key) if below is None else node.with_entry(key, below)
    if isinstance(node, Seq) and isinstance(step, int):
        items = list(node.items)
        below = _with(items[step], rest, part) if rest else part
        items[step : step + 1] = [] if below is None else [below]
        return replace(node, items=tuple(items))
    return node
