"""The engine in a process of its own, with people who answer from outside; kill -9 comes at a record or inside an act.

A desk calls ``tell`` with each record the moment it is in the journal. There the process ends itself with SIGKILL, so
the record that was meant is the last one: who only watched the file grow would often come too late for that.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from failover import journal
from failover.bind import Refusal, bind
from failover.engine_work import Choices
from failover.live import reach
from failover.plan import Plan
from failover.plan_load import PlanFile, read_file
from failover.records import ENDED, Kind, Record, State
from failover.replay import Standing, replay
from failover.run_folder import RunFolder
from failover.start import Desk, Files, begin, resume, say
from inventory.errors import OperatorError, Problem
from inventory.load import load

#: processes come from one that has everything imported, so that a resume costs no second of it
_SPAWN = multiprocessing.get_context("forkserver")
_SPAWN.set_forkserver_preload(["tests.lab.engine_process"])
_SAID_AGAIN = 2.0  #: seconds after which an answer that is not in the journal is given again
REFUSED = 4  #: how the process ends when its desk refuses


def person(plan: Plan, role: str) -> str:
    """Someone who has that duty, and did not write the plan."""
    people = next(duty.people for duty in plan.roles if duty.id == role)
    return next((each for each in people if each != plan.last_editor), people[0])


@dataclass(frozen=True)
class Job:
    """What one engine is to do, and where."""

    estate: Path
    desk: Path
    runs: Path
    plan: Path  #: the plan's file
    log: Path
    run: str = ""  #: to be resumed; empty: a new one begins
    drill: str = "switchover"
    soak: float = 1.0
    overrides: Mapping[str, str] = field(default_factory=dict)
    visited: Path | None = (
        None  #: where it is killed for the first time it is killed, and this file remembers; None: never
    )
    chosen: tuple[str, ...] = ()  #: only at points that begin so; empty: at all
    inside: Mapping[str, float] = field(
        default_factory=dict
    )  #: step -> seconds after its intent that are inside its act


def read_plan(path: Path) -> PlanFile:
    """A plan's file, which must be sound."""
    problems: list[Problem] = []
    found = read_file(path, problems)
    assert found is not None, problems
    return found


# --- where it is killed ----------------------------------------------------------------------------------------------

INSIDE = "inside "


def point(record: Record, resumed: bool) -> str:
    """The boundary of the journal behind a record, under a name that is the same in every engine of the run."""
    said = record.payload
    words = [record.kind.value, *(str(said[key]) for key in _TELLS.get(record.kind, ()) if said.get(key) is not None)]
    if resumed and record.kind in (Kind.WARMED, Kind.METERS, Kind.GATE, Kind.STATE):
        words.append("again")
    return " ".join(words)


_TELLS = {
    Kind.APPROVED: ("role",),
    Kind.GATE: ("gate",),
    Kind.OVERRIDE: ("gate",),
    Kind.METERS: ("state",),
    Kind.INTENT: ("step", "part"),
    Kind.REPLY: ("step", "part", "host"),
    Kind.RESULT: ("step",),
    Kind.UNDONE: ("step",),
    Kind.INVARIANT: ("rule", "after"),
    Kind.ASKED: ("step",),
    Kind.SAID: ("what", "step"),
    Kind.STATE: ("state",),
}


class Killer:
    """Ends this process at the first point where no engine of the run was ended yet.

    An intent is two points: right behind it nothing has reached a host yet, so the next engine means the same again;
    then it is killed a while later, inside the act.
    """

    def __init__(self, job: Job) -> None:
        assert job.visited is not None
        self._file, self._job = job.visited, job
        self._visited = set(job.visited.read_text().splitlines()) if job.visited.exists() else set()

    def told(self, record: Record) -> None:
        """One record is in the journal."""
        name = point(record, bool(self._job.run))
        if self._job.chosen and not name.startswith(self._job.chosen):
            return
        if name not in self._visited:
            self._die(name)
        inside = INSIDE + name
        if record.kind is Kind.INTENT and inside not in self._visited:
            self._visited.add(inside)
            patience = self._job.inside.get(str(record.payload.get("step")), 0.05)
            timer = threading.Timer(patience, self._die, (inside,))
            timer.daemon = True
            timer.start()

    def _die(self, name: str) -> None:
        with self._file.open("a") as file:
            file.write(name + "\n")
        os.kill(os.getpid(), signal.SIGKILL)


