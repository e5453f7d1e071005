"""The three answers that a gate can give, each with its reason; and what of a host's words is a number. Pure."""

from __future__ import annotations

from failover.seen import Passed
from state.verdict import Reason

Answer = tuple[Passed, Reason]


def passes(code: str, **facts: str) -> Answer:
    """It is so."""
    return Passed.PASS, Reason(code, facts)


def fails(code: str, **facts: str) -> Answer:
    """It is surely not so."""
    return Passed.FAIL, Reason(code, facts)


def unknown(code: str, **facts: str) -> Answer:
    """It cannot be told."""
    return Passed.UNKNOWN, Reason(code, facts)


def number(value: object) -> float | None:
    """A finite, non-negative number, or None: what a host says is not trusted to be one."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf"):
        return float(value)
    return None
