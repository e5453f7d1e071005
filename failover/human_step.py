"""A human step: the question goes out, and a person of the step's role answers, or nobody does in time."""

from __future__ import annotations

from failover.concrete import ConcreteStep
from failover.engine_work import Work
from failover.records import Kind
from failover.replay import Said

_LOOK = 1.0  #: seconds between looks; news wake it anyway


async def answered(work: Work, step: ConcreteStep, patience: float | None = None) -> Said | None:
    """The answer that counts; None when the time for it is over (the step's, if not said) or an order came."""
    if step.id not in work.standing.asked:
        question = step.step.ask
        said = {"zh": question.zh, "en": question.en} if question else dict(work.step_name(step.id))
        work.note(Kind.ASKED, {"step": step.id, "role": step.step.role or "", "question": said})
    until = work.now() + (step.step.timeout if patience is None else patience)
    while not work.ordered.is_set():
        answer = work.standing.answers.get(step.id)
        if answer:
            return answer
        left = until - work.now()
        if left <= 0:
            return None
        await work.news(min(left, _LOOK))
    return None
