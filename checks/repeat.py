"""A piece of blocking work done again and again in a thread, on the same clockwork as the checks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from checks.schedule import pace


@dataclass(frozen=True, slots=True)
class _Turn:
    id: str
    interval: float


async def repeat(work: Callable[[], None], interval: float, stop: asyncio.Event) -> int:
    """Do ``work`` every ``interval`` seconds until ``stop``; returns how many turns were left out as too late.

    A turn whose predecessor still works is left out, never doubled. The turn under way at the end is waited for. What
    ``work`` raises ends the repetition and is raised here.
    """
    loop = asyncio.get_running_loop()
    under_way: asyncio.Future[None] | None = None
    left_out = 0

    def start(_: Sequence[_Turn]) -> None:
        nonlocal under_way, left_out
        if under_way is not None and not under_way.done():
            left_out += 1
            return
        under_way = loop.run_in_executor(None, work)
        under_way.add_done_callback(lambda done: stop.set() if done.exception() else None)

    await pace([_Turn("turn", interval)], start, stop)
    if under_way is not None:
        await under_way
    return left_out
