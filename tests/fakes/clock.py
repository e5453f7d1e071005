"""An event loop whose time passes only when nothing is left to do, and the two clocks that a scheduler sees through it.

Hours of schedule run in milliseconds, exactly the same each time; the wall clock can be stepped and the process frozen.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from typing import Any, TypeVar

import apscheduler.executors.base
import apscheduler.schedulers.base
import pytest

T = TypeVar("T")
BEGAN = 1_790_000_000.0  #: the wall clock's Unix time when the loop's time is 0


class _Selector(selectors.DefaultSelector):
    """Instead of waiting, moves the clock on to the next timer."""

    clock: Clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout:
            self.clock.monotonic += timeout
        if not ready and timeout is None:
            raise AssertionError("everything waits and no timer is set")
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, clock: Clock) -> None:
        selector = _Selector()
        selector.clock = clock
        super().__init__(selector)
        self.time = lambda: clock.monotonic  # type: ignore[method-assign]


class Clock:
    """Both clocks of a machine."""

    def __init__(self) -> None:
        self.monotonic = 0.0
        self.offset = BEGAN

    def wall(self) -> float:
        """Unix time."""
        return self.monotonic + self.offset

    def step(self, seconds: float) -> None:
        """Somebody sets the wall clock."""
        self.offset += seconds

    def freeze(self, seconds: float) -> None:
        """The process does not run for a while, and time goes on."""
        self.monotonic += seconds

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end in this clock's time."""
        with asyncio.Runner(loop_factory=lambda: _Loop(self)) as runner:
            return runner.run(work)


@contextmanager
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """A clock that APScheduler reads too."""
    made = Clock()

    class Now(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.fromtimestamp(made.wall(), tz)

    with monkeypatch.context() as patch:
        patch.setattr(apscheduler.schedulers.base, "datetime", Now)
        patch.setattr(apscheduler.executors.base, "datetime", Now)
        yield made
