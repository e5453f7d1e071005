"""The clockwork in a time of its own: spread, exact, no storm and no stop, whatever happens to the clocks."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.schedule import CATCH_UP, TICK, groups, pace, place
from tests.fakes.clock import Clock, clock


@dataclass(frozen=True)
class Item:
    id: str
    interval: float


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    with clock(monkeypatch) as made:
        yield made


def items(count: int, interval: float) -> list[Item]:
    return [Item(f"host/h{number}/ssh", interval) for number in range(count)]


def starts(
    time: Clock, wanted: Sequence[Item], seconds: float, *events: tuple[float, Callable[[], None]]
) -> dict[str, list[float]]:
    """When (monotonic) each item was started in so many seconds, with these things happening at their times."""
    seen: defaultdict[str, list[float]] = defaultdict(list)

    def start(group: Sequence[Item]) -> None:
        for item in group:
            seen[item.id].append(time.monotonic)

    async def scenario() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for at, event in events:
            loop.call_at(at, event)
        loop.call_at(seconds, stop.set)
        await pace(wanted, start, stop, time.wall)

    time.run(scenario())
    return seen


def gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


def busiest(seen: dict[str, list[float]]) -> int:
    """The most starts in one second."""
    return max(Counter(int(at) for times in seen.values() for at in times).values())


@given(st.text(max_size=60), st.floats(0.5, 86400))
def test_an_item_has_one_place_in_its_interval(item_id: str, interval: float) -> None:
    assert 0 <= place(item_id, interval) < interval
    assert place(item_id, interval) == place(item_id, interval)


def test_items_are_spread_over_the_interval_in_small_groups() -> None:
    spread = groups(items(10_000, 30.0), 30.0)
    assert sum(len(group) for _, group in spread) == 10_000
    assert max(len(group) for _, group in spread) < 50  # 17 on average
    assert [at for at, _ in spread] == sorted(at for at, _ in spread)
    assert spread[-1][0] < 30.0
    assert gaps([at for at, _ in spread]) == pytest.approx([TICK] * (len(spread) - 1))


def test_every_item_is_started_once_an_interval_at_its_place(time: Clock) -> None:
    wanted = [*items(200, 30.0), Item("link/fast", 2.0)]
    seen = starts(time, wanted, 119.0)
    for item in wanted:
        assert gaps(seen[item.id]) == pytest.approx([item.interval] * (len(seen[item.id]) - 1), abs=2 * TICK)
        assert len(seen[item.id]) in (int(119 / item.interval), int(119 / item.interval) + 1)
        assert seen[item.id][0] == pytest.approx(place(item.id, item.interval), abs=2 * TICK)


@pytest.mark.parametrize("step", [-1.7e9, -3_600.0, -20.0, 20.0, 3_600.0, 1.7e9])
def test_a_step_of_the_wall_clock_neither_stops_nor_storms(time: Clock, step: float) -> None:
    wanted = items(300, 30.0)
    seen = starts(time, wanted, 240.0, (100.3, lambda: time.step(step)))
    for item in wanted:
        assert len(seen[item.id]) >= 7
        assert max(gaps(seen[item.id])) <= 2 * 30.0
    assert busiest(seen) <= 3 * 300 / 30 + 10


def test_a_frozen_process_catches_up_without_a_storm(time: Clock) -> None:
    wanted = items(600, 30.0)
    seen = starts(time, wanted, 400.0, (100.3, lambda: time.freeze(100)))
    thawed = Counter(at for times in seen.values() for at in times if at >= 200)
    assert max(thawed.values()) < 10  # groups stay groups
    assert min(gaps(sorted(thawed))) >= 0.9 * CATCH_UP
    for item in wanted:
        assert max(gaps(seen[item.id])) <= 100 + 2 * 30.0


def test_a_little_lateness_loses_nothing(time: Clock) -> None:
    seen = starts(time, items(300, 30.0), 149.0, *((at + 0.3, lambda: time.freeze(0.7)) for at in range(100)))
    assert all(max(gaps(times)) <= 32 and len(times) in (4, 5) for times in seen.values())


def test_nothing_is_started_after_the_stop(time: Clock) -> None:
    seen: list[float] = []

    async def scenario() -> int:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_at(10.0, stop.set)
        await pace(items(300, 5.0), lambda _group: seen.append(time.monotonic), stop, time.wall)
        await asyncio.sleep(100)
        return len(asyncio.all_tasks())

    assert time.run(scenario()) == 1
    assert max(seen) <= 10.0 + TICK


def test_nothing_to_do_ends_on_stop(time: Clock) -> None:
    assert starts(time, [], 5.0) == {}
