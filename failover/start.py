"""A desk from which runs are started, resumed, spoken to and looked at: folders, lock and engine put together."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from failover import approvals, lock
from failover.concrete import ConcretePlan
from failover.concrete_json import from_json, to_json
from failover.engine import Ended, Engine
from failover.engine_work import Choices, World
from failover.human import Says
from failover.journal import Journal, records
from failover.kill_switch import KillSwitch
from failover.ports import Clock, Hands, Meters
from failover.preflight_gates import Gates
from failover.records import Record
from failover.replay import Standing, replay
from failover.run_folder import RUN_ID, RunFolder, new_id
from inventory.errors import OperatorError


class DeskClock:
    """The machine's clocks."""

    def mono_ns(self) -> int:
        """Nanoseconds of the monotonic clock."""
        return time.monotonic_ns()

    def wall(self) -> float:
        """Unix seconds."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Reach:
    """How a run reaches the world: made anew for each engine, since an epoch is only known once the lock is held."""

    hands: Callable[[RunFolder], Hands]
    meters: Callable[[ConcretePlan, RunFolder, int], Meters]  #: plan, folder, epoch
    gates: Callable[[ConcretePlan], Gates]
    old_address: Callable[[ConcretePlan], str] = lambda plan: plan.old_writer  #: ``address:port`` of the old writer


@dataclass(frozen=True, slots=True)
class Desk:
    """One desk: its state (lock, epoch, approvals, kill switch) and its runs."""

    state: Path
    runs: Path
    clock: Clock = DeskClock()  # noqa: RUF009 -- it has no state
    tell: Callable[[Record], None] = lambda _: None

    @property
    def approvals(self) -> Path:
        """Folder of approvals."""
        return self.state / "approvals"

    @property
    def kill_switch(self) -> KillSwitch:
        """The estate's kill switch."""
        return KillSwitch(self.state)

    def run(self, name: str = "") -> RunFolder:
        """The run of that id; the newest without one. OperatorError when there is none."""
        found = sorted(path.name for path in self.runs.iterdir() if RUN_ID.fullmatch(path.name)) if self._any() else []
        if name and name not in found:
            raise OperatorError(f"there is no run `{name}` in {self.runs}: {', '.join(found[-3:]) or 'none yet'}")
        if not found:
            raise OperatorError(f"there is no run in {self.runs} yet")
        return RunFolder(self.runs / (name or found[-1]))

    def _any(self) -> bool:
        return self.runs.is_dir()


@dataclass(frozen=True, slots=True)
class Files:
    """What a run keeps of its origin: the plan file's bytes and the estate's folder."""

    plan: bytes
    estate: Path | None


def holder(person: str) -> str:
    """Who holds the lock, for whoever is refused by it."""
    return f"{person} ({getpass.getuser()}@{socket.gethostname()}, pid {os.getpid()})"


async def begin(desk: Desk, reach: Reach, plan: ConcretePlan, files: Files, choices: Choices) -> tuple[str, Ended]:
    """Start a run of a plan and carry it as far as it goes. Raises Taken when another run is open."""
    _may_start(desk, plan, choices)
    folder = RunFolder(desk.runs / new_id(plan.plan.plan, desk.clock.wall()))
    held = lock.acquire(desk.state, folder.run, holder(choices.starter))
    try:
        try:
            _keep(folder, plan, files)
        except BaseException:
            held.close_run()
            raise
        return folder.run, await _carry(desk, reach, plan, folder, held, choices)
    finally:
        held.release()


