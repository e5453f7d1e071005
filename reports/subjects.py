"""How a subject fared in the window: its timeline, the time in each class, and the row that says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from checks.result import Status
from inventory import subject as subjects
from inventory.model import Center, Link
from reports.events import because
from reports.facts import Facts
from reports.formats import duration, percent
from reports.language import Language
from reports.names import subject_name
from reports.strip import strip
from reports.view import ProvincesView, Said, SubjectRow, Tone
from state.availability import Figures, figures
from state.gaps import beneath
from state.planned import planned_for
from state.timeline import timeline
from state.verdict import Availability, Change, Fault, Interval, Reason

_TONE = {
    Availability.UP: Tone.GOOD,
    Availability.DEGRADED: Tone.ATTENTION,
    Availability.DOWN: Tone.BAD,
    Availability.MAINT: Tone.ATTENTION,
    Availability.DRILL: Tone.ATTENTION,
}


@dataclass(frozen=True, slots=True)
class History:
    """A subject in the elapsed window: every instant in exactly one class."""

    timeline: tuple[Interval, ...]
    figures: Figures
    last: Change | None  #: the change that made it what it was at the end

    def seconds(self, kind: Availability) -> float:
        """Time in one class."""
        return sum(interval.end - interval.start for interval in self.timeline if interval.kind is kind)

    @property
    def at_end(self) -> Availability:
        """The class of the last instant."""
        return self.timeline[-1].kind if self.timeline else Availability.UNKNOWN


Histories = Mapping[str, History]  #: by subject


def histories(facts: Facts, wanted: Iterable[tuple[str, float]]) -> dict[str, History]:
    """The history of each subject, with its availability target (1.0 where none was promised)."""
    by_subject: dict[str, list[Change]] = {}
    for change in facts.changes:
        by_subject.setdefault(change.subject, []).append(change)
    return {about: _history(facts, about, by_subject.get(about, []), target) for about, target in wanted}


def _history(facts: Facts, about: str, changes: list[Change], target: float) -> History:
    plan = planned_for(facts.estate, about, facts.start, facts.until)
    line = timeline(facts.start, facts.until, facts.until, changes, facts.watched, plan)
    line = beneath(line, facts.filled.get(about, ()))
    known = [change for change in changes if change.since <= facts.until]
    last = max(known, key=lambda change: (change.id or 0, change.at, change.since), default=None)
    return History(line, figures(line, target), last)


def gaps(facts: Facts) -> list[Interval]:
    """When the watch did not run: the unknown times of something that would otherwise always be up."""
    always_up = Change("", Status.UNKNOWN, Status.OK, Fault.NONE, Reason(""), facts.start, facts.start)
    line = timeline(facts.start, facts.until, facts.until, [always_up], facts.watched)
    return [interval for interval in line if interval.kind is Availability.UNKNOWN]


def subject_row(facts: Facts, subject: str, history: History, note: str, say: Language) -> SubjectRow:
    """How a center, a link, a province or a prober fared."""
    down, degraded = history.figures.down, history.figures.degraded
    name = subject_name(facts.estate, subject, say)
    ill = history.at_end not in (Availability.UP, Availability.UNKNOWN, Availability.PATH)
    return SubjectRow(
        name=name,
        note=note,
        at_end=standing(history.at_end, say),
        down=length(down, say),
        degraded=length(degraded, say),
        unseen=length(history.figures.unknown, say),
        coverage=percent(history.figures.coverage, 1),
        because=because(history.last.because, say) if history.last and ill else "",
        troubled=down > 0 or degraded > 0 or history.at_end is not Availability.UP,
        strip=strip(history.timeline, facts.start, facts.until),
        strip_alt=strip_alt(name, history, say),
    )


def standing(kind: Availability, say: Language) -> Said:
    """A class of time as a state that holds: a word with its tone."""
    return Said(say(f"class.{kind}"), _TONE.get(kind, Tone.UNKNOWN))


def length(seconds: float, say: Language) -> str:
    """A duration, or a dash where there was nothing."""
    return duration(seconds, say.code) if seconds > 0 else say("report.dash")


def strip_alt(name: str, history: History, say: Language) -> str:
    """A strip in words: how long it was in each class."""
    spent = ((kind, history.seconds(kind)) for kind in Availability)
    parts = [f"{say(f'class.{kind}')} {duration(seconds, say.code)}" for kind, seconds in spent if seconds > 0]
    return say("availability.strip_alt", system=name, parts=say("report.list").join(parts))


def center_row(facts: Facts, center: Center, known: Histories, say: Language) -> SubjectRow:
    """A center, with where it stands and what it is for."""
    site = next((site.name.said(say.code) for site in facts.estate.sites if site.id == center.site), center.site)
    id_ = subjects.center(center.id)
    return subject_row(facts, id_, known[id_], f"{site} · {say(f'role.{center.role}')}", say)


def link_row(facts: Facts, link: Link, known: Histories, say: Language) -> SubjectRow:
    """A link between two centers, with its ends."""
    id_ = subjects.link(link.id)
    ends = (facts.estate.center(center).name.said(say.code) for center in link.between)
    return subject_row(facts, id_, known[id_], " — ".join(ends), say)


def provinces_view(facts: Facts, known: Histories, say: Language) -> ProvincesView | None:
    """The provincial exchange, or None if the estate has none."""
    if facts.estate.exchange is None:
        return None
    ids = [subjects.province(province.code) for province in facts.estate.exchange.provinces]
    rows = [subject_row(facts, id_, known[id_], subjects.name(id_), say) for id_ in ids]
    counts = {kind: sum(known[id_].at_end is kind for id_ in ids) for kind in Availability}
    return ProvincesView(
        total=len(ids),
        at_end=tuple((standing(kind, say), count) for kind, count in counts.items() if count),
        troubled=tuple(row for row in rows if row.troubled),
    )
