"""The nodes of a document: values, lists and mappings, each with its line; ``tree.py`` makes them from text. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from inventory.errors import Mark

SHOWN = 60  #: characters of offending text that a message quotes

#: control characters, halves of surrogate pairs, and marks that turn the direction of text, to show what is not meant
UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069"
    "\ud800-\udfff\ufeff\ufffe\uffff]"
)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value: what was written, and what it means (text, number, true or false, or nothing)."""

    text: str
    value: object
    mark: Mark


@dataclass(frozen=True, slots=True)
class Seq:
    """A list."""

    items: tuple[Node, ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Map:
    """A mapping; keys are text as written. ``mark`` is the line of the key it belongs to."""

    entries: Mapping[str, Node]
    keys: Mapping[str, Mark]  #: where each key stands
    mark: Mark

    def get(self, key: str) -> Node | None:
        """The value of a key, or None."""
        return self.entries.get(key)

    def with_entry(self, key: str, node: Node) -> Map:
        """The same mapping with one entry set; its key stands where the value does."""
        return replace(self, entries={**self.entries, key: node}, keys={**self.keys, key: node.mark})

    def without(self, key: str) -> Map:
        """The same mapping with one entry left out."""
        return replace(self, entries={name: node for name, node in self.entries.items() if name != key})


Node = Scalar | Seq | Map


def plain(node: Node) -> Any:
    """The tree as Python values: dict, list, str, int, float, bool, None."""
    match node:
        case Map():
            return {key: plain(value) for key, value in node.entries.items()}
        case Seq():
            return [plain(item) for item in node.items]
        case Scalar():
            return node.value


def planted(value: object, mark: Mark, lines: Mapping[str, int] | None = None, path: str = "") -> Node:
    """A tree from Python values, the inverse of :func:`plain`; lines by dotted path, ``mark`` for the rest."""
    lines = lines or {}
    here = Mark(mark.file, lines.get(path, mark.line))
    if isinstance(value, Mapping):
        entries = {str(key): planted(item, here, lines, _join(path, key)) for key, item in value.items()}
        return Map(entries, {key: node.mark for key, node in entries.items()}, here)
    if isinstance(value, list | tuple):
        return Seq(tuple(planted(item, here, lines, _join(path, at)) for at, item in enumerate(value)), here)
    return Scalar(str(value), value, here)


def lines(node: Node, path: str = "") -> dict[str, int]:
    """The line of every dotted path below a node: ``{"headers": 3, "headers.Host": 4}``."""
    match node:
        case Map():
            below = [(_join(path, key), value) for key, value in node.entries.items()]
        case Seq():
            below = [(_join(path, at), value) for at, value in enumerate(node.items)]
        case Scalar():
            below = []
    found = {name: value.mark.line for name, value in below}
    for name, value in below:
        found |= lines(value, name)
    return found


def _join(path: str, step: object) -> str:
    return f"{path}.{step}" if path else str(step)


def shown(text: str) -> str:
    """Text from a file fit for a message: one line, no control characters, cut when long."""
    flat = UNSEEN.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))
    return flat if len(flat) <= SHOWN else flat[: SHOWN - 1] + "…"


def below(node: Node, *path: str | int) -> Node | None:
    """What stands below a node, or None."""
    here: Node | None = node
    for step in path:
        if isinstance(here, Map) and isinstance(step, str):
            here = here.get(step)
        elif isinstance(here, Seq) and isinstance(step, int) and step < len(here.items):
            here = here.items[step]
        else:
            return None
    return here


def mark_of(node: Node, *path: str | int) -> Mark:
    """The line of what stands below a node; the nearest line above it where there is nothing."""
    mark = node.mark
    for step in path:
        if isinstance(node, Map) and isinstance(step, str) and step in node.entries:
            mark, node = node.keys[step], node.entries[step]
        elif isinstance(node, Seq) and isinstance(step, int) and step < len(node.items):
            mark, node = node.items[step].mark, node.items[step]
        else:
            return mark
    return node.mark if isinstance(node, Scalar) else mark
