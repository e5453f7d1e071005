"""From a journal's records to where the run stands: the same fold while it runs and after a crash. Pure.

A step with an intent and no result is UNKNOWN: it is settled by looking, never by doing it again blindly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from failover.records import ENDED, Kind, Record, State


class Progress(StrEnum):
    """How far a step came."""

    UNKNOWN = "unknown"  #: begun, and nobody knows how it ended
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"  #: its mode is not this run's, or it was optional and failed
    UNDONE = "undone"
    UNDO_FAILED = "undo-failed"


@dataclass(slots=True)
class StepStanding:
    """One step of the run."""

    progress: Progress
    began: int  #: seq of its first intent: what is undone last was begun first
    attempts: int = 0
    undos: int = 0
    calls: int = 0  #: how many calls the newest attempt makes
    replied_by: set[int] = field(default_factory=set)  #: calls of the newest attempt that are done
    touched: bool = False  #: an act may have changed something
    because: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    exception: bool = False  #: optional, and failed

    @property
    def replied(self) -> bool:
        """Whether every host has said that the newest attempt is done."""
        return len(self.replied_by) >= self.calls


@dataclass(frozen=True, slots=True)
class Said:
    """What a person said."""

    what: str
    step: str
    by: str
    reason: str
    seq: int


@dataclass(slots=True)
class Standing:
    """Where a run stands after some of its records."""

    opened: Mapping[str, Any] = field(default_factory=dict)
    state: State = State.PREFLIGHT
    because: str = ""
    since: tuple[int, str] = (0, "")  #: mono_ns and boot_id of the newest change of state
    steps: dict[str, StepStanding] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)  #: files of ``says`` that are journalled
    asked: set[str] = field(default_factory=set)  #: human steps whose question is out
    overrides: dict[str, str] = field(default_factory=dict)  #: gate or rule -> person
    gates: dict[str, str] = field(default_factory=dict)  #: gate -> its newest result
    approved: dict[str, str] = field(default_factory=dict)  #: role -> person
    offsets: dict[str, Any] = field(default_factory=dict)  #: host -> offset and error of its clock
    order: str = ""  #: what a person or a condition ordered and no state has answered yet: ``roll-back``, ``pause``
    ordered_by: str = ""  #: the person; empty when a condition did
    word: Said | None = None  #: a person's ``commit`` or ``resume`` that no state has answered yet
    answers: dict[str, Said] = field(default_factory=dict)  #: human step -> the newest answer that counts
    paused_from: State = State.RUNNING  #: where a resumed run goes on
    decided: bool = False
    real: bool = False  #: a person said that this drill is now real (rule R25)
    closed: bool = False
    epoch: int = 0
    metering: bool = False

    @property
    def ended(self) -> bool:
        """Nothing more happens to the estate."""
        return self.state in ENDED

    @property
    def unknown(self) -> list[str]:
        """Steps that were begun and whose end is not on record."""
        return [name for name, step in self.steps.items() if step.progress is Progress.UNKNOWN]

    @property
    def exceptions(self) -> list[str]:
        """Optional steps that failed."""
        return [name for name, step in self.steps.items() if step.exception]

    def done(self, step: str) -> bool:
        """Whether that step needs no more."""
        there = self.steps.get(step)
        return there is not None and there.progress in (Progress.DONE, Progress.SKIPPED)

    def facts(self, step: str) -> Mapping[str, Any]:
        """What that step found."""
        there = self.steps.get(step)
        return there.facts if there else {}

    def take(self, record: Record) -> None:
        """Fold one more record in. Never raises: what does not fit is passed over, the chain vouches for the rest."""
        self.epoch = max(self.epoch, record.epoch)
        fold = _FOLDS.get(record.kind)
        if fold:
            fold(self, record)


def replay(records: Iterable[Record]) -> Standing:
    """Fold a whole journal."""
    standing = Standing()
    for record in records:
        standing.take(record)
    return standing


def _text(record: Record, key: str) -> str:
    value = record.payload.get(key, "")
    return value if isinstance(value, str) else ""


def _facts(record: Record) -> Mapping[str, Any]:
    value = record.payload.get("facts")
    return value if isinstance(value, Mapping) else {}


def _opened(standing: Standing, record: Record) -> None:
    standing.opened = record.payload


def _intent(standing: Standing, record: Record) -> None:
    name = _text(record, "step")
    step = standing.steps.setdefault(name, StepStanding(Progress.UNKNOWN, record.seq))
    if _text(record, "part") == "undo":
        step.undos += 1
        return
    attempt = record.payload.get("attempt")
    step.attempts = max(step.attempts, attempt if isinstance(attempt, int) else 0)
    calls = record.payload.get("calls")
    step.calls, step.replied_by = len(calls) if isinstance(calls, list) else 1, set()
    step.progress, step.touched = Progress.UNKNOWN, step.touched or record.payload.get("changes") is not False


def _reply(standing: Standing, record: Record) -> None:
    step = standing.steps.get(_text(record, "step"))
    if step and _text(record, "part") == "do" and _text(record, "outcome") == "done":
        _found(step, _facts(record))
        call = record.payload.get("call")
        step.replied_by.add(call if isinstance(call, int) else 0)


def _found(step: StepStanding, facts: Mapping[str, Any]) -> None:
    """What was so ``before`` is what the first attempt found: a later one finds what the first one did."""
    kept = {"before": step.facts["before"]} if "before" in step.facts else {}
    step.facts = {**step.facts, **facts, **kept}


def _result(standing: Standing, record: Record) -> None:
    name, outcome = _text(record, "step"), _text(record, "outcome")
    step = standing.steps.setdefault(name, StepStanding(Progress.UNKNOWN, record.seq))
    if outcome in ("done", "failed", "unknown", "skipped"):
        step.progress = Progress(outcome)
    step.because = _text(record, "because")
    step.exception = record.payload.get("exception") is True
    _found(step, _facts(record))
    standing.asked.discard(name)
    standing.answers.pop(name, None)


def _undone(standing: Standing, record: Record) -> None:
    name = _text(record, "step")
    step = standing.steps.setdefault(name, StepStanding(Progress.UNKNOWN, record.seq))
    step.progress = Progress.UNDONE if _text(record, "outcome") == "done" else Progress.UNDO_FAILED
    step.because = _text(record, "because")


def _asked(standing: Standing, record: Record) -> None:
    standing.asked.add(_text(record, "step"))


def _said(standing: Standing, record: Record) -> None:
    what, step, by, reason = (_text(record, key) for key in ("what", "step", "by", "reason"))
    said = Said(what, step, by, reason, record.seq)
    standing.said.append(said)
    standing.taken.add(_text(record, "file"))
    if record.payload.get("counts") is False:
        return
    if what in ("abort", "roll-back"):
        standing.order, standing.ordered_by = "roll-back", by
    elif what in ("confirm", "deny"):
        standing.answers[step] = said
    elif what == "real":
        standing.real = True
    elif what in ("commit", "resume"):
        standing.word = said


def _state(standing: Standing, record: Record) -> None:
    before = standing.state
    try:
        standing.state = State(_text(record, "state"))
    except ValueError:
        return
    if standing.state is State.PAUSED and before is not State.PAUSED:
        standing.paused_from = before
    standing.because, standing.order, standing.ordered_by, standing.word = _text(record, "because"), "", "", None
    standing.since = (record.mono_ns, record.boot_id)


def _abort(standing: Standing, record: Record) -> None:
    order = _text(record, "order")
    standing.ordered_by = ""
    standing.order = order if order in ("pause", "roll-back") else "roll-back"


def _approved(standing: Standing, record: Record) -> None:
    standing.approved[_text(record, "role")] = _text(record, "by")


def _gate(standing: Standing, record: Record) -> None:
    standing.gates[_text(record, "gate")] = _text(record, "result")


def _override(standing: Standing, record: Record) -> None:
    standing.overrides[_text(record, "gate")] = _text(record, "by")


def _warmed(standing: Standing, record: Record) -> None:
    offsets = record.payload.get("offsets")
    if isinstance(offsets, Mapping):
        standing.offsets.update(offsets)


def _meters(standing: Standing, record: Record) -> None:
    standing.metering = _text(record, "state") == "started"


def _decided(standing: Standing, _record: Record) -> None:
    standing.decided = True


def _closed(standing: Standing, record: Record) -> None:
    standing.closed = True
    try:
        standing.state = State(_text(record, "state"))
    except ValueError:
        return


_FOLDS = {
    Kind.OPENED: _opened,
    Kind.INTENT: _intent,
    Kind.REPLY: _reply,
    Kind.RESULT: _result,
    Kind.UNDONE: _undone,
    Kind.ASKED: _asked,
    Kind.SAID: _said,
    Kind.STATE: _state,
    Kind.ABORT: _abort,
    Kind.APPROVED: _approved,
    Kind.GATE: _gate,
    Kind.OVERRIDE: _override,
    Kind.WARMED: _warmed,
    Kind.METERS: _meters,
    Kind.DECIDED: _decided,
    Kind.CLOSED: _closed,
}
