"""The chain of records: canonical JSON, each bound to the one before by its hash; the first bad one is named. Pure.

``verify_bundle.py`` of an evidence bundle follows the same rules with the standard library alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from failover.records import Kind, Record

FIRST = "0" * 64  #: what the first record has before it
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_FIELDS = frozenset(field.name for field in fields(Record))


class BadRecord(ValueError):
    """A line that is no record as it was written."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a journal holds: its records up to the first bad one, and that one named; ``broken`` empty: all is well."""

    records: tuple[Record, ...]
    broken: str = ""

    @property
    def head(self) -> str:
        """Hash of the last good record."""
        return self.records[-1].hash if self.records else FIRST


@cache
def algorithm() -> str:
    """``sm3`` where OpenSSL has it, else ``sha256``."""
    try:
        hashlib.new("sm3", b"")
    except ValueError:
        return "sha256"
    return "sm3"


def canonical(value: Any) -> bytes:
    """The one way to write a value as JSON; ValueError for what JSON cannot hold exactly."""
    return _ENCODER.encode(value).encode()


def link(values: Mapping[str, Any], before: Record | None, alg: str = "") -> Record:
    """The record of these values (run, epoch, mono_ns, boot_id, wall, actor, kind, payload) after ``before``."""
    content = {
        **values,
        "kind": str(values["kind"]),
        "seq": before.seq + 1 if before else 0,
        "alg": alg or algorithm(),
        "prev": before.hash if before else FIRST,
    }
    return _record(content, _digest(content))


def line(record: Record) -> bytes:
    """The record as it stands in the journal."""
    return canonical({name: getattr(record, name) for name in _FIELDS}) + b"\n"


def read(text: bytes) -> Record:
    """The record of one line. Raises BadRecord when the line is not exactly as :func:`line` writes it."""
    try:
        content = json.loads(text.decode())
        if not isinstance(content, dict) or content.keys() != _FIELDS or canonical(content) + b"\n" != text:
            raise BadRecord("not a whole record")
        return _record(content, content["hash"])
    except (ValueError, RecursionError) as error:
        raise BadRecord(f"not a whole record: {str(error)[:100]}") from None


def check(lines: Iterable[bytes], head: tuple[int, str] | None = None) -> Checked:
    """Follow the chain. ``head``: number and hash of a record known from elsewhere, which must be in the chain."""
    good: list[Record] = []
    for number, text in enumerate(lines):
        wrong = _step(text, number, good)
        if wrong:
            return Checked(tuple(good), f"record {number}: {wrong}")
    if head and (head[0] >= len(good) or good[head[0]].hash != head[1]):
        missing = head[0] >= len(good)
        why = "missing: the end was cut off" if missing else "not the record whose hash is known from elsewhere"
        return Checked(tuple(good), f"record {len(good) if missing else head[0]}: {why}")
    return Checked(tuple(good))


def _step(text: bytes, number: int, good: list[Record]) -> str:
    try:
        record = read(text)
    except BadRecord as error:
        return str(error)
    wrong = _wrong(record, number, good[-1] if good else None)
    if not wrong:
        good.append(record)
    return wrong


def _wrong(record: Record, number: int, before: Record | None) -> str:
    if record.seq != number:
        return f"found record {record.seq} instead: missing or out of order"
    if before and record.run != before.run:
        return "belongs to another run"
    if record.prev != (before.hash if before else FIRST):
        return "does not continue the record before it"
    if record.hash != _digest({name: getattr(record, name) for name in _FIELDS - {"hash"}}):
        return "was altered: its hash does not fit"
    return ""


def _digest(content: Mapping[str, Any]) -> str:
    try:
        maker = hashlib.new(str(content["alg"]))
    except ValueError:
        return f"no such algorithm here: {content['alg']}"
    maker.update(str(content["prev"]).encode() + b"\n" + canonical(content))
    return maker.hexdigest()


def _record(content: Mapping[str, Any], digest: str) -> Record:
    _typed(content, digest)
    return Record(**{**content, "kind": Kind(content["kind"]), "hash": digest})


def _typed(content: Mapping[str, Any], digest: str) -> None:
    numbers = ("seq", "epoch", "mono_ns")
    texts = ("run", "boot_id", "wall", "actor", "kind", "alg", "prev")
    right = (
        all(type(content[name]) is int for name in numbers)
        and all(isinstance(content[name], str) for name in texts)
        and isinstance(content["payload"], dict)
        and isinstance(digest, str)
        and content["alg"] in ("sm3", "sha256")
    )
    if not right:
        raise BadRecord("a field is not of its type")
