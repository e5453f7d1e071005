"""What a run leaves for people: who did what when, against which plan, what was measured, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from failover.measured import Measured
from failover.records import State

TABLETOP = "tabletop"
NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Words:
    """A sentence from the journal: in both languages, or as a code that the report says, or as it was written."""

    zh: str = ""
    en: str = ""
    code: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.zh or self.en or self.code)


NOTHING = Words()


class Seen(StrEnum):
    """What one sample of the meters was."""

    OK = "ok"  #: a probe that was answered rightly
    FAILED = "failed"  #: a probe that was not
    KEPT = "kept"  #: a write: acknowledged, and there afterwards
    LOST = "lost"  #: acknowledged, and not there afterwards
    REJECTED = "rejected"
    RECOVERED = "recovered"  #: no answer, and there afterwards
    DROPPED = "dropped"  #: no answer, and not there afterwards
    UNKNOWN = "unknown"  #: no answer, and never read back
    REFUSED = "refused"  #: an attempt straight at the old writer, as it must be
    ACKED = "acked"  #: the old writer took it after its fence


@dataclass(frozen=True, slots=True)
class Sample:
    """One probe or one write, at the moment it was sent; nanoseconds of the desk's clock."""

    at: int
    seen: Seen


@dataclass(frozen=True, slots=True)
class Track:
    """Samples of one stream: ``what`` is probe, write, or old-writer; ``name`` the stream or the channel."""

    what: str
    vantage: str
    name: str
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step: what was planned, what came of it."""

    id: str
    kind: str
    zh: str
    en: str
    estimate: float | None
    planned: float | None  #: seconds after the first step in which it would begin if every estimate were right
    outcome: str  #: done, failed, unknown, skipped; ``open``: begun, no result; nothing: not reached
    because: Words = Words()
    start: int | None = None
    end: int | None = None
    attempts: int = 0
    undone: str = ""  #: done or failed; nothing: it was not taken back
    by_hand: Words = Words()  #: what people must do since the undo failed

    @property
    def took(self) -> float | None:
        """Seconds from intent to result."""
        return None if self.start is None or self.end is None else (self.end - self.start) / NANO


@dataclass(frozen=True, slots=True)
class GateRecord:
    """A condition before anything was touched."""

    gate: str
    hard: bool
    result: str  #: pass, fail, unknown
    because: Words
    overridden_by: str = ""
    reason: str = ""
    overridden_at: int | None = None


@dataclass(frozen=True, slots=True)
class ApprovalRecord:
    """Who agreed."""

    role: str
    by: str
    until: str
    at: int


@dataclass(frozen=True, slots=True)
class InvariantRecord:
    """What must hold after a step, and whether it did."""

    rule: str
    after: str
    result: str
    because: Words
    at: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person said, to which question."""

    what: str
    step: str
    by: str
    reason: Words
    at: int
    question: Words = Words()


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to the run as a whole: a state, a stop, a decision."""

    at: int
    what: str  #: state, abort, decided, recovered, meters
    word: str
    because: Words = Words()
    by: str = ""


@dataclass(frozen=True, slots=True)
class DrillRecord:
    """One run. Moments are nanoseconds of the desk's clock; ``wall`` brings them to Unix seconds."""

    run: str
    plan: str
    version: int
    zh: str
    en: str
    klass: str
    drill: str  #: tabletop, rehearsal, switchover, real
    mode: str
    system: str
    plan_digest: str
    estate_digest: str
    source: str  #: center ids
    target: str
    old_writer: str
    new_writer: str
    owner: str
    started_by: str
    people: Mapping[str, tuple[str, ...]]  #: role -> person ids
    versions: Mapping[str, str]
    state: State
    because: Words
    began: int
    ended: int | None
    began_wall: float
    steps: tuple[StepRecord, ...]
    gates: tuple[GateRecord, ...]
    approvals: tuple[ApprovalRecord, ...]
    invariants: tuple[InvariantRecord, ...]
    answers: tuple[Answer, ...]
    moments: tuple[Moment, ...]
    decided: int | None  #: from when "from declaration" counts
    rebooted: bool  #: the desk was restarted in between: times across it are by wall clock
    measured: Measured | None
    head: str  #: hash of the last record
    records: int

    @property
    def tabletop(self) -> bool:
        """Nothing was touched and nothing measured."""
        return self.drill == TABLETOP

    def wall(self, at: int) -> float:
        """A moment as Unix seconds."""
        return self.began_wall + (at - self.began) / NANO


def switched(record: DrillRecord) -> bool:
    """The new order stands; anything else met no target, however short the outage was."""
    return record.state in {State.COMPLETED, State.COMPLETED_WITH_EXCEPTIONS}
