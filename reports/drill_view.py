"""What stands on a drill report, ready to print: every text said, every number written, nothing left to decide."""

from __future__ import annotations

from dataclasses import dataclass

from reports.drill_chart import StepsChart, SwitchChart
from reports.view import Said, Source


@dataclass(frozen=True, slots=True)
class Card:
    """An objective on the first screen."""

    name: str
    figure: str
    note: str
    verdict: Said


@dataclass(frozen=True, slots=True)
class RoleRow:
    """Who was what, and what they did in the run."""

    role: str
    people: str
    acts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GateRow:
    """A condition before anything was touched."""

    name: str
    hard: str
    result: Said
    because: str


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step, planned and actual."""

    name: str
    id: str
    kind: str
    planned: str
    estimate: str
    actual: str
    took: str
    outcome: Said
    because: str


@dataclass(frozen=True, slots=True)
class EventRow:
    """Something that happened to the run as a whole."""

    at: str
    event: str
    who: str
    because: str


@dataclass(frozen=True, slots=True)
class GoalRow:
    """An objective and what was measured."""

    name: str
    meaning: str
    target: str
    measured: str
    verdict: Said
    because: str


@dataclass(frozen=True, slots=True)
class OutageRow:
    """What one stream of probes saw."""

    vantage: str
    stream: str
    interval: str
    probes: str
    failed: str
    resolution: str
    notes: str
    worst: bool


@dataclass(frozen=True, slots=True)
class PhaseRow:
    """A part of the outage."""

    name: str
    length: str
    share: str
    width: float  #: of one
    actor: str


@dataclass(frozen=True, slots=True)
class WritesRow:
    """The writes of one channel."""

    channel: str
    acked: str
    kept: str
    lost: str
    rejected: str
    unknown: str
    split: str
    span: str
    odd: str
    fenced: Said
    lost_ids: str


@dataclass(frozen=True, slots=True)
class BusinessRow:
    """Something the business wanted to see working."""

    item: str
    result: Said
    by: str
    note: str


@dataclass(frozen=True, slots=True)
class FindingRow:
    """Something to be mended."""

    id: str
    what: str
    because: str
    severity: Said
    owner: str
    due: str
    status: str


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file of the evidence."""

    name: str
    size: str
    hash: str


@dataclass(frozen=True, slots=True)
class DrillView:
    """The whole report."""

    lang: str
    estate: str
    title: str
    plan: str
    when: str
    zone: str
    run: str
    notices: tuple[str, ...]
    headline: Said
    mark: str  #: the headline's tone in a word
    support: tuple[str, ...]
    cards: tuple[Card, ...]
    switch: SwitchChart | None
    steps_chart: StepsChart | None
    overview: tuple[Source, ...]
    goals: tuple[GoalRow, ...]
    roles: tuple[RoleRow, ...]
    summary: str
    gates: tuple[GateRow, ...]
    injects: tuple[str, ...]
    timeline_lead: str
    no_business: str  #: what stands where there are no business checks
    steps: tuple[StepRow, ...]
    steps_hidden: int
    events: tuple[EventRow, ...]
    events_hidden: int
    outages: tuple[OutageRow, ...]
    phases: tuple[PhaseRow, ...]
    declared: str
    writes: tuple[WritesRow, ...]
    measuring: tuple[str, ...]  #: degradation, clocks, what is missing
    business: tuple[BusinessRow, ...]
    findings: tuple[FindingRow, ...]
    findings_hidden: int
    conclusion: tuple[str, ...]
    evidence: tuple[Source, ...]
    files: tuple[FileRow, ...]
    files_hidden: int
    left_out: str
