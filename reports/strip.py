"""An availability strip: a timeline cut into as many columns as people can see, each showing the worst that was in it.

A week on four hundred pixels leaves half an hour to a column; a twenty-second outage must still be seen, so a column
shows its worst class however short that was, and the size of the drawing does not grow with the number of intervals.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from math import ceil, floor

from state.verdict import Availability, Interval

COLUMNS = 240

#: who wins a column, weakest first
_RANK = {
    kind: rank
    for rank, kind in enumerate(
        (
            Availability.OUT,
            Availability.UP,
            Availability.MAINT,
            Availability.DRILL,
            Availability.DEGRADED,
            Availability.PATH,
            Availability.UNKNOWN,
            Availability.DOWN,
        )
    )
}


@dataclass(frozen=True, slots=True)
class Stretch:
    """A run of columns of one class; ``x`` and ``width`` are shares of the strip."""

    x: float
    width: float
    kind: Availability


def strip(timeline: Iterable[Interval], start: float, end: float, columns: int = COLUMNS) -> tuple[Stretch, ...]:
    """The timeline over ``[start, end)`` as runs of columns; what no interval covers is unknown."""
    if end <= start:
        return ()
    scale = columns / (end - start)
    worst: list[Availability | None] = [None] * columns
    for interval in timeline:
        first = max(0, floor(round((interval.start - start) * scale, 6)))
        last = min(columns, ceil(round((interval.end - start) * scale, 6)))
        for column in range(first, last):
            shown = worst[column]
            if shown is None or _RANK[interval.kind] > _RANK[shown]:
                worst[column] = interval.kind
    return tuple(_stretches([kind or Availability.UNKNOWN for kind in worst]))


def _stretches(kinds: list[Availability]) -> Iterable[Stretch]:
    at = 0
    for kind, run in groupby(kinds):
        length = len(list(run))
        yield Stretch(at / len(kinds), length / len(kinds), kind)
        at += length
