"""What the watch knows of itself: late is not ill yet, hanging is; failing is ill but no reason for a restart."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import pytest

from checks.serving import Page
from state.vitals import FAILING, PATIENCE, Vitals
from state.vitals_pages import pages


class Hands:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def vitals(hands: Hands) -> Vitals:
    made = Vitals(hands)
    made.begin("cycle", 2.0)
    return made


def broken() -> None:
    raise OSError("disk full\nand more")


def test_a_loop_that_comes_round_is_well(vitals: Vitals, hands: Hands) -> None:
    for _ in range(5):
        hands.time += 2.0
        vitals.timed("cycle", lambda: None)()
        assert vitals.lag("cycle") == 0.0
    assert vitals.ill() == [] and vitals.loops["cycle"].turns == 5


def test_late_is_measured_and_hanging_is_named(vitals: Vitals, hands: Hands) -> None:
    hands.time += 5.0
    assert vitals.lag("cycle") == 3.0 and vitals.hanging() == []
    hands.time += PATIENCE
    assert vitals.hanging() == ["cycle has not come round for 33 s"] == vitals.ill()


def test_a_loop_that_always_fails_turns_and_is_ill(vitals: Vitals, hands: Hands) -> None:
    turn = vitals.timed("cycle", broken)
    while hands.time < 100.0 + FAILING + 5.0:
        hands.time += 2.0
        with pytest.raises(OSError, match="disk full"):
            turn()
    assert vitals.hanging() == []
    assert vitals.ill() == ["cycle has failed for 66 s: OSError: disk full"]
    vitals.timed("cycle", lambda: None)()
    assert vitals.ill() == []


def test_a_watch_that_has_not_begun_is_not_well(hands: Hands) -> None:
    assert Vitals(hands).ill() == ["nothing has begun yet"]


def shown(vitals: Vitals, size: Callable[[], float] = lambda: 4096.0) -> dict[str, str]:
    routes = pages(vitals, lambda: 1000.0, size, lambda: "abc")
    page: Page = asyncio.run(routes["/metrics"]({}))  # type: ignore[arg-type]
    lines = [line for line in page.body.decode().splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: line.rpartition(" ")[2] for line in lines}


def test_the_metrics_say_lag_results_store_and_the_age_of_each_source(vitals: Vitals, hands: Hands) -> None:
    vitals.heard(40, 2, {"cloud": 990.0, "dr": None}, {"cloud": True, "dr": False})
    vitals.heard(2, 0, {"cloud": 980.0}, {"cloud": True, "dr": False})
    hands.time += 12.0
    found = shown(vitals)
    assert found['tricenter_watch_loop_lag_seconds{loop="cycle"}'] == "10.0"
    assert found["tricenter_watch_results_total"] == "42.0"
    assert found["tricenter_watch_changes_total"] == "2.0"
    assert found["tricenter_watch_store_bytes"] == "4096.0"
    assert found['tricenter_watch_source_age_seconds{source="cloud"}'] == "10.0", "an older answer makes none younger"
    assert found['tricenter_watch_source_age_seconds{source="dr"}'] == "+Inf"
    assert found['tricenter_watch_source_reached{source="dr"}'] == "0.0"
    assert found["tricenter_watch_estate_refused"] == "0.0"
    assert found['tricenter_watch_estate_info{digest="abc"}'] == "1.0"
    assert "process_resident_memory_bytes" in found


def test_a_database_that_is_away_takes_no_other_figure_with_it(vitals: Vitals) -> None:
    def away() -> float:
        raise ConnectionError

    found = shown(vitals, away)
    assert math.isnan(float(found["tricenter_watch_store_bytes"]))
    assert found["tricenter_watch_well"] == "1.0"


def test_health_is_an_http_status_and_says_why(vitals: Vitals, hands: Hands) -> None:
    health = pages(vitals, lambda: 0.0, lambda: 0.0, lambda: "")["/healthz"]
    well: Page = asyncio.run(health({}))  # type: ignore[arg-type]
    hands.time += 100.0
    ill: Page = asyncio.run(health({}))  # type: ignore[arg-type]
    assert (well.status, well.body) == (200, b"ok\n")
    assert (ill.status, ill.body) == (503, b"cycle has not come round for 98 s\n")
