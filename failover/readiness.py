"""If a center failed now, what would happen: each plan's gates as far as the watch knows them, what to expect, and what
past runs have shown. Pure, and touches nothing: what only the hosts could say stays unknown.

A plan is VERIFIED by a full run that met every target, and only as long as it is still the same plan, on the same
hosts, with the same programs, by people who are still there, and not too long ago. Every reason against it is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from failover.bind import Refusal, bind
from failover.concrete import ConcretePlan
from failover.content import NAME as CONTENT
from failover.drill_record import DrillRecord
from failover.findings import Finding, Severity, of_plan
from failover.graph import ends, in_mode, needs, only, outage
from failover.history import judged
from failover.measured import Interval, Verdict
from failover.plan_load import PlanFile
from failover.readiness_gates import Known, judge_known
from failover.records import State
from failover.seen import Judged, Passed
from inventory.model import Estate
from state.verdict import Reason

LONGEST_VALID = 180 * 86400.0  #: seconds for which a run verifies a plan
_FULL = frozenset({"switchover", "real"})  #: a rehearsal or a table-top says nothing of what clients would see


class Standing(StrEnum):
    """What past runs say of a plan."""

    VERIFIED = "verified"
    NEEDS = "needs-verification"
    NEVER = "never-verified"


@dataclass(frozen=True, slots=True)
class Run:
    """A past run, with the hosts on which it was carried out."""

    record: DrillRecord
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expected:
    """A figure to be expected, and from where it comes."""

    source: str  #: measured, estimated, promised, unknown
    worst: Interval | None = None
    runs: int = 0


@dataclass(frozen=True, slots=True)
class Readiness:
    """One plan, now."""

    file: PlanFile
    bound: ConcretePlan | None
    would: Passed  #: whether it would begin
    stops: tuple[Reason, ...]  #: why it would not, or why that is not known
    gates: tuple[Judged, ...]
    rto: Expected
    rpo: Expected
    standing: Standing
    why: tuple[Reason, ...]
    last: DrillRecord | None  #: the newest run that met every target


def readiness(
    files: Sequence[PlanFile],
    estate: Estate,
    runs: Sequence[Run],
    known: Known,
    findings: Sequence[Finding] = (),
    content: str = "",
) -> tuple[Readiness, ...]:
    """Every plan, in the given order."""
    return tuple(_ready(file, estate, runs, known, findings, content) for file in files)


def _ready(
    file: PlanFile,
    estate: Estate,
    runs: Sequence[Run],
    known: Known,
    findings: Sequence[Finding],
    content: str,
) -> Readiness:
    mine = sorted(
        (run for run in runs if run.record.plan == file.plan.plan),
        key=lambda run: (run.record.began_wall, run.record.run),
    )
    bound = bind(file, estate)
    last = next((run for run in reversed(mine) if met(run.record)), None)
    if isinstance(bound, Refusal):
        gates: tuple[Judged, ...] = ()
        would, stops, concrete = Passed.FAIL, bound.reasons, None
    else:
        gates = tuple(judge_known(gate, bound, known, mine[-1].record if mine else None) for gate in file.plan.gates)
        would, stops, concrete = *_would(gates), bound
    why = tuple(_why(file, concrete, estate, mine, last, known.now, findings, content))
    standing = Standing.NEEDS if _full(mine) else Standing.NEVER
    return Readiness(
        file,
        concrete,
        would,
        stops,
        gates,
        expected_rto(file, mine),
        expected_rpo(file, mine),
        Standing.VERIFIED if last and not why else standing,
        why,
        last.record if last else None,
    )


def _would(gates: Sequence[Judged]) -> tuple[Passed, tuple[Reason, ...]]:
    """A hard gate that is not known to hold stops a drill; whether it holds is then the answer: unknown."""
    hard = [gate for gate in gates if gate.hard]
    failed = tuple(gate.because for gate in hard if gate.result is Passed.FAIL)
    unknown = tuple(gate.because for gate in hard if gate.result is Passed.UNKNOWN)
    if failed:
        return Passed.FAIL, failed
    return (Passed.UNKNOWN, unknown) if unknown or not hard else (Passed.PASS, ())


def met(record: DrillRecord) -> bool:
    """A full run that switched over, met every target and broke no rule."""
    verdicts = [one.verdict for one in record.measured.judged] if record.measured else []
    good = bool(verdicts) and all(verdict is Verdict.PASS for verdict in verdicts)
    ended = record.state in {State.COMPLETED, State.COMPLETED_WITH_EXCEPTIONS}
    return good and ended and record.drill in _FULL and all(one.result == "pass" for one in record.invariants)


def _full(runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if run.record.drill in _FULL and run.record.state is not State.REFUSED]


def _why(
    file: PlanFile,
    bound: ConcretePlan | None,
    estate: Estate,
    mine: Sequence[Run],
    last: Run | None,
    now: float,
    findings: Sequence[Finding],
    content: str,
) -> Iterator[Reason]:
    """Every reason for which the plan is not verified."""
    yield from _people(file)
    if last is None:
        yield Reason("ready.never_run") if not _full(mine) else Reason("ready.never_met", {"n": str(len(_full(mine)))})
    else:
        yield from _aged(last.record, now)
        yield from _changed(file, bound, estate, last, content)
        yield from _later(mine, last)
    high = [one for one in of_plan(findings, file.plan.plan) if one.severity is Severity.HIGH]
    if high:
        yield Reason("ready.findings", {"n": str(len(high)), "ids": ", ".join(one.id for one in high[:5])})


def _people(file: PlanFile) -> Iterator[Reason]:
    if not file.plan.owner.person:
        yield Reason("ready.no_owner", {})
    for duty in file.plan.roles:
        if not duty.people:
            yield Reason("ready.no_people", {"role": duty.id})


def _aged(record: DrillRecord, now: float) -> Iterator[Reason]:
    age = now - record.began_wall
    if age > LONGEST_VALID or age < 0:
        days = {"days": f"{age / 86400:.0f}", "limit": f"{LONGEST_VALID / 86400:.0f}"}
        yield Reason("ready.aged" if age > 0 else "ready.from_the_future", days)


def _changed(file: PlanFile, bound: ConcretePlan | None, estate: Estate, last: Run, content: str) -> Iterator[Reason]:
    """What is no longer as it was when the plan was verified; what was not recorded is not known to be the same."""
    record = last.record
    run = {"run": record.run}
    if record.plan_digest != file.digest:
        yield Reason("ready.plan_changed", run | {"version": str(file.plan.version), "before": str(record.version)})
    if record.estate_digest != estate.digest:
        yield Reason("ready.estate_changed", run)
    hosts = set(bound.hosts) if bound else set()
    if not last.hosts:
        yield Reason("ready.hosts_unrecorded", run)
    elif hosts != set(last.hosts):
        differ = ", ".join(sorted(hosts ^ set(last.hosts))[:5])
        yield Reason("ready.hosts_changed", run | {"hosts": differ})
    before = record.versions.get(CONTENT, "")
    if before != content or not content:
        yield Reason("ready.content_changed" if before and content else "ready.content_unrecorded", run)
    if record.owner and file.plan.owner.person and record.owner != file.plan.owner.person:
        yield Reason("ready.owner_changed", run | {"before": record.owner, "now": file.plan.owner.person})


def _later(mine: Sequence[Run], last: Run) -> Iterator[Reason]:
    """A later full run that did not meet its targets counts for more than the one that did."""
    after = [run.record for run in _full(mine) if run.record.began_wall > last.record.began_wall]
    if after:
        yield Reason("ready.failed_since", {"run": after[-1].run})


def expected_rto(file: PlanFile, mine: Sequence[Run]) -> Expected:
    """The worst that was measured with this version of the plan; else the plan's own estimate."""
    found = [one.measured for run in _comparable(file, mine) if (one := judged(run.record, "rto")) and one.measured]
    if found:
        return Expected("measured", max(found, key=_upper), len(found))
    waits = waited(file)
    return Expected("estimated", Interval(0.0, waits)) if waits else Expected("unknown")


