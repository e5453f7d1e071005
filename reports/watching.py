"""The standing watch, wired together: the cycle as a paragraph, and what lets it stand for years."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from checks import history
from checks.collect import collect
from checks.engine import Paced
from checks.haste import at_pace
from checks.repeat import repeat
from checks.result import Result
from checks.systemd import Notifier
from failover.lock import read
from inventory.errors import OperatorError
from inventory.people_load import load_people
from reports import terminal
from reports.messenger import Messenger
from reports.speaking import speaking
from runbooks import catalogue
from runbooks.responder import Ask, Responder
from state.backfill import Filler, catch_up
from state.cycle import Cycle
from state.desk import DESK
from state.standing import Current, Reader, standing
from state.store import Store
from state.verdict import Reason
from state.vitals import Vitals
from state.vitals_pages import pages

FILL_EVERY = 30.0  #: seconds from one piece of the past to the next: the present goes first
PAST = 30.0  #: seconds that a question about the past may take
HURRY = 6.0  #: seconds that it may take before the present is watched
CATCHING_UP = 60.0  #: seconds after which the present is watched, however much of the past is left


@dataclass(frozen=True, slots=True)
class Settings:
    """How a watch is run."""

    every: float  #: seconds from one cycle to the next
    embedded: bool  #: the checks are asked from here; there are no probers
    listen: str  #: ``address:port`` of its pages, or empty
    runs: Path  #: where runs of runbooks keep what Ansible wrote
    desk: Path  #: where the lock of failovers and drills is


class Watching:
    """One watch from its start to SIGTERM. SIGHUP has it read the estate again, between two cycles."""

    def __init__(self, read: Reader, store: Store, settings: Settings, ask: Ask, tell: Callable[[str], None]) -> None:
        """``read`` reads the estate, now and on SIGHUP; ``ask`` asks checks once; ``tell`` is told what happens."""
        self._read = read
        self._store = store
        self._settings = settings
        self._tell = tell
        self.current = Current(*read())
        self.vitals = Vitals(time.monotonic)
        self._notifier = Notifier.from_environment(os.environ)
        self._filler = Filler(store, partial(history.read, now=time.time, timeout=PAST), time.time)
        self._cycle = Cycle(store, self.current.estate, self.current.checks)
        self._answers: deque[Result] = deque()
        self._hung_up = threading.Event()
        estate, checks = self.current.estate, self.current.checks
        held = partial(_under_way, settings.desk)
        self._responder = Responder(
            estate, checks, catalogue.load(), store, settings.runs, ask, time.time, tell, held=held
        )
        self._messenger = Messenger(
            estate, load_people(estate), store, socket.gethostname(), time.time, time.monotonic, tell
        )

    async def run(self) -> None:
        """Stand until told to stop."""
        stop = self._stopped_by_signals()
        self._saw_estate()
        routes = pages(self.vitals, time.time, self._store.size, lambda: self.current.estate.digest)
        try:
            async with standing(self.vitals, self._notifier, self._settings.listen, routes) as bound:
                self._tell(f"serving /metrics and /healthz on {bound}" if bound else "watching")
                await self._loops(stop)
        finally:
            self._responder.close()

    async def _loops(self, stop: asyncio.Event) -> None:
        """The past first, then the present, and what is left of the past beside it."""
        if self._settings.embedded:
            work = [self._asking(stop)]
        else:
            await asyncio.to_thread(self._going_on, partial(self._catch_up, stop))
            work = [self._repeated("backfill", self._fill, FILL_EVERY, stop)]
        work.append(speaking(self._messenger, self._repeated, stop, self._tell))
        await asyncio.gather(self._repeated("cycle", self._turn, self._settings.every, stop), *work)

    async def _repeated(self, name: str, work: Callable[[], None], every: float, stop: asyncio.Event) -> None:
        self.vitals.begin(name, every)
        await repeat(partial(self._going_on, self.vitals.timed(name, work)), every, stop)

    def _turn(self) -> None:
        """One cycle: collect, judge, record, act."""
        if self._hung_up.is_set():
            self._read_again()
        results, newest, reach = self._answered() if self._settings.embedded else self._collected()
        changes = self._cycle.turn(results, reach, time.time())
        for change in changes:
            self._tell(terminal.change(change))
        self.vitals.heard(len(results), len(changes), newest, reach)
        self._responder.respond(self._cycle.verdicts)

    def _collected(self) -> tuple[list[Result], Mapping[str, float | None], Mapping[str, bool]]:
        seen = collect(self.current.estate, time.time(), timeout=0.75 * self._settings.every)
        newest = {center: view.newest for center, view in seen.centers.items()}
        return list(seen.results), newest, {center: view.reached for center, view in seen.centers.items()}

    def _answered(self) -> tuple[list[Result], Mapping[str, float | None], Mapping[str, bool]]:
        results = [self._answers.popleft() for _ in range(len(self._answers))]
        return results, {DESK: max((result.at for result in results), default=None)}, {}

    async def _asking(self, stop: asyncio.Event) -> None:
        """Ask the checks from here; after a reload those of the new estate."""
        asker = Paced(DESK, time.time, self._answers.append)
        while not stop.is_set():
            checks, until = self.current.checks, asyncio.Event()
            asked = asyncio.ensure_future(at_pace(asker, checks, self.current.estate.calendar, until, time.time))
            while not stop.is_set() and checks is self.current.checks and not asked.done():
                await asyncio.wait([asked], timeout=0.5)
            until.set()
            await asked

    def _catch_up(self, stop: asyncio.Event) -> None:
        """What happened while the watch was away is judged before anything else; nobody acts on it."""
        read, limit = partial(history.read, now=time.time, timeout=HURRY), time.monotonic() + CATCHING_UP
        caught = catch_up(
            self._cycle,
            self._store,
            self.current.estate,
            read,
            time.time,
            lambda: stop.is_set() or time.monotonic() > limit,
        )
        if caught:
            said = ", ".join(f"{center}: {sentence}" for center, sentence in caught.centers.items())
            away = f"{caught.end - caught.start:.0f} s without a watch"
            self._tell(f"{away} judged afterwards: {len(caught.changes)} changes ({said})")

    def _fill(self) -> None:
        self.vitals.pieces = self._filler.step(self.current.estate, self.current.checks)

    def _read_again(self) -> None:
        """The estate anew, whole or not at all; what is known, under way or open goes on."""
        self._hung_up.clear()
        self._notifier.reloading()
        self.vitals.refused = self.current.again(self._read)
        if self.vitals.refused:
            self._tell(f"the estate was NOT read again, the old one goes on: {self.vitals.refused}")
        else:
            self.vitals.reloads += 1
            self._saw_estate()
            self._cycle = Cycle(self._store, self.current.estate, self.current.checks)
            self._responder.estate, self._responder.checks = self.current.estate, self.current.checks
            self._messenger.again(self.current.estate, load_people(self.current.estate))
            self._tell(f"estate read again: {len(self.current.checks)} checks")
        self._notifier.ready(self.vitals.refused or "watching")

    def _saw_estate(self) -> None:
        self._store.saw_estate(self.current.estate.digest, self.current.estate.folder, time.time())

    def _stopped_by_signals(self) -> asyncio.Event:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._hung_up.set)
        return stop

    def _going_on(self, work: Callable[[], None]) -> None:
        """Work that fails (a full disk, a database that went away) is told, and tried again: the watch goes on."""
        try:
            work()
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            said = f"{type(error).__name__}: {error}".partition("\n")[0]
            self._tell(f"this cycle failed and will be tried again: {said} ({place.filename}:{place.lineno})")


def _under_way(desk: Path) -> Reason | None:
    """A failover or drill that this desk has begun and not ended: until then nothing else acts on the estate."""
    try:
        run = read(desk).run
    except OperatorError as error:
        run = str(error)
    return Reason("runbook.held", {"run": run}) if run else None
