"""Where a time axis is marked and what stands there, from minutes to months, in the estate's own time zone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from reports.formats import day

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
#: seconds between two marks; all divide a day, or are whole days
_STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(_MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * n for n in (1, 2, 3, 6, 12)),
    *(_DAY * n for n in (1, 2, 3, 7, 14, 30, 91, 182, 365)),
)


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on a time axis: Unix seconds, its place as a share of the window, and its label."""

    at: float
    share: float
    label: str


def ticks(start: float, end: float, zone: tzinfo, lang: str, most: int = 8) -> tuple[Tick, ...]:
    """At most ``most`` marks on round local times inside ``[start, end]``; labels get finer as the window shrinks."""
    span = end - start
    if span <= 0:
        return ()
    step = next((step for step in _STEPS if span / step <= most), _STEPS[-1])
    return tuple(Tick(at, (at - start) / span, _label(at, step, zone, lang)) for at in _round(start, end, step, zone))


def _round(start: float, end: float, step: int, zone: tzinfo) -> Iterator[float]:
    # Counted in wall-clock time from local midnight, so that days stay days where clocks change.
    midnight = datetime.fromtimestamp(start, zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    wall = midnight
    while (at := wall.replace(tzinfo=zone).timestamp()) <= end:
        if at >= start:
            yield at
        wall += timedelta(seconds=step)


def _label(at: float, step: int, zone: tzinfo, lang: str) -> str:
    local = datetime.fromtimestamp(at, zone)
    if step >= _DAY:
        return day(at, zone, lang)
    if step < _MINUTE:
        return f"{local:%H:%M:%S}"
    if (local.hour, local.minute) == (0, 0):
        return day(at, zone, lang)
    return f"{local:%H:%M}"