def waited(file: PlanFile) -> float:
    """Seconds that clients would wait if every estimate of the plan were right."""
    plan = file.plan
    steps = in_mode(plan.steps, plan.mode)
    graph = only(needs(steps), outage(steps, plan.mode))
    return max(ends(graph, {step.id: step.estimate for step in steps}).values(), default=0.0)


def expected_rpo(file: PlanFile, mine: Sequence[Run]) -> Expected:
    """The worst that was measured; else what the plan promises, which proves nothing."""
    known = [
        one
        for run in _comparable(file, mine)
        if (one := judged(run.record, "rpo")) and one.verdict is not Verdict.INCONCLUSIVE
    ]
    if known:
        return Expected("measured", max((one.measured or Interval(0.0, 0.0) for one in known), key=_upper), len(known))
    return Expected("promised", Interval(0.0, file.plan.objectives.rpo))


def _comparable(file: PlanFile, mine: Sequence[Run]) -> list[Run]:
    done = {State.COMPLETED, State.COMPLETED_WITH_EXCEPTIONS}
    return [run for run in _full(mine) if run.record.version == file.plan.version and run.record.state in done]


def _upper(interval: Interval) -> float:
    return float("inf") if interval.high is None else interval.high


def concerns(one: Readiness, center: str, roles: Mapping[str, str]) -> bool:
    """Whether a plan is about the loss of that center, or the way out of it; ``roles``: center id -> role."""
    role = roles.get(center, "")
    plan = one.file.plan
    return role in {str(lost) for lost in plan.lost} or (str(plan.source) == role and plan.source is not plan.target)
