"""A model's refusal in the operator's words: where it stands, what is wrong, what to write instead. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from enum import Enum
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from inventory.errors import Mark, Problem
from inventory.model import Confirm, Name, RawCheck
from inventory.node import Map, Node, Scalar, Seq, shown
from inventory.notation import fraction, seconds
from inventory.shape import OURS, bare, fields, is_model, key_of

_NAMES = "use lower-case letters, digits and hyphens, at most 41 characters, like `cloud-db`"
_PATTERNS = {r"^[a-z0-9][a-z0-9-]{0,40}$": _NAMES, r"^\d{6}$": 'write the six digits of GB/T 2260, like "110000"'}
_BOUNDS = {
    "greater_than_equal": ("is too small", "at least", "ge"),
    "greater_than": ("is too small", "more than", "gt"),
    "less_than_equal": ("is too large", "at most", "le"),
    "less_than": ("is too large", "less than", "lt"),
}


@dataclass(frozen=True, slots=True)
class Spot:
    """Where an error stands: the type that was wanted there, and what was written."""

    wanted: Any  #: annotation, or None when it is not known
    node: Node | None  #: None: nothing was written
    owner: type[BaseModel] | None  #: the model whose field it is
    key: str
    mark: Mark

    @property
    def text(self) -> str:
        """The offending text: the value if it is a single one, else the name it goes by."""
        return shown(self.node.text if isinstance(self.node, Scalar) else "") or shown(self.key)


def spot(model: type[BaseModel], root: Node, loc: tuple[int | str, ...]) -> Spot:
    """Follow a model's error location through the tree, as far as the tree goes."""
    here = Spot(model, root, None, "", root.mark)
    for step in loc:
        here = _step(here, step)
    return here


def _step(here: Spot, step: int | str) -> Spot:
    if step == "[key]":  # the model refuses the key itself
        return replace(here, node=None)
    wanted, node, key = bare(here.wanted), here.node, str(step)
    match node:
        case Map():
            below, mark = node.get(key), node.keys.get(key, node.mark)
        case Seq() if isinstance(step, int) and step < len(node.items):
            below, mark, key = node.items[step], node.items[step].mark, here.key
        case Scalar() | Seq():
            # a branch of a union, or something beyond what was written
            below, mark, key = node, node.mark, here.key
        case _:
            below, mark = None, here.mark
    if isinstance(below, Scalar):
        mark = below.mark
    return Spot(_below(wanted, step), below, wanted if is_model(wanted) else here.owner, key, mark)


def _below(wanted: Any, step: int | str) -> Any:
    """The type of a part of a type."""
    if is_model(wanted):
        field = fields(wanted).get(str(step))
        return _whole(field.annotation, field.metadata) if field else None
    origin, inner = get_origin(wanted), get_args(wanted)
    if origin is tuple and isinstance(step, int):
        return inner[0] if inner[-1] is Ellipsis else inner[min(step, len(inner) - 1)]
    if origin is dict:
        return inner[1]
    return inner[0] if origin is list else None


def _whole(annotation: Any, metadata: list[Any]) -> Any:
    """A field's annotation with the validators that pydantic has taken out of it."""
    return Annotated[(annotation, *metadata)] if metadata else annotation


def problem(error: ErrorDetails, model: type[BaseModel], root: Node, known: Collection[str] = ()) -> Problem | None:
    """Say one error of a model for people; None when the parser has already complained about the same spot.

    ``known`` are further names that may be suggested for a misspelt key.
    """
    here = spot(model, root, error["loc"])
    if isinstance(here.node, Scalar) and here.node.value is None:
        return None
    kind, ctx = error["type"], error.get("ctx", {})
    if kind == "missing":
        if isinstance(error["loc"][-1], int):
            whole = spot(model, root, error["loc"][:-1])
            return Problem(here.mark, here.key, "has too few entries", f"write {_example(whole.wanted, whole.key)}")
        return Problem(here.mark, here.key, "is missing here", f"add `{here.key}: {_example(here.wanted, here.key)}`")
    if kind == "extra_forbidden":
        return Problem(here.mark, shown(here.key), "is not known here", _nearest_key(here, known))
    message, instead = _said(here, kind, ctx, error["msg"])
    return Problem(here.mark, here.text, message, instead)


def _nearest_key(here: Spot, known: Collection[str]) -> str:
    allowed = _writable(here.owner) if here.owner else []
    return nearest(here.key, [*allowed, *known])


def _writable(model: type[BaseModel]) -> list[str]:
    hidden = OURS | {key_of(model)} | ({"params"} if model is RawCheck else set())
    return [name for name in fields(model) if name not in hidden]


