"""Runs of the engine in the simulated centers: started, killed at an instant, resumed, with people who answer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from failover import approvals, lock
from failover.bind import bind
from failover.concrete import ConcretePlan
from failover.engine import Ended, Engine
from failover.engine_work import Choices, World
from failover.human import Says
from failover.journal import Disk, Journal
from failover.kill_switch import KillSwitch
from failover.plan_load import OWN, read_file
from failover.ports import Reply
from failover.preflight_gates import Ask, Opinion
from failover.records import Kind, Record, State
from failover.run_folder import RunFolder
from inventory.errors import Problem
from tests.fakes.clock import Clock, _Loop
from tests.fakes.lab_estate import lab_estate
from tests.fakes.three_centers import Centers, Kill, Killed, SimHands, SimMeters

RUN = "20260101T000000Z-story-0000"
STARTER, COMMANDER, APPROVER = "chen-zhiyuan", "wang-jianhua", "sun-guoqing"


class SimClock:
    """The engine's clock on virtual time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def mono_ns(self) -> int:
        return int(self._clock.monotonic * 1e9)

    def wall(self) -> float:
        return self._clock.wall()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SimGates:
    """Gates that say what the test wants; by default all of the plan's pass."""

    def __init__(self, results: Mapping[str, str] | None = None) -> None:
        self.results = results or {}

    async def judge(self, plan: ConcretePlan, warmed: Mapping[str, Reply], ask: Ask) -> Sequence[Opinion]:
        await ask(plan.writers)
        return [
            Opinion(gate.gate, self.results.get(gate.gate, "pass"), "as the test says", gate.hard)
            for gate in plan.plan.gates
        ]


