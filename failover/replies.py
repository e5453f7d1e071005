"""What a host told, made into a Reply: bounded, typed, and unknown whenever it makes no sense. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from checks.sentence import clean
from failover.ports import Outcome, Reply

_DEEP, _WIDE, _LONG = 5, 200, 2000


def reply(told: object, took: float) -> Reply:
    """A reply from a host's JSON."""
    if not isinstance(told, Mapping):
        return unknown("the host's answer makes no sense", took)
    try:
        outcome = Outcome(str(told.get("outcome")))
    except ValueError:
        return unknown("the host's answer makes no sense", took)
    facts = told.get("facts")
    kept = plain(facts) if isinstance(facts, Mapping) else {}
    return Reply(outcome, clean(str(told.get("says", ""))), kept, took)


def unknown(says: str, took: float) -> Reply:
    """Nobody knows how far it came."""
    return Reply(Outcome.UNKNOWN, clean(says), {}, took)


def refused(says: str, took: float = 0.0) -> Reply:
    """Surely nothing was done."""
    return Reply(Outcome.REFUSED, clean(says), {}, took)


def plain(value: Any, depth: int = 0) -> Any:
    """Plain data of bounded size; what is too deep, too wide or too long is cut."""
    match value:
        case bool() | int() | None:
            return value
        case float():
            return value if math.isfinite(value) else None
        case str():
            return clean(value, _LONG)
        case Mapping() if depth < _DEEP:
            return {clean(str(key), 100): plain(item, depth + 1) for key, item in list(value.items())[:_WIDE]}
        case list() | tuple() if depth < _DEEP:
            return [plain(item, depth + 1) for item in value[:_WIDE]]
    return clean(str(value), 100)
