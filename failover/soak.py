"""Watching the new order before it is declared; a person commits, or in time nobody does and it is taken back."""

from __future__ import annotations

from failover import safety
from failover.engine_work import Work
from failover.records import State

_LOOK = 5.0  #: seconds between looks at the invariants while it soaks
_NEWS = 1.0


async def soak(work: Work) -> None:
    """Until the time is over, an order came, or a rule is broken; then the next state is on record."""
    window = work.plan.plan.soak.watch if work.choices.soak is None else work.choices.soak
    while (left := work.remaining(window)) > 0:
        if work.ordered.is_set():
            return
        broken = [held for held in await safety.after(work, "soak") if held.result == "fail"]
        if broken:
            work.enter(State.PAUSED, "; ".join(f"{held.rule}: {held.because}" for held in broken))
            return
        await work.news(min(left, _LOOK))
    work.enter(State.COMMIT_WAIT)


async def wait_for_commit(work: Work) -> None:
    """A person of the plan's role commits or orders the way back; else what the plan says happens."""
    said = work.plan.plan.soak
    while (left := work.remaining(said.confirm_within)) > 0:
        if work.ordered.is_set():
            return
        if work.standing.word and work.standing.word.what == "commit":
            done = State.COMPLETED_WITH_EXCEPTIONS if work.standing.exceptions else State.COMPLETED
            work.enter(done, f"committed by {work.standing.word.by}")
            return
        await work.news(min(left, _NEWS))
    back = said.otherwise == "roll-back" and not (work.standing.real or work.choices.real)
    work.enter(State.ROLLING_BACK if back else State.PAUSED, "nobody committed in time")
