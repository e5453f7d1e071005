"""Reporting deadlines that come near or have passed, put into the outbox, each once."""

from __future__ import annotations

from collections.abc import Collection
from zoneinfo import ZoneInfo

from inventory.model import Estate
from inventory.people import People
from reports.formats import moment
from reports.incident_facts import clocks_of
from state.countdown import Countdown, Stage, current_grade
from state.incident_act import Grade
from state.incident_book import remind
from state.store import Store
from state.verdict import Incident

SOON = 20 * 60.0  #: seconds before a report is due
Key = tuple[int, str]  #: incident, and clock with stage


def remind_of(
    store: Store,
    estate: Estate,
    people: People,
    incident: Incident,
    suggested: Grade | None,
    before: Collection[Key],
    now: float,
) -> set[Key]:
    """Tell of every report that is due within ``SOON``, and of every late one; ``before`` are told already.

    Returns what is told of now.
    """
    zone, told = ZoneInfo(estate.timezone), set()
    for one in clocks_of(store, estate, people, incident, current_grade(incident, suggested), now):
        stage = _worth_telling(one, now)
        key = (incident.id, f"{one.clock.id}/{stage}")
        if stage and one.due is not None and key not in before:
            facts = {"stage": stage, "to_zh": one.clock.to.zh, "to_en": one.clock.to.en, "at": moment(one.due, zone)}
            remind(store, incident, key[1], now, facts)
            told.add(key)
    return told


def _worth_telling(one: Countdown, now: float) -> str:
    if one.stage is Stage.OVERDUE:
        return "past"
    return "soon" if one.stage is Stage.RUNNING and one.due is not None and one.due - now <= SOON else ""