# --- in the process --------------------------------------------------------------------------------------------------


def _carry(job: Job) -> None:
    with job.log.open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    file, estate = read_plan(job.plan), load(job.estate)
    tell: Callable[[Record], None] = Killer(job).told if job.visited else lambda _: None
    desk = Desk(job.desk, job.runs, tell=tell)
    choices = Choices(person(file.plan, "operator"), drill=job.drill, soak=job.soak, overrides=job.overrides)
    if job.run:
        work = resume(desk, reach(estate), job.run, choices)
    else:
        bound = bind(file, estate)
        assert not isinstance(bound, Refusal), bound
        work = begin(desk, reach(estate), bound, Files(file.data, job.estate), choices)
    try:
        print(*asyncio.run(work), flush=True)
    except OperatorError as error:
        print(error, flush=True)
        sys.exit(REFUSED)


# --- outside of it ---------------------------------------------------------------------------------------------------


@dataclass
class People:
    """Those who watch a run's journal and answer what it asks."""

    desk: Desk
    plan: Plan
    before: Mapping[str, Callable[[], None]] = field(default_factory=dict)  #: what happens before a step's answer
    said: dict[str, float] = field(default_factory=dict)  #: what was answered, and when (monotonic)
    first: dict[str, float] = field(default_factory=dict)  #: when it was answered for the first time
    bears: tuple[str, ...] = ()  #: they resume a run that paused because of such a step; any other pause is the end
    paused: list[str] = field(default_factory=list)  #: why it had to be resumed
    _size: int = -1
    _standing: Standing = field(default_factory=Standing)

    def look(self, folder: RunFolder) -> Standing:
        """Where the run stands; questions that are out are answered."""
        size = folder.journal.stat().st_size if folder.journal.exists() else 0
        if size != self._size:
            self._size = size
            self._standing = replay(journal.records(folder.journal).records)
        standing = self._standing
        for step in standing.asked - set(standing.answers):
            self._say(folder, "confirm", self.plan.step(step).role or "commander", step)
        if standing.state is State.PAUSED and not standing.word:
            assert standing.because.startswith(tuple(f"{step}:" for step in self.bears)), standing.because
            if self._say(folder, "resume", "operator"):
                self.paused.append(standing.because)
        if standing.state is State.COMMIT_WAIT and not standing.word:
            self._say(folder, "commit", self.plan.soak.role)
        return standing

    def _say(self, folder: RunFolder, what: str, role: str, step: str = "") -> bool:
        now, about = time.monotonic(), step or what
        if now - self.said.get(about, -_SAID_AGAIN) < _SAID_AGAIN:
            return False
        if about not in self.said:
            self.before.get(about, lambda: None)()
        self.said[about] = time.monotonic()
        self.first.setdefault(about, self.said[about])
        say(self.desk, folder.run, what, person(self.plan, role), step=step)
        return True


@dataclass(frozen=True)
class Left:
    """How an engine left a run."""

    run: RunFolder
    standing: Standing
    code: int | None  #: -9: killed

    @property
    def killed(self) -> bool:
        """Whether it was ended by SIGKILL."""
        return self.code == -signal.SIGKILL

    @property
    def over(self) -> bool:
        """Whether nothing more is to be done."""
        return self.standing.state in ENDED and self.standing.closed


def carry(job: Job, people: People, patience: float = 180.0, every: float = 0.02) -> Left:
    """One engine, from its begin or resume until it ends or is killed; people look ``every`` so many seconds."""
    before = _runs(job.runs)
    process = _SPAWN.Process(target=_carry, args=(job,))
    limit = time.monotonic() + patience
    process.start()
    try:
        while process.is_alive():
            for run in {job.run} if job.run else _runs(job.runs) - before:
                people.look(RunFolder(job.runs / run))
            assert time.monotonic() < limit, f"it does not end\n{_tail(job.log)}"
            process.join(every)
        code = process.exitcode
    finally:
        process.kill()
        process.join()
        process.close()
    found = job.run or next(iter(_runs(job.runs) - before), "")
    assert found, _tail(job.log)
    folder = RunFolder(job.runs / found)
    return Left(folder, replay(journal.records(folder.journal).records), code)


def _runs(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-3000:] if log.exists() else ""
