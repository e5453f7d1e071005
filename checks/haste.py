"""Asking more often in important times: which checks how often, and an engine that keeps the calendar's pace.

Only the asking is faster. How long an answer speaks for, and how many confirm a status, stays as written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from checks.check import Check
from inventory.calendar import at
from inventory.calendar_model import Calendar

SHORTEST = 0.5  #: seconds; asking more often than this loads the target more than it tells
LOOK = 10.0  #: seconds between two looks at the calendar


class Asker(Protocol):
    """An engine that asks checks, each at its interval, until told to stop."""

    async def run(self, checks: Sequence[Check], stop: asyncio.Event) -> None:
        """Ask until ``stop`` is set."""


def hastened(checks: Sequence[Check], factor: float) -> tuple[Check, ...]:
    """The checks with intervals shorter by a factor, but never so short that an answer could not be in before."""
    if factor <= 1.0:
        return tuple(checks)
    return tuple(replace(check, interval=_shorter(check, factor)) for check in checks)


def _shorter(check: Check, factor: float) -> float:
    return min(check.interval, max(check.interval / factor, check.timeout, SHORTEST))


def factor(calendar: Calendar | None, now: float) -> float:
    """How many times as often checks are asked now (Unix seconds)."""
    return at(calendar, now).faster[0] if calendar else 1.0


async def at_pace(
    asker: Asker,
    checks: Sequence[Check],
    calendar: Calendar | None,
    stop: asyncio.Event,
    now: Callable[[], float],
    look: float = LOOK,
) -> None:
    """Let the engine ask until ``stop`` is set, and begin anew whenever the calendar wants another pace."""
    while not stop.is_set():
        pace = factor(calendar, now())
        enough = asyncio.Event()
        running = asyncio.ensure_future(asker.run(hastened(checks, pace), enough))
        try:
            while not (stop.is_set() or running.done() or factor(calendar, now()) != pace):
                await _either(stop, running, look)
        finally:
            enough.set()
            await running


async def _either(stop: asyncio.Event, running: asyncio.Future[None], patience: float) -> None:
    """Until one of both is over, or for so many seconds."""
    stopped = asyncio.ensure_future(stop.wait())
    both: set[asyncio.Future[Any]] = {stopped, running}
    await asyncio.wait(both, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