async def resume(
    desk: Desk, reach: Reach, name: str, choices: Choices, word: str = "resume", because: str = ""
) -> tuple[str, Ended]:
    """Take up a run that an engine left; ``word`` is what the person says to it (resume, abort, roll-back)."""
    folder = desk.run(name)
    plan = kept_plan(folder)
    _on_the_roster(plan, choices.starter)
    held = lock.acquire(desk.state, folder.run, holder(choices.starter), resume=True)
    try:
        standing = look(desk, folder.run)
        if standing.closed:
            held.close_run()
            raise OperatorError(f"run {folder.run} has ended: {standing.state.value}")
        say(desk, folder.run, word, choices.starter, because)
        kept = replace(choices, drill=str(standing.opened.get("drill", choices.drill)))
        return folder.run, await _carry(desk, reach, plan, folder, held, kept)
    finally:
        held.release()


def say(desk: Desk, name: str, what: str, by: str, reason: str = "", step: str = "") -> str:
    """Say something to a run; the run's id. The engine weighs it by the person's role."""
    folder = desk.run(name)
    _on_the_roster(kept_plan(folder), by)
    stamp = f"{datetime.fromtimestamp(desk.clock.wall(), UTC):%Y%m%dT%H%M%S%f}Z"
    Says(folder.says).put(what, by, reason, step, stamp=stamp)
    return folder.run


def look(desk: Desk, name: str = "") -> Standing:
    """Where a run stands, from its journal alone. OperatorError when the journal was altered."""
    folder = desk.run(name)
    found = records(folder.journal)
    if found.broken:
        raise OperatorError(f"{folder.journal}: {found.broken}")
    return replay(found.records)


def alive(desk: Desk, name: str) -> bool:
    """Whether an engine is at work on that run now."""
    return lock.holds(desk.state) and lock.read(desk.state).run == name


def kept_plan(folder: RunFolder) -> ConcretePlan:
    """The plan as the run began with it: nothing is looked up again."""
    try:
        return from_json(json.loads(folder.concrete.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise OperatorError(f"{folder.concrete} cannot be read: {error}") from None


async def _carry(
    desk: Desk, reach: Reach, plan: ConcretePlan, folder: RunFolder, held: lock.Lock, choices: Choices
) -> Ended:
    journal = Journal(folder.journal, folder.run, held.epoch, desk.clock)
    try:
        world = World(
            hands=reach.hands(folder),
            meters=reach.meters(plan, folder, held.epoch),
            clock=desk.clock,
            gates=reach.gates(plan),
            kill=desk.kill_switch,
            says=folder.says,
            approvals=desk.approvals,
            old_address=reach.old_address(plan),
        )
        return await Engine(plan, world, journal, held, choices, desk.tell).run()
    finally:
        journal.close()


def _may_start(desk: Desk, plan: ConcretePlan, choices: Choices) -> None:
    _on_the_roster(plan, choices.starter)
    if choices.drill not in plan.plan.drills:
        kinds = ", ".join(plan.plan.drills)
        raise OperatorError(f"plan {plan.plan.plan} is not meant for a run of kind `{choices.drill}`: {kinds}")
    if desk.kill_switch.on():
        raise OperatorError(f"the kill switch is on ({desk.kill_switch.file}): nothing is started")


def _on_the_roster(plan: ConcretePlan, person: str) -> None:
    if not approvals.may_start(plan.plan, person):
        roster = sorted({each for duty in plan.plan.roles for each in duty.people})
        raise OperatorError(f"`{person}` has no duty in plan {plan.plan.plan}: {', '.join(roster)}")


def _keep(folder: RunFolder, plan: ConcretePlan, files: Files) -> None:
    try:
        folder.folder.mkdir(parents=True)
        folder.says.mkdir()
        folder.plan.write_bytes(files.plan)
        folder.concrete.write_text(json.dumps(to_json(plan), ensure_ascii=False, indent=1), encoding="utf-8")
        if files.estate:
            shutil.copytree(files.estate, folder.estate, ignore=shutil.ignore_patterns(".*"))
        for file in (folder.plan, folder.concrete):
            _synced(file)
    except OSError as error:
        raise OperatorError(f"cannot write {folder.folder}: {error.strerror or error}; nothing was started") from None


def _synced(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
