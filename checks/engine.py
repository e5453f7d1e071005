"""Asking many checks at once: every one has a deadline, and whatever goes wrong becomes a result.

``run_once`` and ``Paced`` share ``ask``; what is asked is decided by the caller, when by ``checks/schedule.py``.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isfinite

from checks.check import Check
from checks.kinds import KINDS
from checks.result import Measurement, Result, Status
from checks.schedule import pace
from checks.sentence import clean

#: A probe keeps its own deadline (``Check.timeout``) and says what it saw until then. One that does not is stopped this
#: many seconds later, and then nobody can tell what was seen.
GRACE = 1.0
LIMIT = 500  #: checks under way at the same time; each holds a socket or a thread
SENTENCE = 500  #: longest sentence, and longest text in evidence, in characters
DRAIN = 2.0  #: seconds that checks under way are given when the engine is told to stop

Clock = Callable[[], float]
Evidence = Mapping[str, str | float | int | bool]


async def ask(check: Check, vantage: str, now: Clock) -> Result:
    """Ask one check. Raises nothing, except when it is canceled."""
    at, began = now(), time.monotonic()
    try:
        async with asyncio.timeout(check.timeout + GRACE):
            measured = await KINDS[check.kind].probe(check)
    except TimeoutError:
        measured = Measurement(Status.UNKNOWN, f"the probe did not end within {check.timeout + GRACE:g} s")
    except Exception as error:
        measured = Measurement(Status.UNKNOWN, f"the probe failed: {type(error).__name__}: {error}")
    return Result(
        check.id,
        vantage,
        measured.status,
        _plain(measured.sentence),
        at,
        time.monotonic() - began,
        measured.value if measured.value is not None and isfinite(measured.value) else None,
        measured.unit,
        _plain_evidence(measured.evidence),
    )


def _plain(text: str) -> str:
    """Bounded and without control characters; nearly every sentence already is."""
    return text if len(text) <= SENTENCE and text.isprintable() else clean(text, SENTENCE)


def _plain_evidence(evidence: Evidence) -> Evidence:
    return {key: _plain(value) if isinstance(value, str) else value for key, value in evidence.items()}


async def run_once(checks: Iterable[Check], vantage: str, now: Clock, limit: int = LIMIT) -> list[Result]:
    """Ask every check once, at most ``limit`` at a time; the results come in the order of the checks."""
    waiting = iter(enumerate(checks))
    answers: dict[int, Result] = {}

    async def work() -> None:
        for place, check in waiting:
            answers[place] = await ask(check, vantage, now)

    async with asyncio.TaskGroup() as workers:
        for _ in range(limit):
            workers.create_task(work())
    return [answers[place] for place in sorted(answers)]


class Paced:
    """Asks checks again and again, each at its interval, until told to stop.

    A check that is still under way when its turn comes again is left out that once, and counted in ``skipped``.
    """

    def __init__(
        self, vantage: str, now: Clock, keep: Callable[[Result], None], limit: int = LIMIT, drain: float = DRAIN
    ) -> None:
        """Every result goes to ``keep``, which must neither block nor raise."""
        self.skipped = 0
        self.asked = 0
        self._vantage = vantage
        self._now = now
        self._keep = keep
        self._limit = limit
        self._drain = drain
        self._busy: set[str] = set()
        self._waiting: deque[Check] = deque()
        self._workers: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> int:
        """How many checks are under way or wait for their turn."""
        return len(self._busy)

    async def run(self, checks: Sequence[Check], stop: asyncio.Event) -> None:
        """Ask until ``stop`` is set; what is under way then gets ``drain`` seconds, and is canceled after that."""
        try:
            await pace(checks, self.start, stop, self._now)
            self._waiting.clear()
            if self._workers:
                await asyncio.wait(self._workers, timeout=self._drain)
        finally:
            self._waiting.clear()
            left = list(self._workers)
            for worker in left:
                worker.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    def start(self, checks: Sequence[Check]) -> None:
        """Begin to ask these checks now, or as soon as the limit allows."""
        for check in checks:
            if check.id in self._busy:
                self.skipped += 1
            else:
                self._busy.add(check.id)
                self._waiting.append(check)
        loop = asyncio.get_running_loop()
        for _ in range(min(len(self._waiting), self._limit - len(self._workers))):
            worker = loop.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def _work(self) -> None:
        """Ask until nothing waits. As long as there is work, a worker costs less than a task for each check."""
        while self._waiting:
            check = self._waiting.popleft()
            try:
                self._keep(await ask(check, self._vantage, self._now))
                self.asked += 1
            finally:
                self._busy.discard(check.id)
