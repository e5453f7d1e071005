"""Availability with honest bounds, from a timeline. Pure.

With U, D, N the seconds up (or degraded), down, and not known: A = U / (U + D), A_low = U / (U + D + N), A_high =
(U + N) / (U + D + N), coverage = (U + D) / (U + D + N). The target is met if even A_low reaches it, missed if not even
A_high does, undetermined in between. Planned time and time out of service are in none of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum

from state.verdict import Availability, Interval

COVERAGE_NEEDED = 0.9  #: below this there is no number, only its bounds


class Met(StrEnum):
    """Whether a target was kept."""

    MET = "met"
    MISSED = "missed"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True)
class Figures:
    """The availability of one subject in one period; times are seconds, shares fractions of one."""

    up: float  #: degraded time included
    degraded: float
    down: float
    unknown: float  #: path time included
    path: float  #: not observable because the link or the vantage failed
    maintenance: float
    drill: float
    out: float
    target: float

    @property
    def counted(self) -> float:
        """The time that the target speaks of."""
        return self.up + self.down + self.unknown

    @property
    def coverage(self) -> float:
        """The share of the counted time about which something is known; 0 if no time counts."""
        return (self.up + self.down) / self.counted if self.counted else 0.0

    @property
    def a(self) -> float | None:
        """The availability; None if too little is known to give a number."""
        return self.up / (self.up + self.down) if self.coverage >= COVERAGE_NEEDED else None

    @property
    def low(self) -> float | None:
        """The availability if all unknown time was down; None if no time counts."""
        return self.up / self.counted if self.counted else None

    @property
    def high(self) -> float | None:
        """The availability if all unknown time was up; None if no time counts."""
        return (self.up + self.unknown) / self.counted if self.counted else None

    @property
    def verdict(self) -> Met:
        """Whether the target was met, as far as it can be known."""
        if self.low is None or self.high is None:
            return Met.UNDETERMINED
        if self.low >= self.target:
            return Met.MET
        return Met.MISSED if self.high < self.target else Met.UNDETERMINED

    @property
    def budget(self) -> float:
        """Seconds that could have been down within the target."""
        return (1 - self.target) * self.counted

    @property
    def remaining(self) -> tuple[float, float]:
        """What is left of the budget: at worst (all unknown time was down), and at best."""
        return self.budget - self.down - self.unknown, self.budget - self.down


def figures(timeline: Iterable[Interval], target: float) -> Figures:
    """The figures of a timeline against a target (a fraction of one)."""
    seconds = dict.fromkeys(Availability, 0.0)
    for interval in timeline:
        seconds[interval.kind] += interval.end - interval.start
    return Figures(
        up=seconds[Availability.UP] + seconds[Availability.DEGRADED],
        degraded=seconds[Availability.DEGRADED],
        down=seconds[Availability.DOWN],
        unknown=seconds[Availability.UNKNOWN] + seconds[Availability.PATH],
        path=seconds[Availability.PATH],
        maintenance=seconds[Availability.MAINT],
        drill=seconds[Availability.DRILL],
        out=seconds[Availability.OUT],
        target=target,
    )


def percent(share: float | None, digits: int = 3) -> str:
    """A share as percent, always rounded down: it never reaches a target or 100 % that was not reached."""
    if share is None:
        return "—"
    step = Decimal(1).scaleb(-digits)
    return f"{(Decimal(repr(share)) * 100).quantize(step, rounding=ROUND_FLOOR)} %"
