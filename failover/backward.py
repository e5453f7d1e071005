"""The way back: exactly what was done or may have been done is undone, last first; every undo is tried.

One thing comes before completeness: nothing is started as a writer while another may be one. Such an undo counts as
failed, and what to do by hand is in the record.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from failover import invariants, safety
from failover.concrete import Call, ConcretePlan, ConcreteStep, Found
from failover.engine_calls import act_name, carry, changes, described, judge, look
from failover.engine_work import Work
from failover.plan import Kind
from failover.ports import Outcome
from failover.records import Kind as Records
from failover.records import State
from failover.replay import Progress, Standing

_TRIES = 3
_PAUSE = 1.0  #: seconds between tries of an undo
_STARTS_WRITER = frozenset({"pg-unfence", "pg-promote", "pg-receive-again"})


def to_undo(plan: ConcretePlan, standing: Standing) -> list[ConcreteStep]:
    """Steps that may have changed something and are not undone, in the order in which they are undone. Pure."""
    undoable = (Progress.DONE, Progress.UNKNOWN, Progress.FAILED, Progress.UNDO_FAILED, Progress.SKIPPED)
    there = [
        (standing.steps[step.id].began, step)
        for step in plan.steps
        if step.id in standing.steps
        and standing.steps[step.id].touched
        and standing.steps[step.id].progress in undoable
    ]
    return [step for _, step in sorted(there, key=lambda each: each[0], reverse=True)]


def past_return(plan: ConcretePlan, standing: Standing) -> str:
    """Why undoing can no longer lead back: the old writer is a copy already. Empty when it can. Pure."""
    promoted = any(step.kind is Kind.PROMOTE for step in to_undo(plan, standing))
    for step in to_undo(plan, standing):
        rejoined = any(call.action == "pg-rejoin" and call.host == plan.old_writer for call in step.do)
        if promoted and rejoined and not step.undo and plan.old_writer != plan.new_writer:
            return f"`{step.id}` made {plan.old_writer} a copy; go back by the plan {plan.plan.returns_by or '(none)'}"
    return ""


def beyond_return(plan: ConcretePlan, standing: Standing) -> bool:
    """Whether a step was begun after which only a person may order the way back. Pure."""
    return any(step.step.no_return for step in to_undo(plan, standing))


async def go_back(work: Work) -> str:
    """Undo all there is; the steps whose undo failed, or ``ordered`` when the kill switch stopped it."""
    failed = []
    for step in to_undo(work.plan, work.standing):
        if work.ordered.is_set():
            return "ordered"
        if not await _undo(work, step):
            failed.append(step.id)
    return ", ".join(failed)


async def writer_is_back(work: Work) -> str:
    """After everything was undone there is exactly one writer; else why not."""
    touched = [step for step in work.plan.steps if step.id in work.standing.steps]
    if not any(step.kind in (Kind.FENCE, Kind.PROMOTE) for step in touched):
        return ""
    answers = await look(work, work.plan.writers, 5.0)
    found = invariants.writers(answers)
    gone = work.plan.old_writer in work.plan.gone
    return (
        "" if len(found) == 1 or (gone and not found) else f"writers after the way back: {', '.join(found) or 'none'}"
    )


async def _undo(work: Work, step: ConcreteStep) -> bool:
    """Undo one step and put on record what came of it."""
    if not step.undo:
        none = step.step.undo.none if step.step.undo else None
        because = none.en if none else "nothing to undo"
        return _undone(work, step, Outcome.DONE if none or not changes(step.do) else Outcome.FAILED, because)
    outcome, because = Outcome.FAILED, ""
    for attempt in range(1, _TRIES + 1):
        outcome, because = await _tried(work, step, attempt)
        if outcome is Outcome.DONE or work.ordered.is_set():
            break
        await work.clock.sleep(_PAUSE)
    return _undone(work, step, outcome, because)


async def _tried(work: Work, step: ConcreteStep, attempt: int) -> tuple[Outcome, str]:
    against = await _second_writer(work, step)
    if against:
        return Outcome.REFUSED, against
    calls = await _recalled(work, step, attempt)
    if isinstance(calls, str):
        return Outcome.FAILED, calls
    work.note(Records.INTENT, {"step": step.id, "part": "undo", "attempt": attempt, "calls": described(calls)})
    answers = await carry(
        work, calls, step=step.id, part="undo", attempt=attempt, timeout=step.step.timeout, urgent=step.step.urgent
    )
    outcome, because = judge(answers)
    if outcome is Outcome.DONE:
        broken = [held for held in await safety.after(work, step.id) if held.result == "fail"]
        because = "; ".join(f"{held.rule}: {held.because}" for held in broken)
    return outcome, because


async def _recalled(work: Work, step: ConcreteStep, attempt: int) -> list[Call] | str:
    """The undo's calls, with what the step's hosts found before it, where the engine died before it heard of that.

    A host that never found anything was never changed: there is nothing to undo there. A text says why it is not known.
    """
    calls = []
    for call in step.undo:
        if not _unheard(work, step, call):
            calls.append(call)
            continue
        index = next((at for at, done in enumerate(step.do) if done.host == call.host), 0)
        asks = Call("recall", call.host, {"act": act_name(step.id, "do", index)})
        ((_, reply),) = await carry(
            work, [asks], step=step.id, part="recall", attempt=attempt, timeout=step.step.timeout, urgent=True
        )
        if reply.outcome is not Outcome.DONE:
            return f"what {call.host} was like before is not known: {reply.says or reply.outcome.value}"
        if reply.facts.get("known") is True:
            calls.append(_filled(call, reply.facts.get("before")))
    return calls


def _unheard(work: Work, step: ConcreteStep, call: Call) -> bool:
    """Whether the undo needs what was there before, and nobody told."""
    needs = any(
        isinstance(value, Found) and (value.step, value.fact) == (step.id, "before") for value in call.give.values()
    )
    return needs and work.standing.facts(step.id).get("before") is None


def _filled(call: Call, before: Any) -> Call:
    """The call with what was there before in its place."""
    value = tuple(str(each) for each in before) if isinstance(before, list | tuple) else before
    give = {key: value if isinstance(old, Found) and old.fact == "before" else old for key, old in call.give.items()}
    return replace(call, give=give)


async def _second_writer(work: Work, step: ConcreteStep) -> str:
    """Whether this undo would start a writer beside another one; what does not answer may be one."""
    starts = {call.host for call in step.undo if call.action in _STARTS_WRITER}
    if not starts:
        return ""
    starts |= {work.plan.old_writer} if any(call.action == "pg-receive-again" for call in step.undo) else set()
    others = [call for call in work.plan.writers if call.host not in starts]
    answers = await look(work, others, 5.0)
    writers = invariants.writers(answers)
    if writers:
        return f"not started, {', '.join(writers)} takes writes"
    held = invariants.two_writers(answers, work.plan.gone)
    return "" if held.result == "pass" or not others else f"not started, another may take writes: {held.because}"


def _undone(work: Work, step: ConcreteStep, outcome: Outcome, because: str) -> bool:
    by_hand = step.step.undo.by_hand if step.step.undo else None
    done = outcome is Outcome.DONE
    said = {"zh": by_hand.zh, "en": by_hand.en} if by_hand and not done else {}
    work.note(
        Records.UNDONE,
        {"step": step.id, "outcome": "done" if done else "failed", "because": because[:500], "by_hand": said},
    )
    return done


def end_state(failed: str, touched: bool) -> State:
    """What a run is after the way back. Pure."""
    if failed:
        return State.FAILED_DIRTY
    return State.ROLLED_BACK if touched else State.ABORTED
