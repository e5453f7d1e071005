"""One step forward: settled if it was begun before, else checked, meant, done, verified, and put on record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from failover import approvals, safety
from failover.concrete import ConcreteStep
from failover.engine_calls import Answers, carry, changes, described, judge
from failover.engine_together import both, unless
from failover.engine_work import Work
from failover.human_step import answered
from failover.invariants import Held
from failover.plan import Kind
from failover.ports import Outcome, Reply
from failover.records import Kind as Records
from failover.replay import Progress

_T = TypeVar("_T")
_POLL = 0.5  #: seconds between looks while a step settles
_POLL_URGENT = 0.05
_FOR_A_WORD = 1800.0  #: seconds that a person has to say what cannot be seen
_REPLY_FACTS = 40  #: facts of a step that are kept


@dataclass(frozen=True, slots=True)
class Ended:
    """How a step ended, and why when not well; ``untouched``: it was not even begun."""

    progress: Progress
    because: str = ""
    untouched: bool = False


async def carry_out(work: Work, step: ConcreteStep, proof: safety.Proof | None, replied: Callable[[], None]) -> Ended:
    """The step, once what it needs is there; ``replied`` is called when its hosts say that it is done."""
    if step.kind is Kind.HUMAN:
        return await _asked(work, step)
    settled = await _settled(work, step)
    if settled:
        return settled
    against = await _against(work, step, proof)
    if against:
        return Ended(Progress.FAILED, against, untouched=True)
    return await _attempts(work, step, replied)


async def _asked(work: Work, step: ConcreteStep) -> Ended:
    answer = await answered(work, step)
    if answer is None:
        return Ended(Progress.FAILED, "nobody answered in time", untouched=True)
    outcome = Progress.DONE if answer.what == "confirm" else Progress.FAILED
    because = "" if outcome is Progress.DONE else f"{answer.by} denied it: {answer.reason}"
    return _result(work, step, outcome, because)


async def _settled(work: Work, step: ConcreteStep) -> Ended | None:
    """How a step that was begun before really ended; None when it has (still) to be done.

    It is looked at first. Where its hosts had said that it was done, that settles it; else it is done again when doing
    it twice is as doing it once. A promotion never is: what looking cannot settle waits for a person.
    """
    before = work.standing.steps.get(step.id)
    repeats = step.kind is Kind.PROMOTE and before is not None and before.touched
    if before is None or not (before.progress is Progress.UNKNOWN or repeats):
        return None
    if not step.verify and not changes(step.do):
        return None
    outcome, because = await _looked(work, step, before.attempts) if step.verify else _nothing_to_ask()
    if outcome is Outcome.DONE and (before.replied or not _repeatable(step)):
        held = await safety.after(work, step.id, traffic=step.kind is Kind.TRAFFIC) if safety.moves(step) else []
        return _with_rules(_result(work, step, Progress.DONE, "", settled=True), held)
    if outcome is Outcome.UNKNOWN and not _repeatable(step):
        return Ended(Progress.UNKNOWN, f"begun before a crash, and it cannot be told how it ended: {because}")
    return None


async def _looked(work: Work, step: ConcreteStep, attempt: int) -> tuple[Outcome, str]:
    """One look is enough for what can be done again; for what cannot, until it is known or the step's time is over."""
    until = work.now() + (0.0 if _repeatable(step) else step.step.timeout)
    while True:
        answers = await carry(
            work, step.verify, step=step.id, part="verify", attempt=attempt, timeout=step.step.timeout, urgent=True
        )
        outcome, because = judge(answers)
        if outcome is not Outcome.UNKNOWN or work.now() >= until or work.ordered.is_set():
            return outcome, because
        await work.clock.sleep(_POLL)


def _nothing_to_ask() -> tuple[Outcome, str]:
    return Outcome.UNKNOWN, "the step has no verify"


def _repeatable(step: ConcreteStep) -> bool:
    """Whether doing it again is harmless: then it is, since a verify may hold for another reason than the step."""
    return step.step.idempotent and step.kind is not Kind.PROMOTE


async def _against(work: Work, step: ConcreteStep, proof: safety.Proof | None) -> str:
    """What forbids to begin the step now; empty when nothing does."""
    plan, now = work.plan, work.clock.wall()
    given = approvals.read(work.world.approvals) if any(each.before == step.id for each in plan.plan.approvals) else ()
    _, missing = approvals.judge(plan.plan, plan.digest, given, _starter(work), now, before=step.id)
    if missing:
        return "; ".join(f"approval of {each.role}: {each.because}" for each in missing)
    if step.kind is Kind.PROMOTE and (proof is None or not proof.fresh(work.now())):
        proof = await safety.prove(work, step)
    if step.kind is Kind.TRAFFIC and not step.step.urgent:
        proof = await safety.look_at_writers(work, step)
    return proof.against if proof else ""


def _starter(work: Work) -> str:
    return str(work.standing.opened.get("starter") or work.choices.starter)


