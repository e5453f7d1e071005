"""The failover engine: from one state of a run to the next, each on record before anything follows from it.

It may be killed at any instant. The next engine folds the journal, looks at what was begun, and goes on, forward or
backward as it was. It knows the world only through hands, meters and a clock, and needs nothing of a failed center.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass

from failover import backward, preflight, soak
from failover.abort import hear, watch_meters, watch_people
from failover.concrete import ConcretePlan
from failover.engine_calls import Outranked
from failover.engine_together import beside
from failover.engine_work import Choices, Work, World
from failover.forward import Forward
from failover.journal import Journal, JournalFailed
from failover.lock import Lock, LockLost
from failover.records import Kind, Record, State


@dataclass(frozen=True, slots=True)
class Ended:
    """Where the engine left the run. PAUSED: it can be resumed."""

    state: State
    because: str


class Engine:
    """One engine on one run; it holds the lock."""

    def __init__(
        self,
        plan: ConcretePlan,
        world: World,
        journal: Journal,
        lock: Lock,
        choices: Choices,
        tell: Callable[[Record], None] = lambda _: None,
    ) -> None:
        self.work = Work(plan, world, journal, lock, choices, tell)

    async def run(self) -> Ended:
        """Carry the run on from wherever it stands, until it is over or waits for people.

        What stops the engine itself (lock lost, journal full, another desk) never leads to another act.
        """
        try:
            await self._enter()
            async with beside(watch_people(self.work), watch_meters(self.work)):
                await self._states()
            if self.work.standing.ended:
                await self._close()
        except JournalFailed as error:
            return Ended(State.PAUSED, _last_word(self.work, f"journal: {error}"))
        except LockLost as error:
            return Ended(State.PAUSED, f"lock: {error}")
        except Outranked as error:
            return Ended(State.PAUSED, _last_word(self.work, f"epoch: {error}"))
        finally:
            await self.work.end()
            with contextlib.suppress(OSError):
                await self.work.hands.close()
        return Ended(self.work.standing.state, self.work.standing.because)

    async def _enter(self) -> None:
        """Open a new run, or take up one that an engine left."""
        work = self.work
        if not work.standing.opened:
            work.note(Kind.OPENED, _opened(work), actor=work.choices.starter)
            work.enter(State.PREFLIGHT)
            return
        if work.standing.ended:
            return
        recovered = {"pid": os.getpid(), "torn": work.journal.torn, "unknown": work.standing.unknown}
        work.note(Kind.RECOVERED, {**recovered, "by": work.choices.starter})
        if work.standing.order:
            work.ordered.set()
        if work.standing.state is State.PREFLIGHT or work.standing.state is State.PENDING_APPROVAL:
            work.enter(State.PREFLIGHT, "after a crash")
            return
        against = await preflight.warm(work)
        if any(each.startswith(preflight.EPOCH) for each in against):
            raise Outranked("; ".join(against))
        hear(work)
        work.aside(self._measure_on())

    async def _measure_on(self) -> None:
        """Find the meters again; clients may be waiting, so the steps do not wait for this."""
        await preflight.start_meters(self.work)
        if self.work.is_fenced() and self.work.standing.state is not State.ROLLING_BACK:
            await self.work.meters.fenced(self.work.world.old_address or self.work.plan.old_writer)

    async def _states(self) -> None:
        work = self.work
        turns = {
            State.PREFLIGHT: lambda: preflight.preflight(work),
            State.PENDING_APPROVAL: lambda: preflight.pending(work),
            State.RUNNING: self._forward,
            State.PAUSED: self._paused,
            State.SOAKING: lambda: soak.soak(work),
            State.COMMIT_WAIT: lambda: soak.wait_for_commit(work),
            State.ROLLING_BACK: self._backward,
        }
        while not work.standing.ended:
            if work.standing.order:
                self._obey()
            elif work.standing.state is State.PAUSED and not self._goes_on():
                return  # to be resumed
            else:
                await turns[work.standing.state]()

    def _obey(self) -> None:
        """An order becomes a state: a pause, the way back, or, where that leads nowhere, a pause that says so."""
        work = self.work
        nowhere = backward.past_return(work.plan, work.standing)
        if work.standing.order == "pause":
            work.enter(State.PAUSED, "ordered to pause")
        elif nowhere:
            work.enter(State.PAUSED, nowhere)
        elif not backward.to_undo(work.plan, work.standing):
            work.enter(State.ABORTED, f"ordered by {work.standing.ordered_by or 'a condition of the plan'}")
        else:
            work.enter(State.ROLLING_BACK, f"ordered by {work.standing.ordered_by or 'a condition of the plan'}")

    def _goes_on(self) -> bool:
        return self.work.choices.stay or (self._resumed() and not self.work.kill.on())

    def _resumed(self) -> bool:
        word = self.work.standing.word
        return word is not None and word.what == "resume"

    async def _paused(self) -> None:
        """Wait for a person: ``resume`` goes on where it was, ``roll-back`` and ``abort`` go back."""
        work = self.work
        while not work.ordered.is_set():
            if self._resumed() and not work.kill.on():
                work.enter(work.standing.paused_from, "resumed by a person")
                return
            await work.news(1.0)

    async def _forward(self) -> None:
        work = self.work
        if work.ordered.is_set():
            return
        halted = await Forward(work).go()
        if not halted:
            work.enter(State.SOAKING)
        elif not work.standing.order:
            work.enter(State.PAUSED, halted)

    async def _backward(self) -> None:
        work = self.work
        touched = any(step.touched for step in work.standing.steps.values())
        if work.is_fenced():
            work.fenced(False)
        failed = await backward.go_back(work)
        if failed == "ordered":
            return
        wrong = failed or await backward.writer_is_back(work)
        work.enter(backward.end_state(wrong, touched), wrong or work.standing.because)

    async def _close(self) -> None:
        """The last words: meters stopped and their logs collected, the run closed, the estate free for another."""
        work = self.work
        if not work.standing.closed:
            if work.standing.metering:
                await _stop_meters(work)
            work.note(Kind.CLOSED, {"state": work.standing.state.value, "because": work.standing.because})
        work.lock.close_run()


async def _stop_meters(work: Work) -> None:
    try:
        async with asyncio.timeout(120.0):
            vantages = dict(await work.meters.stop())
    except Exception as error:  # whatever is wrong with the meters, the run itself has ended well or not
        vantages = {"meters": str(error)[:200] or "no answer"}
    work.note(Kind.METERS, {"state": "stopped", "vantages": vantages})


def _opened(work: Work) -> dict[str, object]:
    plan, choices = work.plan, work.choices
    return {
        "plan": plan.plan.plan,
        "plan_version": plan.plan.version,
        "plan_digest": plan.digest,
        "estate_digest": plan.estate_digest,
        "drill": choices.drill,
        "mode": plan.plan.mode.value,
        "from": plan.centers.get("from", plan.plan.source.value),
        "to": plan.centers.get("to", plan.plan.target.value),
        "old_writer": plan.old_writer,
        "new_writer": plan.new_writer,
        "steps": [step.id for step in plan.steps],
        "starter": choices.starter,
        "people": dict(choices.people),
        "versions": dict(choices.versions),
    }


def _last_word(work: Work, because: str) -> str:
    """Say on record why the engine ends, if there is room for it: a little was kept back for this."""
    with contextlib.suppress(JournalFailed):
        work.journal.free_reserve()
        if not work.standing.ended:
            work.enter(State.PAUSED, because[:500])
    return because
