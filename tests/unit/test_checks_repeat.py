"""Blocking work on the clockwork: again and again, never twice at once, waited for at the end."""

from __future__ import annotations

import asyncio
import threading

import pytest

from checks.repeat import repeat


def test_work_is_repeated_until_stop_and_the_last_turn_is_waited_for() -> None:
    async def main() -> list[int]:
        loop, stop, turns = asyncio.get_running_loop(), asyncio.Event(), list[int]()

        def work() -> None:
            turns.append(len(turns))
            if len(turns) == 3:
                loop.call_soon_threadsafe(stop.set)

        await repeat(work, 0.02, stop)
        return turns

    assert asyncio.run(main()) == [0, 1, 2]


def test_a_turn_that_is_too_late_is_left_out_not_doubled() -> None:
    async def main() -> tuple[int, int]:
        loop, stop, at_once, most = asyncio.get_running_loop(), asyncio.Event(), threading.Semaphore(1), 0
        gate = threading.Event()

        def work() -> None:
            nonlocal most
            assert at_once.acquire(blocking=False), "two turns at once"
            gate.wait(10)
            most += 1
            at_once.release()

        async def later() -> None:
            while not gate.is_set():
                await asyncio.sleep(0.05)
                loop.call_later(0.2, gate.set)
            stop.set()

        return (await asyncio.gather(repeat(work, 0.02, stop), later()))[0], most

    left_out, turns = asyncio.run(main())
    assert left_out > 0
    assert turns >= 1


def test_what_the_work_raises_ends_the_repetition() -> None:
    def work() -> None:
        raise RuntimeError("the store is gone")

    with pytest.raises(RuntimeError, match="the store is gone"):
        asyncio.run(repeat(work, 0.02, asyncio.Event()))
