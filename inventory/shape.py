"""Bring a tree into the shape of a model: operators write the short form, models hold the regular one. Pure.

* a mapping of things by name becomes a tuple of things that know their name (``Document.keyed_by``);
* one value where a list is expected becomes a list of one;
* a check's own parameters are set apart from what every check has;
* models with a ``mark`` learn their file and line.
"""

from __future__ import annotations

import types
from dataclasses import replace
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from inventory.errors import Mark, Problem
from inventory.model import Document, RawCheck
from inventory.node import Map, Node, Scalar, Seq, lines, planted

OURS = frozenset({"mark", "lines"})  #: fields that loading fills; nobody writes them
_CHECK = frozenset(RawCheck.model_fields) - OURS - {"params"}


def bare(annotation: Any) -> Any:
    """A type without ``Annotated`` and without ``| None``."""
    if get_origin(annotation) is Annotated:
        return bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        some = [part for part in get_args(annotation) if part is not type(None)]
        return bare(some[0]) if len(some) == 1 else annotation
    return annotation


def fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model by the name an operator writes."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def is_model(annotation: Any) -> bool:
    """Whether a type is a model of ours."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def key_of(annotation: Any) -> str:
    """The field that a mapping's keys fill in things of this type; empty: they are written as a list."""
    return annotation.keyed_by if isinstance(annotation, type) and issubclass(annotation, Document) else ""


def shaped(node: Node, annotation: Any, problems: list[Problem]) -> Node:
    """The tree in the shape that ``annotation`` wants; what does not fit is left as it is, for the model to refuse."""
    annotation = bare(annotation)
    if is_model(annotation):
        return _model(node, annotation, problems) if isinstance(node, Map) else node
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (tuple, list) and inner:
        return _sequence(node, bare(inner[0]), problems)
    if origin is dict and isinstance(node, Map):
        entries = {key: shaped(value, inner[1], problems) for key, value in node.entries.items()}
        return replace(node, entries=entries)
    return node


def keyed(node: Map, model: type[Document], problems: list[Problem]) -> list[Node]:
    """The things of a mapping, each with its name put in; their line is that of the name."""
    return [_named(node, name, model, problems) for name in node.entries]


def _named(node: Map, name: str, model: type[Document], problems: list[Problem]) -> Node:
    thing, mark, key = node.entries[name], node.keys[name], model.keyed_by
    if not isinstance(thing, Map):
        return thing
    if key in thing.entries:
        problems.append(
            Problem(thing.keys[key], key, "is not written here", f"the name above, `{name}`, is it already")
        )
        thing = thing.without(key)
    thing = _model(replace(thing, mark=mark), model, problems)
    return thing.with_entry(key, Scalar(name, name, mark))


def _sequence(node: Node, inner: Any, problems: list[Problem]) -> Node:
    key = key_of(inner)
    if key and isinstance(node, Map):
        return Seq(tuple(keyed(node, inner, problems)), node.mark)
    if isinstance(node, Seq) and not key:
        return Seq(tuple(shaped(item, inner, problems) for item in node.items), node.mark)
    if isinstance(node, Scalar) and node.value is not None and not is_model(inner):
        return Seq((node,), node.mark)
    return node


def _model(node: Map, model: type[BaseModel], problems: list[Problem]) -> Map:
    known = fields(model)
    node = _unmarked(node, known, problems)
    if model is RawCheck:
        node = _check(node)
    entries = {
        key: shaped(value, known[key].annotation, problems) if key in known else value
        for key, value in node.entries.items()
    }
    shape = replace(node, entries=entries)
    return shape.with_entry("mark", _mark(node.mark)) if "mark" in known else shape


def _unmarked(node: Map, known: dict[str, FieldInfo], problems: list[Problem]) -> Map:
    for name in OURS & set(known) & set(node.entries):
        problems.append(Problem(node.keys[name], name, "is not known here", "remove it"))
        node = node.without(name)
    return node


def _check(node: Map) -> Map:
    own = {key: value for key, value in node.entries.items() if key not in _CHECK}
    known = {key: value for key, value in node.entries.items() if key in _CHECK}
    params = Map(own, node.keys, node.mark)
    where = planted(lines(params), node.mark)
    return Map({**known, "params": params, "lines": where}, node.keys, node.mark)


def _mark(mark: Mark) -> Node:
    return planted({"file": str(mark.file), "line": mark.line}, mark)
