"""Runs of the real engine in the lab, with people who answer what they are asked, and what the meters saw of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from failover import journal
from failover.approvals import give
from failover.bind import Refusal, bind
from failover.engine import Ended
from failover.engine_work import Choices
from failover.lint import ours
from failover.live import reach
from failover.measured import Measured
from failover.meter.measure import measure
from failover.plan import Plan
from failover.plan_load import PlanFile
from failover.records import Kind, Record, State
from failover.run_folder import RunFolder
from failover.start import Desk, Files, begin, look, resume, say
from inventory.load import load
from lab.client import Lab

PATIENCE = 180.0  #: seconds that any run of the lab may take


def person(plan: Plan, role: str) -> str:
    """Someone who has that duty, and did not write the plan."""
    people = next(duty.people for duty in plan.roles if duty.id == role)
    return next((each for each in people if each != plan.last_editor), people[0])


@dataclass
class Drilling:
    """A desk beside a lab."""

    lab: Lab
    folder: Path
    records: list[Record] = field(default_factory=list)
    on: Callable[[Record], None] = lambda _: None  #: called with each record of a run under way

    @property
    def desk(self) -> Desk:
        """Where lock, approvals and runs are."""
        return Desk(self.folder / "desk", self.folder / "runs", tell=self._told)

    def _told(self, record: Record) -> None:
        self.records.append(record)
        self.on(record)

    def plan(self, name: str) -> PlanFile:
        """One of our own plans."""
        return ours()[name]

    def run(
        self, name: str, *, drill: str = "switchover", overrides: Mapping[str, str] | None = None, commit: bool = True
    ) -> tuple[RunFolder, Ended]:
        """Carry out a plan to its end; everybody approves and confirms, and, if ``commit``, commits."""
        file = self.plan(name)
        for approval in file.plan.approvals:
            who = person(file.plan, approval.role)
            give(self.desk.approvals, file.plan, file.digest, approval.role, who, self.desk.clock.wall())
        choices = Choices(person(file.plan, "operator"), drill=drill, soak=1.0, overrides=dict(overrides or {}))
        bound = bind(file, load(self.lab.estate_folder))
        assert not isinstance(bound, Refusal), bound
        world = reach(load(self.lab.estate_folder))
        started = begin(self.desk, world, bound, Files(file.data, self.lab.estate_folder), choices)
        return self._carried(started, file.plan, commit)

    def resume(self, run: str, name: str, *, commit: bool = True, word: str = "resume") -> tuple[RunFolder, Ended]:
        """Take up a run that its engine left."""
        plan = self.plan(name).plan
        world = reach(load(self.lab.estate_folder))
        going = resume(self.desk, world, run, Choices(person(plan, "operator")), word)
        return self._carried(going, plan, commit)

    def _carried(
        self, work: Coroutine[Any, Any, tuple[str, Ended]], plan: Plan, commit: bool
    ) -> tuple[RunFolder, Ended]:
        async def both() -> tuple[str, Ended]:
            people = asyncio.create_task(self._people(plan, commit))
            try:
                async with asyncio.timeout(PATIENCE):
                    return await work
            finally:
                people.cancel()

        run, ended = asyncio.run(both())
        return RunFolder(self.desk.runs / run), ended

    async def _people(self, plan: Plan, commit: bool) -> None:
        """Answer questions and commit, each once."""
        answered: set[str] = set()
        while True:
            await asyncio.sleep(0.1)
            if not self.records:
                continue
            run = self.records[-1].run
            standing = look(self.desk, run)
            for step in standing.asked - set(standing.answers) - answered:
                answered.add(step)
                say(self.desk, run, "confirm", person(plan, plan.step(step).role or "commander"), step=step)
            if commit and standing.state is State.COMMIT_WAIT and "commit" not in answered:
                answered.add("commit")
                say(self.desk, run, "commit", person(plan, plan.soak.role))

    def measured(self, run: RunFolder, name: str) -> Measured:
        """What the meters of a run saw."""
        found = journal.records(run.journal)
        assert not found.broken, found.broken
        return measure(run, found.records, self.plan(name).plan.objectives)


def acts(records: list[Record], step: str) -> int:
    """How often a step's act was meant."""
    meant = (one.payload for one in records if one.kind is Kind.INTENT)
    return sum(one.get("step") == step and one.get("part") == "do" for one in meant)


def report(measured: Measured) -> str:
    """Figures for a test's output."""
    rto = measured.worst.rto if measured.worst else None
    high = f"{rto.high:.2f}" if rto and rto.high is not None else "?"
    outage = f"{rto.low:.2f}..{high} s" if rto else "none"
    writes = ", ".join(f"{one.vantage}: {len(one.lost)} of {one.acked} lost" for one in measured.writes)
    return f"outage {outage} at {measured.worst.vantage if measured.worst else '-'}; {writes}"
