"""Reporting clocks of one incident: which apply, when each report is due, which went out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from inventory.model import Estate
from state.grading import concerned, graver
from state.incident_act import Grade
from state.rulebook import Clock, Edition, Reporting
from state.verdict import Incident


class Stage(StrEnum):
    """How a report stands."""

    NOT_REQUIRED = "not_required"  #: the grade is below the one that asks for it; the time is shown all the same
    WAITING = "waiting"  #: it starts from something that has not happened yet
    RUNNING = "running"
    OVERDUE = "overdue"
    SENT = "sent"
    LATE = "late"  #: sent, but after its time


@dataclass(frozen=True, slots=True)
class Countdown:
    """One clock. ``due`` is Unix seconds; None while nobody can say."""

    clock: Clock
    edition: Edition
    stage: Stage
    due: float | None
    sent: float | None


def countdowns(
    incident: Incident,
    grade: Grade | None,
    estate: Estate,
    organisation: str | None,
    sent: Mapping[str, float],
    rules: Reporting,
    now: float,
) -> tuple[Countdown, ...]:
    """The clocks that concern us, what is due first coming first.

    Args:
        incident: whose moments start the clocks.
        grade: the one a person has set, else the suggested one.
        estate: tells which systems are critical.
        organisation: ``central-organ`` or ``other``; None: nobody has said, and then both are shown.
        sent: clock id -> when its report went out.
        rules: the clocks.
        now: Unix time.
    """
    critical = {system.id for system in estate.systems if system.grade.critical}
    whose = {"anyone", *([organisation] if organisation else ("central-organ", "other"))}
    whose |= {"critical"} if critical & set(concerned(incident)) else set()
    found = []
    for clock in rules.clocks:
        if clock.who in whose:
            begun = _begin(clock, incident, sent)
            due = None if begun is None else begun + clock.within
            stage = _stage(clock, grade, due, sent.get(clock.id), now)
            found.append(Countdown(clock, rules.editions[clock.edition], stage, due, sent.get(clock.id)))
    return tuple(sorted(found, key=lambda one: (one.due is None, one.due or 0.0)))


def _begin(clock: Clock, incident: Incident, sent: Mapping[str, float]) -> float | None:
    if clock.start == "noticed":
        return incident.noticed
    return incident.closed if clock.start == "closed" else sent.get(clock.start)


def _stage(clock: Clock, grade: Grade | None, due: float | None, sent: float | None, now: float) -> Stage:
    if sent is not None:
        return Stage.LATE if due is not None and sent > due else Stage.SENT
    if grade is None or graver(Grade(clock.grade), grade):
        return Stage.NOT_REQUIRED
    if due is None:
        return Stage.WAITING
    return Stage.OVERDUE if now > due else Stage.RUNNING


def current_grade(incident: Incident, suggested: Grade | None) -> Grade | None:
    """The grade that counts: a person's word, else the gravest that the rules have suggested."""
    if incident.grade is not None:
        return Grade(incident.grade)
    kept = Grade(incident.suggested) if incident.suggested else None
    return suggested if suggested is not None and graver(suggested, kept) else kept
