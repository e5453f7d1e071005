"""What the calendar planned in the window, for print: who approved it, what nobody approved, and what ran over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from inventory import subject as subjects
from inventory.base import Name
from inventory.calendar import Entry, between
from inventory.calendar_model import Window
from inventory.model import Estate
from inventory.scope import covered
from reports.facts import Facts
from reports.formats import duration, moment
from reports.language import Language
from reports.subjects import Histories
from state.verdict import Availability


def plans(facts: Facts, known: Histories, say: Language) -> Iterator[str]:
    """Each piece of planned work and each drill that touches the window, in the order of time."""
    calendar = facts.estate.calendar
    for entry in between(calendar, facts.start, facts.until) if calendar else ():
        if isinstance(entry.said, Window):
            yield _plan(entry, entry.said, facts, say)
            yield from _overruns(entry, entry.said, facts, known, say)


def _plan(entry: Entry, window: Window, facts: Facts, say: Language) -> str:
    shown = {
        "name": entry.name.said(say.code),
        "start": moment(entry.start, facts.zone),
        "end": moment(entry.end, facts.zone),
    }
    if window.approved is None:
        return say("method.unapproved", **shown)
    return say("method.plan", **shown, by=window.approved.by, at=_written(window.approved.at))


def _written(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _overruns(entry: Entry, window: Window, facts: Facts, known: Histories, say: Language) -> Iterator[str]:
    """Systems that were down when the planned time was over."""
    if not entry.counts:
        return
    for system_id, name in _systems(facts.estate, window):
        line = known[subjects.system(system_id)].timeline
        late = next((one for one in line if one.start == entry.end and one.kind is Availability.DOWN), None)
        if late is not None:
            yield say(
                "method.overrun",
                name=entry.name.said(say.code),
                end=moment(entry.end, facts.zone),
                system=name.said(say.code),
                length=duration(late.end - late.start, say.code),
            )


def _systems(estate: Estate, window: Window) -> list[tuple[str, Name]]:
    named = covered(estate, window.subjects)
    return [(one.id, one.name) for one in estate.systems if subjects.system(one.id) in named]
