"""Asking faster in important times: how much faster, and that the pace changes when the calendar says so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from checks.check import Check
from checks.haste import SHORTEST, at_pace, factor, hastened
from inventory.calendar import instant
from inventory.calendar_model import Calendar
from tests.fakes import calendars
from tests.fakes import small_estate as small

CHECK = small.checks(small.estate())[0]  # every 2 s, time-out 1 s


@pytest.mark.parametrize(
    ("interval", "timeout", "times", "expected"),
    [
        (30.0, 5.0, 1.0, 30.0),
        (30.0, 5.0, 2.0, 15.0),
        (30.0, 5.0, 10.0, 5.0),  # an answer must be in before the next question
        (2.0, 0.1, 10.0, SHORTEST),
        (0.3, 0.1, 10.0, 0.3),  # never slower than written
    ],
)
def test_how_much_faster(interval: float, timeout: float, times: float, expected: float) -> None:
    [found] = hastened([replace(CHECK, interval=interval, timeout=timeout)], times)
    assert found.interval == expected
    assert found.confirm == CHECK.confirm


def test_without_a_calendar_nothing_is_faster() -> None:
    assert factor(None, 0.0) == 1.0


class Recorded:
    """An engine that writes down what it is told to ask, and when it is told to stop."""

    def __init__(self) -> None:
        self.intervals: list[float] = []
        self.changed = asyncio.Event()

    async def run(self, checks: Sequence[Check], stop: asyncio.Event) -> None:
        self.intervals.append(checks[0].interval)
        self.changed.set()
        await stop.wait()


def test_the_pace_follows_the_calendar() -> None:
    calendar: Calendar = calendars.calendar(guard={"day": {"first": "2026-05-20", "last": "2026-05-20", "faster": 2.0}})
    midnight = instant(calendar, calendars.moment("2026-05-20T00:00"))

    async def run() -> list[float]:
        now, stop, engine = [midnight - 1], asyncio.Event(), Recorded()
        paced = asyncio.ensure_future(at_pace(engine, [CHECK], calendar, stop, lambda: now[0], look=0.001))
        for later in (0.0, 86400.0):
            await engine.changed.wait()
            engine.changed.clear()
            now[0] = midnight + later
        await engine.changed.wait()
        stop.set()
        await paced
        return engine.intervals

    assert asyncio.run(asyncio.wait_for(run(), 20)) == [2.0, 1.0, 2.0]


def test_an_engine_that_breaks_is_not_waited_for() -> None:
    class Broken:
        async def run(self, checks: Sequence[Check], stop: asyncio.Event) -> None:
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        asyncio.run(asyncio.wait_for(at_pace(Broken(), [CHECK], None, asyncio.Event(), lambda: 0.0), 20))
