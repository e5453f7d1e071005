"""Systems against their availability targets: what was promised, what was measured, what can be said about it."""

from __future__ import annotations

from inventory import subject as subjects
from inventory.model import System
from reports.facts import Facts
from reports.formats import duration, percent
from reports.language import Language
from reports.names import grade, subject_name
from reports.strip import strip
from reports.subjects import History, length, strip_alt
from reports.view import Budget, Said, SystemRow, Tone
from state.availability import COVERAGE_NEEDED, Figures, Met

_TONE = {Met.MET: Tone.GOOD, Met.MISSED: Tone.BAD, Met.UNDETERMINED: Tone.UNKNOWN}


def system_row(facts: Facts, system: System, history: History, say: Language) -> SystemRow:
    """One system of the availability table."""
    name, found = subject_name(facts.estate, subjects.system(system.id), say), history.figures
    return SystemRow(
        name=name,
        owner=system.owner.unit.said(say.code),
        grade=grade(system.grade, say),
        target=percent(system.targets.availability),
        measured=measured(found, say),
        range=possible(found, say),
        coverage=percent(found.coverage, 1),
        verdict=Said(say(f"verdict.{found.verdict}"), _TONE[found.verdict]),
        down=length(found.down, say),
        unseen=say("availability.unseen", length=duration(found.unknown, say.code)) if found.unknown > 0 else "",
        left=budget_left(found, say),
        budget=Budget(found.budget, found.down, found.unknown),
        strip=strip(history.timeline, facts.start, facts.until),
        strip_alt=strip_alt(name, history, say),
    )


def measured(found: Figures, say: Language) -> str:
    """The availability, or "insufficient data" where too little was seen to print a number."""
    return say("availability.insufficient") if found.a is None else percent(found.a)


def possible(found: Figures, say: Language) -> str:
    """The range that unknown time leaves open; nothing if it is a point, or too little was seen."""
    if found.low is None or found.high is None or found.coverage < COVERAGE_NEEDED or found.unknown == 0:
        return ""
    return say("availability.between", low=percent(found.low), high=percent(found.high))


def budget_left(found: Figures, say: Language) -> str:
    """What is left of the allowed downtime: a range where some time is unknown."""
    least, most = found.remaining
    if most < 0:
        return say("availability.overspent", length=duration(-most, say.code))
    if least == most:
        return duration(most, say.code)
    return say("availability.between", low=duration(max(0.0, least), say.code), high=duration(most, say.code))
