"""The planned time of a subject, for its timeline: work and drills that were approved before they began. Pure.

What runs over its end is no longer planned: the observed class counts from there on.
"""

from __future__ import annotations

from inventory.calendar import Kind, planned
from inventory.model import Estate
from state.verdict import Availability, Interval

_CLASS = {Kind.MAINTENANCE: Availability.MAINT, Kind.DRILL: Availability.DRILL}


def planned_for(estate: Estate, subject: str, start: float, end: float) -> tuple[Interval, ...]:
    """The planned intervals of a subject that touch ``[start, end)`` (Unix seconds), in order."""
    if estate.calendar is None:
        return ()
    return tuple(
        Interval(entry.start, entry.end, _CLASS[entry.kind])
        for entry, subjects in planned(estate.calendar, estate, start, end)
        if subject in subjects
    )