async def _attempts(work: Work, step: ConcreteStep, replied: Callable[[], None]) -> Ended:
    before = work.standing.steps.get(step.id)
    first = before.attempts + 1 if before else 1
    for attempt in range(first, first + step.step.retries + 1):
        outcome, because = await _attempt(work, step, attempt, replied)
        again = outcome is Outcome.FAILED and attempt < first + step.step.retries and step.kind is not Kind.PROMOTE
        if not again or work.ordered.is_set():
            break
    if outcome is Outcome.DONE and because:  # done, and a rule of the plan is broken by it
        _result(work, step, Progress.DONE, "")
        return Ended(Progress.DONE, because)
    progress = {Outcome.DONE: Progress.DONE, Outcome.UNKNOWN: Progress.UNKNOWN}.get(outcome, Progress.FAILED)
    return _result(work, step, progress, because)


async def _attempt(work: Work, step: ConcreteStep, attempt: int, replied: Callable[[], None]) -> tuple[Outcome, str]:
    began = work.now()
    work.note(
        Records.INTENT,
        {
            "step": step.id,
            "part": "do",
            "attempt": attempt,
            "calls": described(step.do),
            "changes": changes(step.do),
        },
    )
    answers = await _do(work, step, attempt)
    outcome, because = judge(answers)
    if outcome in (Outcome.FAILED, Outcome.REFUSED) or not (step.verify or safety.moves(step)):
        return (Outcome.FAILED if outcome is Outcome.REFUSED else outcome), because
    if outcome is Outcome.DONE:
        replied()
    return await _checked(work, step, attempt, began, (outcome, because))


async def _do(work: Work, step: ConcreteStep, attempt: int) -> Answers:
    """The step's calls; when they only look, an order ends them."""
    act = carry(
        work, step.do, step=step.id, part="do", attempt=attempt, timeout=step.step.timeout, urgent=step.step.urgent
    )
    if changes(step.do):
        return await act
    answers = await unless(work.ordered, act)
    return [(call, _interrupted()) for call in step.do] if answers is None else answers


async def _checked(
    work: Work, step: ConcreteStep, attempt: int, began: float, replied: tuple[Outcome, str]
) -> tuple[Outcome, str]:
    """Verify and the plan's rules, both at once."""
    verify = _verified(work, step, began, attempt) if step.verify else _as(replied)
    rules = safety.after(work, step.id, traffic=step.kind is Kind.TRAFFIC) if safety.moves(step) else _as([])
    (outcome, because), held = await both(verify, rules)
    if outcome is Outcome.UNKNOWN and replied[1]:
        because = f"{replied[1]}; {because}"
    broken = [f"{each.rule}: {each.because}" for each in held if each.result == "fail"]
    return outcome, because or "; ".join(broken)


async def _as(value: _T) -> _T:
    return value


async def _verified(work: Work, step: ConcreteStep, began: float, attempt: int) -> tuple[Outcome, str]:
    """Look until it is so, or the step's time is over. A write that a fence let through is never asked twice.

    What stays unknown a person may give their word for, where the plan has a question for it.
    """
    until = max(began, work.now() - _POLL) + step.step.timeout
    while True:
        left = max(_POLL, until - work.now())
        answers = await carry(
            work, step.verify, step=step.id, part="verify", attempt=attempt, timeout=left, urgent=True
        )
        outcome, because = judge(answers)
        final = outcome is Outcome.DONE or (step.kind is Kind.FENCE and outcome is Outcome.FAILED)
        if final or work.now() >= until or work.ordered.is_set():
            break
        await work.clock.sleep(_POLL_URGENT if step.step.urgent else _POLL)
    if outcome is Outcome.UNKNOWN and step.step.ask and not work.ordered.is_set():
        return await _on_word(work, step, because)
    return (Outcome.FAILED if outcome is Outcome.REFUSED else outcome), because


async def _on_word(work: Work, step: ConcreteStep, because: str) -> tuple[Outcome, str]:
    """Ask a person for what cannot be seen."""
    answer = await answered(work, step, patience=_FOR_A_WORD)
    if answer is None:
        return Outcome.UNKNOWN, f"{because}; nobody gave their word for it"
    if answer.what == "confirm":
        return Outcome.DONE, ""
    return Outcome.FAILED, f"{because}; {answer.by} denied it: {answer.reason}"


def _result(work: Work, step: ConcreteStep, progress: Progress, because: str, *, settled: bool = False) -> Ended:
    facts = dict(list(work.standing.facts(step.id).items())[:_REPLY_FACTS])
    word = work.standing.answers.get(step.id)
    if word and word.what == "confirm" and step.kind is not Kind.HUMAN:
        facts["on_word"] = word.by
    payload = {"step": step.id, "outcome": progress.value, "because": because, "facts": facts}
    work.note(Records.RESULT, {**payload, "settled": True} if settled else payload)
    if step.kind is Kind.FENCE and progress is Progress.DONE:
        work.fenced()
    return Ended(progress, because)


def _with_rules(ended: Ended, held: list[Held]) -> Ended:
    broken = [f"{each.rule}: {each.because}" for each in held if each.result == "fail"]
    return Ended(ended.progress, "; ".join(broken))


def _interrupted() -> Reply:
    return Reply(Outcome.FAILED, "ended by an order")
