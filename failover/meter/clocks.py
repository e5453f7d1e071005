"""One clock for a run: each vantage's monotonic clock against the desk's, with its error. Pure.

A question asked at the desk's t0 and answered by t1 carries the vantage's time h: whatever the way took, the vantage's
clock minus the desk's lies between h - t1 and h - t0. Several questions narrow that down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_DRIFT = 100e-6  #: by which a computer's clock may run fast or slow beside another's


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question for the time: asked and answered by the desk's clock, ``there`` by the vantage's; all ns."""

    asked: int
    answered: int
    there: int


@dataclass(frozen=True, slots=True)
class Offset:
    """A vantage's clock minus the desk's around the desk's instant ``at``; ns."""

    at: int
    offset: int
    error: int  #: the truth is within offset ± error


def offset(exchanges: Sequence[Exchange]) -> Offset | None:
    """What the exchanges leave possible; None without any, or when they contradict each other."""
    if not exchanges:
        return None
    low = max(one.there - one.answered for one in exchanges)
    high = min(one.there - one.asked for one in exchanges)
    if low > high:
        return None
    middle = sum(one.asked + one.answered for one in exchanges) // (2 * len(exchanges))
    return Offset(middle, (low + high) // 2, (high - low + 1) // 2)


def to_desk(there: int, offsets: Sequence[Offset]) -> tuple[int, int] | None:
    """A vantage's instant by the desk's clock, and its error; None when no offset is known."""
    if not offsets:
        return None
    nearest = min(offsets, key=lambda one: abs(there - one.offset - one.at))
    at = there - nearest.offset
    return at, nearest.error + round(abs(at - nearest.at) * _DRIFT)
