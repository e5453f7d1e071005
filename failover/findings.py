"""What a run found wrong, and the register of what is still open across runs. Pure.

Everything that a run can hold or not hold is an assertion with a name of its own: ``step:promote``, ``objective:rto``,
``invariant:never-two-writers``, ``meter:dr``. A finding is an assertion that did not hold, or of which nobody knows; it
closes only by a later run of the same plan in which the same assertion held. Nobody can close one by hand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from failover.drill_record import NOTHING, DrillRecord, StepRecord, Words, switched
from failover.measured import Outage, Verdict, Writes
from failover.records import State

DAY = 86400.0


class Severity(StrEnum):
    """How soon it has to be mended."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


#: days in which a finding has to be mended
DUE = {Severity.HIGH: 14, Severity.MEDIUM: 30, Severity.LOW: 60}


@dataclass(frozen=True, slots=True)
class Assertion:
    """Something that a run showed to be so (True) or not (False), or left open (None)."""

    name: str
    holds: bool | None
    code: str = ""  #: what is wrong, said by the report in both languages
    facts: Mapping[str, str] = field(default_factory=dict)
    because: Words = NOTHING
    severity: Severity = Severity.MEDIUM
    role: str = ""  #: whose business it is; nothing: the plan's owner's


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to be mended: who, until when, and which later run showed that it was."""

    id: str  #: the same for the same assertion of the same plan, in every run
    plan: str
    assertion: str
    code: str
    facts: Mapping[str, str]
    because: Words
    severity: Severity
    owner: str
    found: float  #: Unix seconds; of the first run that found it since it was last closed
    due: float
    run: str
    seen: tuple[str, ...]  #: the runs that found it
    closed_by: str = ""  #: the run in which the assertion held

    @property
    def open(self) -> bool:
        """Nobody has shown it to be mended."""
        return not self.closed_by

    def overdue(self, now: float) -> bool:
        """It should have been mended by now."""
        return self.open and now > self.due


def findings(record: DrillRecord) -> tuple[Finding, ...]:
    """What one run found, the gravest first."""
    order = list(Severity)
    found = [_finding(record, one) for one in assertions(record) if one.holds is not True and one.code]
    return tuple(sorted(found, key=lambda one: (order.index(one.severity), one.assertion)))


def register(records: Iterable[DrillRecord]) -> tuple[Finding, ...]:
    """All findings of all runs as they stand now: open ones by due date, then closed ones, the latest first."""
    known: dict[str, Finding] = {}
    for record in sorted(records, key=lambda one: (one.began_wall, one.run)):
        for one in assertions(record):
            id_ = finding_id(record, one.name)
            before = known.get(id_)
            if one.holds is True and before and before.open:
                known[id_] = replace(before, closed_by=record.run)
            elif one.holds is not True and one.code:
                known[id_] = _again(before, _finding(record, one))
    return tuple(sorted(known.values(), key=lambda one: (not one.open, one.due if one.open else -one.found, one.id)))


def finding_id(record: DrillRecord, assertion: str) -> str:
    """The finding's name, the same in every run; what a table-top finds is another thing than what a run finds."""
    where = f"{'tabletop ' if record.tabletop else ''}{record.plan} {assertion}"
    return f"F-{hashlib.sha256(where.encode(errors='replace')).hexdigest()[:8]}"


def _again(before: Finding | None, now: Finding) -> Finding:
    """Still open: its date stands. Closed before: it is open anew."""
    if before is None or not before.open:
        return replace(now, seen=(*(before.seen if before else ()), *now.seen))
    return replace(now, found=before.found, due=before.due, run=before.run, seen=(*before.seen, *now.seen))


def _finding(record: DrillRecord, one: Assertion) -> Finding:
    at = record.wall(record.ended if record.ended is not None else record.began)
    people = record.people.get(one.role, ())
    return Finding(
        finding_id(record, one.name),
        record.plan,
        one.name,
        one.code,
        one.facts,
        one.because,
        one.severity,
        people[0] if people else record.owner,
        at,
        at + DUE[one.severity] * DAY,
        record.run,
        (record.run,),
    )


def assertions(record: DrillRecord) -> tuple[Assertion, ...]:
    """Everything that the run showed, or should have shown; each name once, the worst answer."""
    made = (*_of_run(record), *_of_gates(record), *_of_steps(record), *_of_invariants(record))
    measured = () if record.tabletop else tuple(_of_meters(record))
    worst: dict[str, Assertion] = {}
    for one in (*made, *measured):
        before = worst.get(one.name)
        if before is None or _rank(one) < _rank(before):
            worst[one.name] = one
    return tuple(worst.values())


def _rank(one: Assertion) -> int:
    return {False: 0, None: 1, True: 2}[one.holds]


def _of_run(record: DrillRecord) -> Iterator[Assertion]:
    good = record.state in {State.COMPLETED, State.COMPLETED_WITH_EXCEPTIONS}
    holds = good if record.ended is not None else None
    severity = Severity.HIGH if record.state is State.FAILED_DIRTY else Severity.MEDIUM
    code = f"run-{record.state}" if record.ended is not None else "run-open"
    yield Assertion("run:completed", holds, code, {}, record.because, severity, "commander")
    for moment in record.moments:
        if moment.what == "abort":
            facts = {"condition": moment.word}
            yield Assertion(f"abort:{moment.word}", False, "aborted", facts, moment.because, Severity.HIGH, "commander")


