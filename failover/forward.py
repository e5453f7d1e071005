"""The way forward: the steps of a plan as a graph, each as soon as what it needs is there.

Clients wait between fence and traffic, so nothing there waits without need: an urgent preparation or promotion that its
host says is done lets the next urgent step go while its own verify is still out, and the fence is proved again beside
the catch-up. What is never relaxed: no promotion before the proof is in, and nothing is done that is not on disk first.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from failover import forward_step, safety
from failover.concrete import ConcreteStep
from failover.engine_together import beside, together
from failover.engine_work import Work
from failover.plan import Kind
from failover.records import Kind as Records
from failover.replay import Progress

#: An urgent step of the first kind may be followed, before it is verified, by an urgent step of the second.
_EARLY = {Kind.PREPARE: (Kind.PROMOTE,), Kind.PROMOTE: (Kind.TRAFFIC,)}


@dataclass(slots=True)
class _Signs:
    """What the others wait for."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    replied: asyncio.Event = field(default_factory=asyncio.Event)
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    def all(self) -> None:
        self.begun.set()
        self.replied.set()
        self.finished.set()


class Forward:
    """One pass through the plan, from wherever the run stands."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.halted = ""
        self._signs = {step.id: _Signs() for step in work.plan.steps}

    async def go(self) -> str:
        """Carry out all that can be; why it halted before the end, or empty."""
        steps = [self._step(step) for step in self.work.plan.steps]
        async with beside(self._ordered()):
            await together(*steps)
        return self.halted

    async def _ordered(self) -> None:
        await self.work.ordered.wait()
        self._halt("ordered")

    def _halt(self, why: str) -> None:
        self.halted = self.halted or why
        for signs in self._signs.values():
            signs.all()

    async def _step(self, step: ConcreteStep) -> None:
        signs = self._signs[step.id]
        if not self.work.standing.done(step.id):
            proof = await self._proof(step)
            if self.halted:
                return
            signs.begun.set()
            await self._carry_out(step, proof)
        if not self.halted:
            signs.all()

    async def _proof(self, step: ConcreteStep) -> safety.Proof | None:
        """Wait for what the step needs; for a promotion meanwhile prove the fence once more."""
        needs = asyncio.ensure_future(self._needs(step))
        try:
            proof = None
            if step.kind is Kind.PROMOTE and not self._unsettled(step):
                await self._near(step)
                proof = None if self.halted else await safety.prove(self.work, step)
            await needs
            return proof
        finally:
            needs.cancel()

    def _unsettled(self, step: ConcreteStep) -> bool:
        return step.id in self.work.standing.unknown

    async def _needs(self, step: ConcreteStep) -> None:
        for need in step.step.needs:
            if need in self._signs:
                await (self._signs[need].replied if self._early(need, step) else self._signs[need].finished).wait()

    async def _near(self, step: ConcreteStep) -> None:
        """Until every fence is proved and all that the step needs has begun."""
        for other in self.work.plan.steps:
            if other.kind is Kind.FENCE:
                await self._signs[other.id].finished.wait()
        for need in step.step.needs:
            if need in self._signs:
                await self._signs[need].begun.wait()

    def _early(self, need: str, step: ConcreteStep) -> bool:
        before = next(each for each in self.work.plan.steps if each.id == need)
        return before.step.urgent and step.step.urgent and step.kind in _EARLY.get(before.kind, ())

    async def _carry_out(self, step: ConcreteStep, proof: safety.Proof | None) -> None:
        ended = await forward_step.carry_out(self.work, step, proof, self._signs[step.id].replied.set)
        if ended.progress is Progress.DONE and not ended.because:
            return
        if step.step.optional and ended.progress in (Progress.FAILED, Progress.UNKNOWN) and not ended.untouched:
            self.work.note(
                Records.RESULT,
                {"step": step.id, "outcome": "skipped", "because": ended.because, "facts": {}, "exception": True},
            )
            return
        self._halt(f"{step.id}: {ended.because}")