@dataclass
class KillDisk:
    """A disk under the journal that dies with the engine: before a write, in the middle of it, before and after a sync.

    Before a sync it is the whole machine that dies: what was not yet synced is gone.
    """

    kill: Kill
    synced: int = 0
    full_at: int | None = None  #: bytes after which there is no room

    def disk(self) -> Disk:
        return Disk(self.write, self.sync)

    def write(self, fd: int, data: bytes) -> int:
        self.kill.here()
        if self.kill.instant(own=True):
            os.write(fd, data[: len(data) // 2])
            raise Killed
        if self.full_at is not None and os.fstat(fd).st_size + len(data) > self.full_at:
            os.write(fd, data[: len(data) // 3])
            raise OSError(28, "No space left on device")
        self.kill.changed = True
        return os.write(fd, data)

    def sync(self, fd: int) -> None:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return
        if self.kill.instant(own=True):
            os.ftruncate(fd, self.synced)
            raise Killed
        self.synced = os.fstat(fd).st_size
        self.kill.changed = True
        self.kill.here()


@dataclass
class People:
    """Who answers: to each question after two seconds, to the wait for a commit as told."""

    says: Says
    answers: Mapping[str, str] = field(default_factory=dict)  #: step -> confirm, deny or "" (no answer); else confirm
    commits: bool = True
    count: int = 0

    def hear(self, record: Record) -> None:
        if record.kind is Kind.ASKED:
            self.answer(str(record.payload["step"]))
        if record.kind is Kind.STATE and record.payload["state"] == State.COMMIT_WAIT and self.commits:
            self._later(0.5, "commit", COMMANDER)

    def answer(self, step: str) -> None:
        word = self.answers.get(step, "confirm")
        if word:
            self._later(0.5, word, COMMANDER, step)

    def _later(self, seconds: float, what: str, by: str, step: str = "") -> None:
        asyncio.get_running_loop().call_later(seconds, lambda: self.say(what, by, step))

    def say(self, what: str, by: str = COMMANDER, step: str = "", reason: str = "") -> None:
        self.count += 1
        self.says.put(what, by, reason, step, stamp=f"{self.count:08}T")


@dataclass
class Story:
    """One story: the plan, the world at its beginning, and what people do."""

    plan: ConcretePlan
    world: Callable[[], Centers] = Centers
    answers: Mapping[str, str] = field(default_factory=dict)
    commits: bool = True
    gates: Mapping[str, str] = field(default_factory=dict)
    choices: Choices = field(default_factory=lambda: Choices(STARTER, stay=False))


class Stage:
    """A story being played: the world and the files stay while engines come and go."""

    def __init__(self, folder: Path, story: Story) -> None:
        self.story, self.world, self.clock = story, story.world(), Clock()
        self.folder = RunFolder(folder / RUN)
        self.state = folder / "state"
        self.people = People(Says(self.folder.says), story.answers, story.commits)
        self.kill_switch = KillSwitch(self.state)
        self.told: list[Record] = []
        self.disk = KillDisk(Kill())
        self.hooks: list[Callable[[Record], None]] = []

    def approve(self, ago: float = 1.0) -> None:
        plan = self.story.plan
        given = self.clock.wall() - ago
        approvals.give(self.state / "approvals", plan.plan, plan.digest, "approver", APPROVER, given)

    def play(self, kill: Kill | None = None, **choices: Any) -> Ended | None:
        """One engine from start (or resume) to its end; None when it was killed."""
        self.disk.kill = kill or Kill()
        loop = _Loop(self.clock)
        loop.set_exception_handler(lambda _loop, _context: None)
        asyncio.set_event_loop(loop)
        held = lock.acquire(self.state, RUN, STARTER, resume=self.folder.journal.exists(), sync=lambda _: None)
        try:
            return loop.run_until_complete(self._engine(held, replace(self.story.choices, **choices)))
        except Killed:
            return None
        finally:
            _drain(loop)
            held.release()
            asyncio.set_event_loop(None)
            self.clock.monotonic += 1.0

    async def _engine(self, held: lock.Lock, choices: Choices) -> Ended:
        kill, clock = self.disk.kill, SimClock(self.clock)
        time = lambda: self.clock.monotonic  # noqa: E731
        world = World(
            hands=SimHands(self.world, kill, time),
            meters=SimMeters(self.world, kill, time),
            clock=clock,
            gates=SimGates(self.story.gates),
            kill=self.kill_switch,
            says=self.folder.says,
            approvals=self.state / "approvals",
        )
        journal = Journal(self.folder.journal, RUN, held.epoch, clock, disk=self.disk.disk(), boot="boot")
        self.disk.synced = journal.path.stat().st_size
        self.journal = journal
        self.engine = Engine(self.story.plan, world, journal, held, choices, self._tell)
        for step in self.engine.work.standing.asked:
            self.people.answer(step)
        if self.engine.work.standing.state is State.COMMIT_WAIT and self.people.commits:
            self.people._later(0.5, "commit", COMMANDER)
        try:
            return await self.engine.run()
        finally:
            journal.close()

    def _tell(self, record: Record) -> None:
        self.told.append(record)
        self.people.hear(record)
        for hook in self.hooks:
            hook(record)


def _drain(loop: asyncio.AbstractEventLoop) -> None:
    """End what a killed engine left in the loop; it reaches nothing any more."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    while tasks:
        with contextlib.suppress(BaseException):
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        tasks = {task for task in asyncio.all_tasks(loop) if not task.done()}
    loop.close()


@cache
def plan(name: str = "switchover-metro", *changes: tuple[str, str]) -> ConcretePlan:
    """A plan of the product bound to the lab's estate, with pieces of its text replaced."""
    text = (OWN / f"{name}.yml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return from_text(text)


def from_text(text: str) -> ConcretePlan:
    """A plan as text, bound to the lab's estate."""
    import tempfile

    problems: list[Problem] = []
    with tempfile.TemporaryDirectory() as folder:
        head = next(line for line in text.splitlines() if line.startswith("plan:"))
        file = Path(folder) / f"{head.split()[1]}.yml"
        file.write_text(text, encoding="utf-8")
        read = read_file(file, problems)
    assert read is not None, "\n".join(str(problem) for problem in problems)
    bound = bind(read, lab_estate())
    assert isinstance(bound, ConcretePlan), bound
    return bound
