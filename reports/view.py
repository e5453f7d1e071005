"""What stands on a report, ready to print: every text said, every number written, nothing left to decide.

A few raw numbers stay beside their texts because the charts draw them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reports.axis import Tick
from reports.strip import Stretch


class Tone(StrEnum):
    """How a statement is to be taken; shown by sign, colour and word together."""

    GOOD = "good"
    ATTENTION = "attention"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Said:
    """A word with its tone."""

    text: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class WindowView:
    """Which time the report speaks of, and what is unusual about it."""

    start: str
    end: str
    length: str
    zone: str
    generated: str
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """The first thing people read: one sentence, and the sentences that carry it."""

    headline: Said
    support: tuple[str, ...]
    attention: tuple[str, ...]  #: what needs a person
    attention_hidden: int


@dataclass(frozen=True, slots=True)
class Tally:
    """The counts of the first screen."""

    met: int
    missed: int
    undetermined: int
    incidents: int
    incidents_open: int
    incidents_by_runbook: int


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """How a center, a link, a province or a prober fared."""

    name: str
    note: str
    at_end: Said
    down: str
    degraded: str
    unseen: str
    coverage: str
    because: str  #: why it ended as it did, or nothing
    troubled: bool  #: was down, degraded or is not ok
    strip: tuple[Stretch, ...]
    strip_alt: str


@dataclass(frozen=True, slots=True)
class Budget:
    """Seconds of downtime: allowed by the target, measured, and not known."""

    allowed: float
    spent: float
    unseen: float


@dataclass(frozen=True, slots=True)
class SystemRow:
    """A system against its availability target."""

    name: str
    owner: str
    grade: str
    target: str
    measured: str  #: a percentage, or "insufficient data"
    range: str
    coverage: str
    verdict: Said
    down: str
    unseen: str
    left: str
    budget: Budget
    strip: tuple[Stretch, ...]
    strip_alt: str


class Ending(StrEnum):
    """How an incident ended, as far as is recorded."""

    RUNBOOK = "by_runbook"
    PEOPLE = "by_people"  #: no run repaired it: people did, or it passed by itself
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """An incident from beginning to end; ``start`` and ``end`` are Unix seconds inside the window."""

    number: int
    subject: str
    because: str
    affects: str
    decision: str  #: why no runbook repaired it, or nothing
    fault: str
    opened: str
    noticed: str
    closed: str
    length: str
    detect: str
    repaired: str
    ending: Ending
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class RunRow:
    """A runbook run."""

    started: str
    runbook: str
    subject: str
    because: str
    decision: str  #: why it was allowed to run, or nothing
    outcome: Said
    sentence: str
    took: str
    changed: str


@dataclass(frozen=True, slots=True)
class ProvincesView:
    """The provincial exchange: how many stood how at the end, and those that were ever in trouble."""

    total: int
    at_end: tuple[tuple[Said, int], ...]
    troubled: tuple[SubjectRow, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch without monitoring."""

    start: str
    end: str
    length: str


@dataclass(frozen=True, slots=True)
class WatchView:
    """The watch itself: a report is worth what its monitoring was."""

    share: str  #: of the window in which the watch ran
    watched: bool  #: it ran at all
    gaps: tuple[Gap, ...]
    gaps_hidden: int
    probers: tuple[SubjectRow, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A line of the appendix."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class WeeklyView:
    """The whole report."""

    lang: str
    estate: str
    window: WindowView
    axis: tuple[Tick, ...]  #: marks of the strips
    wide_axis: tuple[Tick, ...]  #: marks of the charts
    start: float
    end: float
    judgement: Judgement
    tally: Tally
    centers: tuple[SubjectRow, ...]
    systems: tuple[SystemRow, ...]
    incidents: tuple[IncidentRow, ...]
    incidents_hidden: int
    runs: tuple[RunRow, ...]
    runs_hidden: int
    links: tuple[SubjectRow, ...]
    provinces: ProvincesView | None
    watch: WatchView
    exclusions: tuple[str, ...]
    sources: tuple[Source, ...]
