"""What must hold after each step: never two writers, never an empty entry, lag within RPO. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from failover.concrete import Call, ConcretePlan
from failover.plan import Kind
from failover.ports import Outcome, Reply
from failover.replay import Progress, Standing

TWO_WRITERS = "never-two-writers"
EMPTY_ENTRY = "never-empty-entry"
LAG = "lag-within-rpo"
FENCE = "fence-proved"


@dataclass(frozen=True, slots=True)
class Held:
    """Whether a rule holds, and why."""

    rule: str
    result: str  #: ``pass``, ``fail``, ``unknown``
    because: str


Answers = Sequence[tuple[Call, Reply]]


def writers(answers: Answers) -> list[str]:
    """Hosts that say they take writes."""
    return [call.host for call, reply in answers if _is_writer(reply)]


def two_writers(answers: Answers, gone: Collection[str] = (), powerless: Collection[str] = ()) -> Held:
    """Never two: fewer answers than servers is unknown, but for the ``gone``.

    ``powerless``: primaries whose commits are proved to hang, since nobody acknowledges to them any more.
    """
    found = [host for host in writers(answers) if host not in powerless]
    if len(found) > 1:
        return Held(TWO_WRITERS, "fail", f"writers: {', '.join(found)}")
    silent = [call.host for call, reply in answers if not _told(reply) and call.host not in gone]
    if silent or not answers:
        return Held(TWO_WRITERS, "unknown", f"no answer: {', '.join(silent) or 'nobody was asked'}")
    return Held(TWO_WRITERS, "pass", f"writer: {found[0] if found else 'none'}")


def empty_entry(answers: Answers, gone: Collection[str] = ()) -> Held:
    """Every entry has a server that gets sessions."""
    empty = [call.host for call, reply in answers if reply.outcome is Outcome.DONE and not reply.facts.get("active")]
    if empty:
        return Held(EMPTY_ENTRY, "fail", f"no server: {', '.join(empty)}")
    silent = [call.host for call, reply in answers if reply.outcome is not Outcome.DONE and call.host not in gone]
    if silent or not any(reply.outcome is Outcome.DONE for _, reply in answers):
        return Held(EMPTY_ENTRY, "unknown", f"no answer: {', '.join(silent) or 'nobody was asked'}")
    return Held(EMPTY_ENTRY, "pass", "every entry has a server")


def lag(plan: ConcretePlan, standing: Standing, answers: Answers) -> Held:
    """The new writer has all that the fenced one wrote; where that cannot be read, what the gate saw before counts."""
    end = _fence_end(plan, standing)
    if end is None:
        return _lag_by_gate(standing)
    facts = next((reply.facts for call, reply in answers if call.host == plan.new_writer and _told(reply)), None)
    has = facts.get("lsn") if facts else None
    if type(has) is not int:
        return Held(LAG, "unknown", f"no answer: {plan.new_writer}")
    behind = end - has
    return Held(LAG, "pass" if behind <= 0 or _bounded(plan, standing) else "fail", f"bytes behind: {max(0, behind)}")


def _bounded(plan: ConcretePlan, standing: Standing) -> bool:
    """Whether the plan allows a loss, and its gate has seen the lag within it."""
    return plan.plan.objectives.rpo > 0 and standing.gates.get(LAG) == "pass"


def _lag_by_gate(standing: Standing) -> Held:
    seen = standing.gates.get(LAG, "unknown")
    if seen != "pass" and LAG in standing.overrides:
        return Held(LAG, "pass", f"overridden by {standing.overrides[LAG]}")
    return Held(LAG, seen if seen in ("pass", "fail") else "unknown", "as the gate saw it before the run")


def _fence_end(plan: ConcretePlan, standing: Standing) -> int | None:
    """Where the log of the old writer ended, when its fence could read it there."""
    for step in plan.steps:
        on_old = any(call.host == plan.old_writer and call.action == "pg-fence" for call in step.do)
        end = standing.facts(step.id).get("lsn")
        if step.kind is Kind.FENCE and on_old and type(end) is int:
            return end
    return None


def entries_matter(plan: ConcretePlan, standing: Standing) -> bool:
    """Between the fence and the traffic an entry has no server by nature; before and after it must have one."""
    fenced = any(step.kind is Kind.FENCE and _begun(standing, step.id) for step in plan.steps)
    moves = [step.id for step in plan.steps if step.kind is Kind.TRAFFIC]
    return not fenced or (bool(moves) and standing.done(moves[0]))


def powerless(plan: ConcretePlan, standing: Standing) -> tuple[str, ...]:
    """The old writer, when the fence of this run is that its commits hang and that was proved."""
    for step in plan.steps:
        if step.kind is Kind.FENCE and standing.done(step.id) and any(hangs(call) for call in step.verify):
            return (plan.old_writer,)
    return ()


def proofs(plan: ConcretePlan, standing: Standing) -> tuple[Call, ...] | None:
    """The refused writes that prove every fence again; None when no fence of this run has been proved at all."""
    fences = [step for step in plan.steps if step.kind is Kind.FENCE and _carried_out(standing, step.id)]
    calls = tuple(call for step in fences for call in step.verify)
    proved = all(standing.done(step.id) for step in fences)
    return calls if proved and any(call.action == "pg-refused-write" for call in calls) else None


def fence_proved(answers: Answers) -> Held:
    """Every write straight at the old writer was refused."""
    for call, reply in answers:
        if reply.outcome in (Outcome.FAILED, Outcome.REFUSED):
            return Held(FENCE, "fail", f"{call.give.get('target', call.host)}: {reply.says or reply.outcome.value}")
    unknown = [call.host for call, reply in answers if reply.outcome is not Outcome.DONE]
    if unknown or not answers:
        return Held(FENCE, "unknown", f"no answer: {', '.join(unknown)}"[:300])
    return Held(FENCE, "pass", "writes are refused")


def on_word(plan: ConcretePlan, standing: Standing) -> str:
    """Who gave their word for a fence that cannot answer (a machine without power); empty when nobody had to."""
    words = [standing.facts(step.id).get("on_word") for step in plan.steps if step.kind is Kind.FENCE]
    return next((str(word) for word in words if word), "")


def hangs(call: Call) -> bool:
    """Whether a write that hangs counts as refused for this call."""
    return call.action == "pg-refused-write" and call.give.get("hung_is_refused") is True


def _begun(standing: Standing, step: str) -> bool:
    there = standing.steps.get(step)
    return there is not None and there.touched and there.progress is not Progress.UNDONE


def _carried_out(standing: Standing, step: str) -> bool:
    there = standing.steps.get(step)
    return there is not None and there.progress is not Progress.SKIPPED


def _is_writer(reply: Reply) -> bool:
    facts: Mapping[str, Any] = reply.facts
    return reply.outcome is Outcome.DONE and facts.get("role") == "primary" and facts.get("fenced") is not True


def _told(reply: Reply) -> bool:
    return reply.outcome is Outcome.DONE and reply.facts.get("role") in ("primary", "standby", "none")
