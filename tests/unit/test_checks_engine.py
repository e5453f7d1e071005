"""The engine: whatever a probe does becomes one bounded result, and nothing overlaps or is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from checks import engine
from checks.check import Check
from checks.engine import Paced, ask, run_once
from checks.kinds import KINDS, Kind
from checks.result import Measurement, Result, Status
from inventory.model import Document
from tests.fakes.checks import check
from tests.fakes.clock import Clock, clock


class Params(Document):
    pass


Give = Callable[[Callable[[Check], Awaitable[Measurement]]], None]
FINE = Measurement(Status.OK, "fine")


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Give:
    """Makes a function the probe of the kind ``fake``."""
    return lambda function: monkeypatch.setitem(KINDS, "fake", Kind(Params, function))


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    with clock(monkeypatch) as made:
        yield made


def fake(check_id: str = "one/check", timeout: float = 5.0, interval: float = 30.0) -> Check:
    return check("fake", Params(), timeout, check_id, interval)


def test_a_result_says_who_asked_when_and_how_long_it_took(probe: Give, time: Clock) -> None:
    async def slow(_check: Check) -> Measurement:
        await asyncio.sleep(2)
        return Measurement(Status.DEGRADED, "slow", 2.0, "s", {"n": 1})

    probe(slow)
    result = time.run(ask(fake(), "cloud", lambda: 1000.0))
    assert (result.check, result.vantage, result.status, result.sentence) == (
        "one/check",
        "cloud",
        Status.DEGRADED,
        "slow",
    )
    assert (result.at, result.value, result.unit, result.evidence) == (1000.0, 2.0, "s", {"n": 1})


@pytest.mark.parametrize(
    "error",
    [
        ValueError("broken"),
        OSError(5, "I/O"),
        RuntimeError(),
        AssertionError("x"),
        ExceptionGroup("g", [KeyError("k")]),
    ],
)
def test_an_exception_is_unknown_with_its_text(probe: Give, error: Exception) -> None:
    async def raises(_check: Check) -> Measurement:
        raise error

    probe(raises)
    result = asyncio.run(ask(fake(), "cloud", lambda: 0.0))
    assert result.status is Status.UNKNOWN
    assert type(error).__name__ in result.sentence
    assert str(error) in result.sentence


def test_what_a_probe_says_is_one_bounded_line_without_control_characters(probe: Give) -> None:
    hostile = "\x1b[31mred\x1b[0m\r\n\x00\u202etxet\x1b]0;title\x07 <script>{{ x }}</script>" + "A" * 1_000_000

    async def shouts(_check: Check) -> Measurement:
        return Measurement(Status.DOWN, hostile, float("nan"), "s", {"said": hostile, "n": 3})

    probe(shouts)
    result = asyncio.run(ask(fake(), "cloud", lambda: 0.0))
    for text in (result.sentence, str(result.evidence["said"])):
        assert len(text) <= engine.SENTENCE
        assert text.isprintable()
        assert "<script>{{ x }}</script>" in text  # text stays text; who shows it escapes it
    assert result.value is None  # not a number is no value
    assert result.evidence["n"] == 3


def test_a_probe_that_ignores_its_deadline_is_stopped_and_unknown(probe: Give, time: Clock) -> None:
    async def hangs(_check: Check) -> Measurement:
        await asyncio.Event().wait()
        return FINE

    probe(hangs)
    result = time.run(ask(fake(timeout=3.0), "cloud", lambda: 0.0))
    assert result.status is Status.UNKNOWN
    assert time.monotonic == pytest.approx(3.0 + engine.GRACE)


def test_run_once_asks_all_in_order_with_so_many_at_a_time(probe: Give, time: Clock) -> None:
    running: list[str] = []
    most = 0

    async def counts(one: Check) -> Measurement:
        nonlocal most
        running.append(one.id)
        most = max(most, len(running))
        await asyncio.sleep(1 + int(one.id) % 3)
        running.remove(one.id)
        return FINE

    probe(counts)
    results = time.run(run_once([fake(str(n)) for n in range(50)], "cloud", lambda: 0.0, limit=7))
    assert [result.check for result in results] == [str(n) for n in range(50)]
    assert most == 7
    assert asyncio.run(run_once([], "cloud", lambda: 0.0)) == []


def test_a_check_never_overlaps_itself(probe: Give, time: Clock) -> None:
    running: set[str] = set()

    async def slow(one: Check) -> Measurement:
        assert one.id not in running
        running.add(one.id)
        await asyncio.sleep(25)
        running.remove(one.id)
        return FINE

    probe(slow)
    results, paced = paced_for(time, [fake("slow", 28.0, 10.0)], 100.0)
    assert {result.status for result in results} == {Status.OK}
    assert paced.skipped == 6
    assert paced.asked == len(results) == 4


def paced_for(time: Clock, checks: list[Check], seconds: float, drain: float = 30.0) -> tuple[list[Result], Paced]:
    results: list[Result] = []

    async def scenario() -> Paced:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_at(seconds, stop.set)
        paced = Paced("cloud", time.wall, results.append, drain=drain)
        await paced.run(checks, stop)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return paced

    return results, time.run(scenario())


@pytest.mark.parametrize(("drain", "finished"), [(5.0, 1), (1.0, 0)])
def test_after_the_stop_what_runs_is_given_time_and_then_canceled(
    probe: Give, time: Clock, drain: float, finished: int
) -> None:
    ended: list[str] = []

    async def slow(one: Check) -> Measurement:
        try:
            await asyncio.sleep(4)
            return FINE
        finally:
            ended.append(one.id)

    probe(slow)
    begins = 100.0  # id "a" is started once in the first interval, well before the stop
    results, paced = paced_for(time, [fake("a", 5.0, begins)], started("a", begins) + 1, drain)
    assert (len(results), ended, paced.running) == (finished, ["a"], 0)


def started(check_id: str, interval: float) -> float:
    from checks.schedule import place

    return place(check_id, interval)


def test_the_limit_holds_back_the_question_and_its_time(probe: Give, time: Clock) -> None:
    async def slow(_check: Check) -> Measurement:
        await asyncio.sleep(4)
        return FINE

    async def scenario() -> list[Result]:
        results: list[Result] = []
        paced = Paced("cloud", time.wall, results.append, limit=1)
        paced.start([fake("a"), fake("b")])
        while paced.running:
            await asyncio.sleep(1)
        return results

    probe(slow)
    first, second = time.run(scenario())
    assert second.at - first.at == pytest.approx(4.0)
