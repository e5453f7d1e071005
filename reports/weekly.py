"""The weekly report: what was recorded in, one HTML document out. Pure, and equal facts give equal bytes."""

from __future__ import annotations

from collections.abc import Iterator

from inventory import subject as subjects
from reports.appendix import exclusions, sources, watch_view, window_view
from reports.axis import ticks
from reports.events import incident_row, longest, run_row
from reports.facts import Facts, reported_subjects
from reports.judgement import judgement, tally
from reports.language import Language, language
from reports.render import render
from reports.subjects import center_row, histories, link_row, provinces_view
from reports.systems import system_row
from reports.view import WeeklyView

MOST_INCIDENTS = 200  #: rows of the incident table, the longest ones; the rest is counted
MOST_RUNS = 100
DAY = 86400.0  #: above it the marks of a narrow axis are days, whose names are long


def weekly(facts: Facts, lang: str) -> str:
    """The weekly report on ``facts`` in ``zh`` or ``en`` as one self-contained HTML document."""
    say = language(lang)
    return render(weekly_view(facts, say), say)


def weekly_view(facts: Facts, say: Language) -> WeeklyView:
    """Everything that stands on the weekly report, said in one language."""
    estate = facts.estate
    known = histories(facts, _targets(facts))
    counted = tally(facts, known)
    incidents = {incident.id: incident for incident in facts.incidents}
    told = longest(facts.incidents, facts.until, MOST_INCIDENTS)
    runs = {run.id: run for run in facts.runs}
    return WeeklyView(
        lang=say.code,
        estate=estate.name.said(say.code),
        window=window_view(facts, known, say),
        axis=ticks(facts.start, facts.until, facts.zone, say.code, most=3 if facts.until - facts.start > DAY else 4),
        wide_axis=ticks(facts.start, facts.until, facts.zone, say.code, most=5),
        start=facts.start,
        end=facts.until,
        judgement=judgement(facts, known, counted, say),
        tally=counted,
        centers=tuple(center_row(facts, center, known, say) for center in estate.centers),
        systems=tuple(system_row(facts, system, known[subjects.system(system.id)], say) for system in estate.systems),
        incidents=tuple(incident_row(incident, facts, runs, say) for incident in told),
        incidents_hidden=len(incidents) - len(told),
        runs=tuple(run_row(run, facts, incidents, say) for run in facts.runs[:MOST_RUNS]),
        runs_hidden=max(0, len(facts.runs) - MOST_RUNS),
        links=tuple(link_row(facts, link, known, say) for link in estate.links),
        provinces=provinces_view(facts, known, say),
        watch=watch_view(facts, known, say),
        exclusions=exclusions(facts, known, say),
        sources=sources(facts, say),
    )


def _targets(facts: Facts) -> Iterator[tuple[str, float]]:
    """Every subject of the report with its availability target; what has none is held against 1."""
    promised = {subjects.system(system.id): system.targets.availability for system in facts.estate.systems}
    return ((subject, promised.get(subject, 1.0)) for subject in reported_subjects(facts.estate))
