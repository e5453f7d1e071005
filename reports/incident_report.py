"""The information report (信息通报) on an incident: first, follow-up or final, as text ready to send. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from inventory.model import Estate
from inventory.people import People
from reports.formats import duration, moment
from reports.incident_facts import IncidentFacts
from reports.incident_view import IncidentView, Moment
from reports.language import language
from reports.render import render_text
from state.grading import concerned

Kind = Literal["first", "follow-up", "final"]

_MOST = 12  #: moments of what was done that a report retells
_ACTIONS = ("run", "person")


@dataclass(frozen=True, slots=True)
class ReportSystem:
    """A system that is affected."""

    name: str
    grade: str
    owner: str


@dataclass(frozen=True, slots=True)
class ReportView:
    """What stands in the report, every text said."""

    kind: str
    unit: str
    contact: str
    at: str
    page: IncidentView
    systems: tuple[ReportSystem, ...]
    others: int  #: subjects besides the systems that are affected
    detected: str  #: how long after its beginning it was noticed
    actions: tuple[Moment, ...]
    more: int
    verified: bool  #: whether the figures behind grade and clocks were compared with the text in force


def report(facts: IncidentFacts, page: IncidentView, estate: Estate, people: People, kind: Kind, lang: str) -> str:
    """The report in ``zh`` or ``en``; ``page`` is the incident's page in that language."""
    say, zone = language(lang), ZoneInfo(estate.timezone)
    affected = set(concerned(facts.incident))
    systems = tuple(
        ReportSystem(
            system.name.said(lang),
            say("availability.grade", mlps="零一二三四五"[system.grade.mlps] if lang == "zh" else system.grade.mlps)
            + (f" · {say('availability.critical')}" if system.grade.critical else ""),
            system.owner.unit.said(lang),
        )
        for system in estate.systems
        if system.id in affected
    )
    actions = [one for one in page.timeline if one.kind in _ACTIONS]
    view = ReportView(
        kind=kind,
        unit=people.duty.unit.said(lang) if people.duty else estate.name.said(lang),
        contact=_contact(page),
        at=moment(facts.now, zone),
        page=page,
        systems=systems,
        others=len(facts.incident.affects) - len(affected - {facts.incident.subject}),
        detected=duration(facts.incident.noticed - facts.incident.opened, lang),
        actions=tuple(actions[-_MOST:]),
        more=max(0, len(actions) - _MOST),
        verified=facts.suggestion.sure and all(clock.edition.sure for clock in facts.clocks),
    )
    return render_text(f"incident-report.{lang}.txt.j2", view)


def _contact(page: IncidentView) -> str:
    """Whom to ask back: the person who signs for reports in the plan, which is the last role called; else nobody."""
    roles = page.plans[0].roles if page.plans else ()
    return roles[-1].person if roles else ""
