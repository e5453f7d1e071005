"""From the store to all that is known of one incident: of the incident pages the only file that reads records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from inventory.model import Estate
from inventory.people import EmergencyPlan, People
from runbooks.responder import DECISION, RUN
from runbooks.run_record import Run, from_record
from state.countdown import Countdown, countdowns, current_grade
from state.grading import Suggestion, concerned, graver, outages, suggest
from state.incident_act import Entry, Grade
from state.incident_book import IncidentBook
from state.outbox import Outbox
from state.rulebook import grading, reporting
from state.store import Store
from state.verdict import Change, Incident, Verdict

_MOST_CHANGES = 200


@dataclass(frozen=True, slots=True)
class IncidentFacts:
    """One incident at one moment, and nothing computed for print."""

    incident: Incident
    now: float
    verdict: Verdict | None  #: on its subject
    suggestion: Suggestion
    grade: Grade | None  #: the one that counts
    clocks: tuple[Countdown, ...]
    changes: tuple[Change, ...]
    more_changes: int  #: that were left out
    decisions: tuple[Mapping[str, Any], ...]
    runs: tuple[Run, ...]
    acts: tuple[Entry, ...]
    told: tuple[Mapping[str, Any], ...]
    merged: tuple[Incident, ...]  #: incidents that turned out to be part of it
    plans: tuple[EmergencyPlan, ...]


def grading_of(store: Store, estate: Estate, people: People, incident: Incident, now: float) -> Suggestion:
    """What the grading rules say of an incident at ``now``."""
    histories = {system: _history(store, system, incident, now) for system in concerned(incident)}
    portals = people.duty.portals if people.duty else ()
    return suggest(outages(incident, histories, now), estate, portals, grading(), now)


def clocks_of(
    store: Store, estate: Estate, people: People, incident: Incident, grade: Grade | None, now: float
) -> tuple[Countdown, ...]:
    """The reporting clocks of an incident as they stand at ``now``."""
    sent = IncidentBook(store, ZoneInfo(estate.timezone)).reports(incident.id)
    organisation = people.duty.organisation if people.duty else None
    return countdowns(incident, grade, estate, organisation, sent, reporting(), now)


def gather_incident(store: Store, estate: Estate, people: People, incident: Incident, now: float) -> IncidentFacts:
    """All that is known of an incident at ``now``."""
    suggestion = grading_of(store, estate, people, incident, now)
    grade = current_grade(incident, suggestion.grade)
    end = now if incident.closed is None else incident.closed
    changes = _changes(store, incident, end)
    runs = (from_record(record) for record in store.records(RUN, incident.opened, now + 1))
    decisions = store.records(DECISION, incident.opened, now + 1)
    merged = tuple(one for one in store.incidents(incident.opened, end + 1) if one.merged == incident.id)
    ids = {incident.id, *(one.id for one in merged)}
    return IncidentFacts(
        incident=incident,
        now=now,
        verdict=next((one for one in store.verdicts() if one.subject == incident.subject), None),
        suggestion=suggestion,
        grade=grade,
        clocks=clocks_of(store, estate, people, incident, grade, now),
        changes=tuple(changes[:_MOST_CHANGES]),
        more_changes=max(0, len(changes) - _MOST_CHANGES),
        decisions=tuple(one for one in decisions if one.get("incident") in ids),
        runs=tuple(run for run in runs if run.incident in ids),
        acts=tuple(IncidentBook(store, ZoneInfo(estate.timezone)).acts(incident.id)),
        told=tuple(Outbox(store.engine).told(incident.id)),
        merged=merged,
        plans=fitting(people.plans, incident, grade),
    )


def fitting(plans: Sequence[EmergencyPlan], incident: Incident, grade: Grade | None) -> tuple[EmergencyPlan, ...]:
    """The emergency plans for an incident, those for its systems before those for any. Pure."""
    systems = set(concerned(incident))
    found = [
        plan
        for plan in plans
        if (not plan.faults or incident.fault.value in plan.faults)
        and (not plan.systems or systems & set(plan.systems))
        and (plan.grade == Grade.GENERAL.value or (grade is not None and not graver(Grade(plan.grade), grade)))
    ]
    return tuple(sorted(found, key=lambda plan: (not plan.systems, not plan.faults, plan.id)))


def _history(store: Store, system: str, incident: Incident, now: float) -> list[Change]:
    subject = f"system:{system}"
    before = store.before(subject, incident.opened)
    end = now if incident.closed is None else incident.closed
    return [*([before] if before else []), *store.changes(incident.opened, end, subject)]


def _changes(store: Store, incident: Incident, end: float) -> list[Change]:
    """The changes of its subject and of what suffers from it, those of the subject first kept."""
    about = {incident.subject, *incident.affects}
    found = [one for one in store.changes(incident.opened, end + 0.001) if one.subject in about]
    own = [one for one in found if one.subject == incident.subject]
    others = [one for one in found if one.subject != incident.subject and one.cause == incident.subject]
    return sorted([*own, *others], key=lambda one: (one.since, one.id or 0))