def _of_gates(record: DrillRecord) -> Iterator[Assertion]:
    for gate in record.gates:
        holds = False if gate.overridden_by else {"pass": True, "fail": False}.get(gate.result)
        code = "gate-overridden" if gate.overridden_by else f"gate-{'failed' if holds is False else 'unknown'}"
        facts = {"gate": gate.gate, "by": gate.overridden_by, "reason": gate.reason}
        severity = Severity.HIGH if gate.hard else Severity.LOW
        yield Assertion(f"gate:{gate.gate}", holds, code, facts, gate.because, severity)


def _of_steps(record: DrillRecord) -> Iterator[Assertion]:
    for step in record.steps:
        if step.outcome in {"", "skipped"}:
            continue  # it was not tried: nothing is known of it, and nothing was found
        holds = {"done": True, "failed": False}.get(step.outcome)
        code = "step-doubted" if record.tabletop else "step-failed" if holds is False else "step-unknown"
        yield Assertion(f"step:{step.id}", holds, code, _step_facts(step), step.because, Severity.HIGH, "operator")
        if step.undone:
            because = step.by_hand or step.because
            undone = step.undone == "done"
            facts = _step_facts(step)
            yield Assertion(f"undo:{step.id}", undone, "undo-failed", facts, because, Severity.HIGH, "operator")
        if not record.tabletop:
            yield from _of_estimate(step)


def _of_estimate(step: StepRecord) -> Iterator[Assertion]:
    if step.took is not None and step.estimate and step.kind != "human":
        facts = _step_facts(step) | {"took": f"{step.took:.1f}", "estimate": f"{step.estimate:g}"}
        slow = step.took > 3 * step.estimate and step.took - step.estimate > 1
        yield Assertion(f"estimate:{step.id}", not slow, "step-slow", facts, NOTHING, Severity.LOW)


def _step_facts(step: StepRecord) -> dict[str, str]:
    return {"step": step.id, "zh": step.zh, "en": step.en}


def _of_invariants(record: DrillRecord) -> Iterator[Assertion]:
    for one in record.invariants:
        holds = {"pass": True, "fail": False}.get(one.result)
        code = "invariant-failed" if holds is False else "invariant-unknown"
        facts = {"rule": one.rule, "after": one.after}
        severity = Severity.HIGH if holds is False else Severity.MEDIUM
        yield Assertion(f"invariant:{one.rule}", holds, code, facts, one.because, severity)


def _of_meters(record: DrillRecord) -> Iterator[Assertion]:
    """Objectives, losses, the old writer, and whether the meters themselves were there."""
    measured = record.measured
    if record.state is State.REFUSED:
        return  # nothing was touched, and nothing had to be measured
    if measured is None:
        yield Assertion("meters:there", None, "meters-none", {}, NOTHING, Severity.HIGH, "observer")
        return
    yield Assertion("meters:there", True)
    for one in measured.judged:
        holds = {Verdict.PASS: True, Verdict.FAIL: False}.get(one.verdict)
        code = f"objective-{'missed' if holds is False else 'open'}"
        if holds and not switched(record):
            holds, code = None, ""  # a run that was taken back shows nothing of recovery, and mends nothing
        facts = {"objective": one.objective, "target": f"{one.target:g}"}
        severity = Severity.HIGH if holds is False else Severity.MEDIUM
        yield Assertion(f"objective:{one.objective}", holds, code, facts, Words(code=one.because), severity)
    for vantage, why in measured.missing.items():
        yield Assertion(f"meter:{vantage}", None, "meter-missing", {"vantage": vantage, "why": why}, role="observer")
    for outage in measured.outages:
        yield from _of_outage(outage)
    for writes in measured.writes:
        yield from _of_writes(writes)


def _of_outage(outage: Outage) -> Iterator[Assertion]:
    holds = True if outage.sent else None
    yield Assertion(f"meter:{outage.vantage}", holds, "meter-silent", {"vantage": outage.vantage}, role="observer")


def _of_writes(writes: Writes) -> Iterator[Assertion]:
    """A loss within the target is no finding, but a write that the old writer took after its fence always is."""
    facts = {"channel": writes.channel, "vantage": writes.vantage}
    told = facts | {"count": str(writes.acked_after_fence), "tries": str(writes.after_fence)}
    fenced = None if not writes.after_fence else writes.acked_after_fence == 0
    code = "fence-leaks" if fenced is False else ""  # not tried: not every run has an old writer to try
    yield Assertion(f"fence:{writes.channel}", fenced, code, told, NOTHING, Severity.HIGH)
    odd = {"lost-out-of-order": writes.holes, "refused-but-there": writes.phantom, "twice": writes.duplicate}
    for name, numbers in odd.items():
        seen = None if not writes.acked else not numbers
        code = name if numbers else ""
        count = facts | {"count": str(len(numbers))}
        yield Assertion(f"writes:{writes.channel}:{name}", seen, code, count, NOTHING, Severity.HIGH)


def of_plan(known: Sequence[Finding], plan: str) -> tuple[Finding, ...]:
    """The open findings of one plan."""
    return tuple(one for one in known if one.plan == plan and one.open)