def nearest(written: str, allowed: Collection[str]) -> str:
    """``did you mean `x`?``, or the list of what may be written."""
    close = difflib.get_close_matches(written[:64], list(allowed), n=1)
    if close:
        return f"did you mean `{close[0]}`?"
    listed = ", ".join(sorted(allowed)[:20])
    return f"use one of: {listed}" if listed else "remove it"


def _said(here: Spot, kind: str, ctx: Mapping[str, Any], msg: str) -> tuple[str, str]:
    """What is wrong and what to write instead."""
    if kind == "value_error":
        message, _, instead = str(ctx.get("error", msg)).partition(": ")
        return message, instead
    if kind in ("enum", "literal_error"):
        words = _words(here.wanted)
        return "is not known here", nearest(here.text, words)
    if kind == "string_pattern_mismatch":
        return "is not a name that can be used here", _PATTERNS.get(ctx["pattern"], f"match {ctx['pattern']}")
    if kind in _BOUNDS:
        message, bound, name = _BOUNDS[kind]
        return message, f"write {bound} {ctx[name]}"
    return _amount(kind, ctx) or _kind(here, msg)


def _amount(kind: str, ctx: Mapping[str, Any]) -> tuple[str, str] | None:
    match kind:
        case "string_too_short":
            return "is empty", "write some text"
        case "string_too_long":
            return "is too long", f"write at most {ctx['max_length']} characters"
        case "too_short":
            return "has too few entries", f"write at least {ctx['min_length']}"
        case "too_long":
            return "has too many entries", f"write at most {ctx['max_length']}"
    return None


def _kind(here: Spot, msg: str) -> tuple[str, str]:
    """A value of another kind than the one wanted."""
    noun, example = described(here.wanted, here.key)
    if not noun:
        return shown(msg[:1].lower() + msg[1:]), ""
    if noun == "text":
        quoted = f'put it in quotes: "{here.text}"'
        return "must be text", quoted if isinstance(here.node, Scalar) else "write a single value"
    if noun == "a whole number" and isinstance(here.node, Scalar) and here.text.isascii() and here.text.isdigit():
        return f"must be {noun}", f"write {int(here.text) if len(here.text) < 19 else '22'} without quotes"
    return f"must be {noun}", f"write {example}"


def _words(wanted: Any) -> list[str]:
    inner = bare(wanted)
    if isinstance(inner, type) and issubclass(inner, Enum):
        return [str(member.value) for member in inner]
    return [str(word) for word in get_args(inner)]


def _example(wanted: Any, key: str) -> str:
    return described(wanted, key)[1] or "..."


_PLAIN: dict[Any, tuple[str, str]] = {
    str: ("text", "..."),
    bool: ("true or false", "`true` or `false`, without quotes"),
    int: ("a whole number", "a whole number, like 2"),
    float: ("a number", "a number, like 1.5"),
    Confirm: ("a confirmation", "2/3"),
    Name: ("a name in both languages", "{zh: ..., en: ...}"),
    datetime: ("a moment", "2026-11-28T22:00"),
    date: ("a day", "2026-11-28"),
    time: ("a time of day", "17:00"),
}


def described(wanted: Any, key: str) -> tuple[str, str]:
    """What a type is called, and how it is written; empty when nothing helpful can be said."""
    if seconds in validators(wanted):
        return "a time", "30s"
    if fraction in validators(wanted):
        return "a share in percent", "99.95%"
    inner = bare(wanted)
    if inner in _PLAIN:
        return _PLAIN[inner]
    if words := _words(inner) if isinstance(inner, type) and issubclass(inner, Enum) else []:
        return f"one of {', '.join(words)}", words[0]
    return _collection(inner, key)


def _collection(inner: Any, key: str) -> tuple[str, str]:
    origin, parts = get_origin(inner), get_args(inner)
    if is_model(inner):
        required = [name for name in _writable(inner) if fields(inner)[name].is_required()]
        return "a mapping", "{" + ", ".join(f"{name}: ..." for name in required[:4] or ["key"]) + "}"
    if origin is tuple and key_of(bare(parts[0])):
        return "a mapping of things by name", "{name: {...}}"
    if origin in (tuple, list):
        one = key[:-1] if key.endswith("s") and len(key) > 2 else "..."
        return "a list", "[" + ", ".join([one] * (1 if parts[-1] is Ellipsis else len(parts))) + "]"
    return ("a mapping", "{name: value}") if origin is dict else ("", "")


def validators(wanted: Any) -> list[Any]:
    """The functions that a type is checked with besides what pydantic does itself."""
    if get_origin(wanted) is Annotated:
        return [getattr(part, "func", None) for part in get_args(wanted)[1:]]
    return [found for part in get_args(wanted) for found in validators(part)] if _nullable(wanted) else []


def _nullable(wanted: Any) -> bool:
    return type(None) in get_args(wanted)
