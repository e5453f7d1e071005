"""Strict YAML into models: every mistake at once, each with file:line, the text, and what to write instead.

The rest of the product reads its own files (a check's parameters, a runbook's card) through the same functions, so a
mistake looks the same wherever it was made. ``inventory/tree.py`` reads the text, ``shape.py`` brings it into a model's
shape, the model judges it, and ``wording.py`` says what the model found.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from inventory.errors import InvalidEstate, Problem
from inventory.model import RawCheck
from inventory.shape import fields, is_model, shaped
from inventory.tree import Map, Node, Seq, parse, plain, planted
from inventory.wording import problem, spot

M = TypeVar("M", bound=BaseModel)
Loc = tuple[int | str, ...]  #: where in a model: field names and places in lists


def load_document(file: Path, model: type[M]) -> M:
    """Read one YAML file as a model, or raise InvalidEstate with every mistake in it."""
    problems: list[Problem] = []
    tree = parse(file, problems)
    read_model = read(model, tree, problems) if tree else None
    if read_model is None or problems:
        raise InvalidEstate(in_order(problems))
    return read_model


def read(model: type[M], node: Node, problems: list[Problem]) -> M | None:
    """A part of a document as a model; None, with the mistakes appended to ``problems``, when it is not one."""
    return judged(model, shaped(node, model, problems), problems)


def fill(
    model: type[M],
    check: RawCheck,
    problems: list[Problem],
    values: Mapping[str, Any] | None = None,
    known: Collection[str] = (),
) -> M | None:
    """The parameters of a check as its kind's model; mistakes name the line of the parameter.

    ``values`` are the parameters with placeholders filled in (default: as written); ``known`` are further names to
    suggest for a misspelt one, such as the fields that every check has.
    """
    written = planted(dict(check.params if values is None else values), check.mark, check.lines)
    return judged(model, shaped(written, model, problems), problems, known)


def judged(model: type[M], node: Node, problems: list[Problem], known: Collection[str] = ()) -> M | None:
    """A tree already in shape as a model, or None with the mistakes appended."""
    found = _validate(model, node)
    if not isinstance(found, list):
        return found
    problems.extend(said for error in found if (said := problem(error, model, node, known)))
    return None


def salvaged(model: type[M], node: Node, problems: list[Problem]) -> tuple[M | None, Node]:
    """As :func:`judged`, but leaves out what is wrong and not required, so that the rest can still be cross-checked.

    Returns the model with the tree that it was made of. It only serves to find more mistakes: whoever calls this
    refuses the estate when there are problems.
    """
    found = _validate(model, node)
    if not isinstance(found, list):
        return found, node
    problems.extend(said for error in found if (said := problem(error, model, node)))
    cuts = {cut for error in found if (cut := _cut(model, node, error["loc"]))}
    for cut in sorted(cuts, key=_late_first):
        if not any(cut[:end] in cuts for end in range(1, len(cut))):
            node = _without(node, cut)
    again = _validate(model, node)
    return (None if isinstance(again, list) else again), node


def in_order(problems: Collection[Problem]) -> list[Problem]:
    """Each problem once, file by file and line by line."""
    return sorted(dict.fromkeys(problems), key=lambda one: (str(one.mark.file), one.mark.line))


def _validate(model: type[M], node: Node) -> M | list[ErrorDetails]:
    """Strictly: in JSON mode lists are tuples and words are members of enums, but "22" is no number and 1 no truth."""
    try:
        return model.model_validate_json(json.dumps(plain(node)), strict=True)
    except ValidationError as error:
        return error.errors(include_url=False)


def _cut(model: type[BaseModel], node: Node, loc: Loc) -> Loc:
    """The smallest part around an error that may be left out; empty if there is none."""
    return next((loc[:end] for end in range(len(loc), 0, -1) if _optional(model, node, loc[:end])), ())


def _late_first(loc: Loc) -> list[tuple[int, str]]:
    """Sorts later entries of a list before earlier ones, so that leaving one out moves no other."""
    return [(-step, "") if isinstance(step, int) else (0, step) for step in loc]


def _optional(model: type[BaseModel], node: Node, loc: Loc) -> bool:
    owner = spot(model, node, loc[:-1])
    if isinstance(owner.node, Seq):
        return isinstance(loc[-1], int) and loc[-1] < len(owner.node.items)
    if not isinstance(owner.node, Map) or loc[-1] not in owner.node.entries:
        return False
    if not is_model(owner.wanted):
        return True
    field = fields(owner.wanted).get(str(loc[-1]))
    return field is None or not field.is_required()


def _without(node: Node, loc: Loc) -> Node:
    step, rest = loc[0], loc[1:]
    if isinstance(node, Map):
        key = str(step)
        return node.with_entry(key, _without(node.entries[key], rest)) if rest else node.without(key)
    if isinstance(node, Seq) and isinstance(step, int):
        items = list(node.items)
        items[step : step + 1] = [_without(items[step], rest)] if rest else []
        return replace(node, items=tuple(items))
    return node
