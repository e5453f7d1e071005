"""When nothing may start by itself: planned work, drills, guard periods, a failover that is under way. Pure."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from inventory import subject as subjects
from inventory.calendar import Entry, Kind
from inventory.calendar_model import Freeze
from runbooks.card import Risk
from runbooks.world import Case, World
from state.facts import named
from state.verdict import Reason

_CODE = {Kind.MAINTENANCE: "runbook.maintenance", Kind.DRILL: "runbook.drill"}


def held(_: Case, world: World) -> Reason | None:
    """Something larger than a runbook is at work on the whole estate."""
    return world.held


def planned(case: Case, world: World) -> Reason | None:
    """People are at work there, or learn there; a person may still agree."""
    if world.effects is None or case.agreed(world):
        return None
    for subject in (case.incident.subject, subjects.host(case.host.id)):
        if entry := world.effects.planned(subject, world.estate):
            return Reason(_CODE[entry.kind], {"subject": subject, **_until(entry, world)})
    return None


def guard_period(case: Case, world: World) -> Reason | None:
    """In an important time nothing changes by itself; two persons may agree, and it is on record that they did."""
    if world.effects is None:
        return None
    freeze, entry = world.effects.freeze
    if entry is None or freeze is Freeze.NOTHING or len(case.agreed(world)) >= world.policy.eyes:
        return None
    if freeze is Freeze.RISKY and case.card.risk is Risk.LOW:
        return None
    return Reason("runbook.guard_period", {**_until(entry, world), "eyes": str(world.policy.eyes)})


def _until(entry: Entry, world: World) -> dict[str, str]:
    until = datetime.fromtimestamp(entry.end, ZoneInfo(world.estate.timezone))
    return {**named("entry", entry.id, entry.name), "until": f"{until:%Y-%m-%d %H:%M}"}
