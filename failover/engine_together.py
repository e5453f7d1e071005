"""Pieces of work side by side: all are awaited, and when one fails the others are ended before that is raised on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

A = TypeVar("A")
B = TypeVar("B")


async def together(*work: Coroutine[Any, Any, A]) -> list[A]:
    """Wait for all of them."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        await _ended(tasks)


async def both(one: Coroutine[Any, Any, A], other: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """Wait for two of different kinds."""
    first, second = await together(cast(Coroutine[Any, Any, Any], one), cast(Coroutine[Any, Any, Any], other))
    return cast(A, first), cast(B, second)


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, A]) -> A | None:
    """The work's result; None when ``stop`` was set before it was there, and the work is ended."""
    doing, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({doing, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return doing.result() if doing.done() else None
    finally:
        await _ended([doing, stopped])


@asynccontextmanager
async def beside(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Tasks beside a piece of work, ended with it; what one of them raises ends the work, too."""
    me = asyncio.current_task()
    tasks = [asyncio.ensure_future(each) for each in work]
    raised: list[BaseException] = []

    def over(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            raised.append(error)
            if me:
                me.cancel()

    for task in tasks:
        task.add_done_callback(over)
    try:
        yield
    except asyncio.CancelledError:
        if raised:
            raise raised[0] from None
        raise
    finally:
        for task in tasks:
            task.remove_done_callback(over)
        await _ended(tasks)


async def _ended(tasks: list[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
