"""Runs of the real engine in the lab, with people who answer what they are asked, and what the meters saw of it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
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
from failover.replay import replay
from failover.run_folder import RunFolder
from failover.start import Desk, Files, begin, look, resume, say
from inventory.load import load
from lab.client import Lab
from lab.walk import OPS

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
        """Where lock, approvals and runs are. The lab has one desk: its hosts obey the highest epoch they have seen."""
        return Desk(self.lab.folder / "desk", self.folder / "runs", tell=self._told)

    def _told(self, record: Record) -> None:
        self.records.append(record)
        self.on(record)

    def plan(self, name: str) -> PlanFile:
        """One of our own plans."""
        return ours()[name]

    def run(
        self,
        name: str,
        *,
        drill: str = "switchover",
        overrides: Mapping[str, str] | None = None,
        before: Mapping[str, Callable[[], None]] | None = None,
    ) -> tuple[RunFolder, Ended]:
        """Carry out a plan to its end; everybody approves, confirms and commits.

        ``before``: what happens to the lab when the question of a step is out, and before it is answered.
        """
        file = self.plan(name)
        self._approve(name)
        self.records.clear()
        choices = Choices(person(file.plan, "operator"), drill=drill, soak=1.0, overrides=dict(overrides or {}))
        bound = bind(file, load(self.lab.estate_folder))
        assert not isinstance(bound, Refusal), bound
        world = reach(load(self.lab.estate_folder))
        started = begin(self.desk, world, bound, Files(file.data, self.lab.estate_folder), choices)
        return self._carried(started, file.plan, before or {})

    def killed(self, name: str, at: Callable[[Record], bool]) -> RunFolder:
        """Start a plan in a process of its own, and kill -9 that as soon as a record of some kind is in its journal."""
        plan = self.plan(name).plan
        self._approve(name)
        own = {"OPS_ESTATE": self.lab.estate_folder, "OPS_DESK": self.desk.state, "OPS_DRILLS": self.desk.runs}
        environment = {**os.environ, **{key: str(path) for key, path in own.items()}}
        argv = [sys.executable, str(OPS), "drill", "run", name, "--as", person(plan, "operator"), "--yes"]
        before = self._runs()
        log = self.folder / "engine.log"
        with log.open("wb") as out, subprocess.Popen(argv, env=environment, stdout=out, stderr=out) as engine:
            limit = time.monotonic() + PATIENCE
            try:
                while not (found := self._reached(plan, before, at)):
                    assert engine.poll() is None, log.read_text()[-3000:]
                    assert time.monotonic() < limit, log.read_text()[-3000:]
                    time.sleep(0.005)
            finally:
                engine.kill()
        return found

    def _reached(self, plan: Plan, before: set[str], at: Callable[[Record], bool]) -> RunFolder | None:
        """The new run, once its journal holds such a record; its questions are answered meanwhile."""
        for run in self._runs() - before:
            folder = RunFolder(self.desk.runs / run)
            written = journal.records(folder.journal).records if folder.journal.exists() else ()
            if any(at(record) for record in written):
                return folder
            standing = replay(written)
            for step in standing.asked - set(standing.answers):
                say(self.desk, run, "confirm", person(plan, plan.step(step).role or "commander"), step=step)
        return None

    def _runs(self) -> set[str]:
        return {path.name for path in self.desk.runs.iterdir()} if self.desk.runs.is_dir() else set()

    def _approve(self, name: str) -> None:
        """Everybody whose approval the plan asks for gives it."""
        file = self.plan(name)
        for approval in file.plan.approvals:
            who = person(file.plan, approval.role)
            give(self.desk.approvals, file.plan, file.digest, approval.role, who, self.desk.clock.wall())

    def resume(self, run: str, name: str) -> tuple[RunFolder, Ended]:
        """Take up a run that its engine left."""
        plan = self.plan(name).plan
        self.records.clear()
        world = reach(load(self.lab.estate_folder))
        going = resume(self.desk, world, run, Choices(person(plan, "operator"), soak=1.0))
        return self._carried(going, plan, {})

    def _carried(
        self, work: Coroutine[Any, Any, tuple[str, Ended]], plan: Plan, before: Mapping[str, Callable[[], None]]
    ) -> tuple[RunFolder, Ended]:
        async def both() -> tuple[str, Ended]:
            people = asyncio.create_task(self._people(plan, before))
            try:
                async with asyncio.timeout(PATIENCE):
                    return await work
            finally:
                people.cancel()

        run, ended = asyncio.run(both())
        return RunFolder(self.desk.runs / run), ended

    async def _people(self, plan: Plan, before: Mapping[str, Callable[[], None]]) -> None:
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
                await asyncio.to_thread(before.get(step, lambda: None))
                say(self.desk, run, "confirm", person(plan, plan.step(step).role or "commander"), step=step)
            if standing.state is State.COMMIT_WAIT and "commit" not in answered:
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
