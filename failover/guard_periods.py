"""What the estate's calendar says about running a drill now: the guard periods that forbid it. Pure."""

from __future__ import annotations

from inventory.base import Name
from inventory.calendar import at
from inventory.model import Estate


def in_force(estate: Estate, instant: float) -> tuple[Name, ...] | None:
    """The guard periods that forbid a full drill at an instant (Unix seconds); None: the estate has no calendar."""
    if estate.calendar is None:
        return None
    return tuple(entry.name for entry in at(estate.calendar, instant).refuses_full_drills)


def without_days(estate: Estate, instant: float) -> tuple[Name, ...]:
    """The guard periods of which nobody has entered when they are this year."""
    return () if estate.calendar is None else tuple(one.name for one in at(estate.calendar, instant).unknown)
