"""When things are started: one APScheduler job per interval, its items spread over the interval in small groups.

The scheduler knows nothing of what it starts. Each job opens a *round*: every item has its own place in the interval,
from a hash of its id, and items whose places fall into the same tick are started together, because at low rates it is
wake-ups that cost, not checks. Rounds walk on the monotonic clock. APScheduler counts on the wall clock, so a watchdog
tells it when that clock was stepped; otherwise a step back by an hour would stop all rounds for an hour.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Generic, Protocol, TypeVar
from zlib import crc32

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

TICK = 0.05  #: seconds; items are started together that fall into the same tick
CATCH_UP = TICK / 4  #: seconds at least between two groups: a process that was frozen catches up without a storm
STEP = 1.0  #: seconds of difference between the clocks that count as a step of the wall clock
LOOK = 1.0  #: seconds between two looks of the watchdog


class Timed(Protocol):
    """Something to be started every ``interval`` seconds; ``id`` gives it its place in the interval."""

    @property
    def id(self) -> str:
        """Its name, unique among all."""

    @property
    def interval(self) -> float:
        """Seconds from one start to the next."""


T = TypeVar("T", bound=Timed)
Start = Callable[[Sequence[T]], None]


def place(item_id: str, interval: float) -> float:
    """Where in its interval an item is started: seconds from 0 to ``interval``, always the same for the same id."""
    return crc32(item_id.encode()) / 2**32 * interval


def groups(items: Iterable[T], interval: float) -> list[tuple[float, list[T]]]:
    """The items by tick: (seconds from the beginning of the round, items), in order of time."""
    ticks: defaultdict[int, list[T]] = defaultdict(list)
    for item in items:
        ticks[int(place(item.id, interval) / TICK)].append(item)
    return [(tick * TICK, ticks[tick]) for tick in sorted(ticks)]


class Rounds(Generic[T]):
    """The items of one interval, started over and over.

    A round that is behind time is walked to its end before the next one, at a bounded speed; rounds that came due
    meanwhile count as one. So nobody's turn is lost for good, however late the process is.
    """

    def __init__(self, interval: float, items: Iterable[T], start: Start[T]) -> None:
        self.interval = interval
        self._groups = groups(items, interval)
        self._start = start
        self._opened = 0.0  #: when the newest round was opened
        self._began = -1.0  #: when the round that is walked was opened
        self._next = len(self._groups)
        self._timer: asyncio.Handle | None = None

    async def begin(self) -> None:
        """Open a round now (a coroutine, so that APScheduler runs it on the event loop and not in a thread)."""
        self._opened = asyncio.get_running_loop().time()
        if self._timer is None:
            self._walk()

    @property
    def left(self) -> float:
        """Seconds until the next round is due on the monotonic clock."""
        return max(0.0, self._opened + self.interval - asyncio.get_running_loop().time())

    def stop(self) -> None:
        """Start nothing any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _walk(self, not_before: float = 0.0) -> None:
        """Wait for the next group of this round, or of the round that was opened since."""
        if self._next == len(self._groups) and self._began < self._opened:
            self._began, self._next = self._opened, 0
        self._timer = None
        if self._next < len(self._groups):
            due = max(self._began + self._groups[self._next][0], not_before)
            self._timer = asyncio.get_running_loop().call_at(due, self._tick)

    def _tick(self) -> None:
        now = asyncio.get_running_loop().time()
        _, items = self._groups[self._next]
        self._next += 1
        self._walk(now + CATCH_UP)
        self._start(items)


class Grid(BaseTrigger):  # type: ignore[misc]  # the library has no types
    """Every ``interval`` seconds on from ``first``; times that were missed count as one.

    APScheduler's own interval trigger makes a list of all missed times, one by one: a clock that jumps from 1970 to
    today when it is set after a boot would hold the process up for hours.
    """

    def __init__(self, first: datetime, interval: float) -> None:
        self.first = first
        self.interval = timedelta(seconds=interval)

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """The first time on the grid after ``previous`` and after ``now``."""
        if previous is None:
            return self.first
        return previous + (max(now - previous, timedelta()) // self.interval + 1) * self.interval


async def pace(items: Iterable[T], start: Start[T], stop: asyncio.Event, wall: Callable[[], float] = time.time) -> None:
    """Call ``start`` with groups of items, each item once per its interval, until ``stop`` is set.

    ``start`` must return at once and not raise. The first round of every interval begins now.
    """
    buckets: defaultdict[float, list[T]] = defaultdict(list)
    for item in items:
        buckets[item.interval].append(item)
    rounds = {f"every {interval:g} s": Rounds(interval, bucket, start) for interval, bucket in buckets.items()}
    scheduler = AsyncIOScheduler(timezone=UTC)
    for name, one in rounds.items():
        _add(scheduler, name, one, wall())
    scheduler.start()
    try:
        await _watch_clock(scheduler, rounds, stop, wall)
    finally:
        scheduler.shutdown(wait=False)
        await asyncio.sleep(0)  # it shuts down in the next turn of the loop
        for one in rounds.values():
            one.stop()


def _add(scheduler: AsyncIOScheduler, name: str, rounds: Rounds[T], begin: float) -> None:
    """(Re-)place the job that opens the rounds; the first at Unix time ``begin``."""
    first = datetime.fromtimestamp(begin, UTC)
    scheduler.add_job(
        rounds.begin,
        Grid(first, rounds.interval),
        id=name,
        replace_existing=True,
        next_run_time=first,
        coalesce=True,
        max_instances=1,
        misfire_grace_time=None,  # however late: one round, now
    )


async def _watch_clock(
    scheduler: AsyncIOScheduler, rounds: dict[str, Rounds[T]], stop: asyncio.Event, wall: Callable[[], float]
) -> None:
    """Until ``stop``: when the wall clock was stepped, tell the scheduler when the rounds are due by the new time."""
    monotonic = asyncio.get_running_loop().time
    offset = wall() - monotonic()
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), LOOK)
        except TimeoutError:
            seen = wall() - monotonic()
            if abs(seen - offset) > STEP:
                for name, one in rounds.items():
                    _add(scheduler, name, one, wall() + one.left)
            offset = seen
