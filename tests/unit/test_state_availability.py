"""Figures with bounds: unknown time widens them, and rounding never flatters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.availability import Figures, Met, figures, percent
from state.verdict import Availability, Interval

A = Availability


def of(target: float = 0.999, **seconds: float) -> Figures:
    at, line = 0.0, []
    for kind, length in seconds.items():
        line.append(Interval(at, at + length, Availability(kind)))
        at += length
    return figures(line, target)


def test_two_hours_seen_in_a_blind_day_prove_nothing() -> None:
    found = of(up=7200, unknown=79200)
    assert found.a is None, "below the coverage there is no number"
    assert found.low == pytest.approx(1 / 12)
    assert found.high == 1.0
    assert found.verdict is Met.UNDETERMINED


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [
        ({"up": 9990, "down": 10}, Met.MET),
        ({"up": 9989, "down": 11}, Met.MISSED),
        ({"up": 9980, "down": 5, "unknown": 15}, Met.UNDETERMINED),
        ({"up": 9980, "down": 15, "unknown": 5}, Met.MISSED),
        ({}, Met.UNDETERMINED),
        ({"maint": 100}, Met.UNDETERMINED),
    ],
)
def test_the_verdict_needs_certainty(seconds: dict[str, float], verdict: Met) -> None:
    assert of(**seconds).verdict is verdict


def test_planned_time_counts_nowhere_and_path_counts_as_unknown() -> None:
    found = of(up=80, degraded=10, down=5, path=5, maint=1000, drill=1000, out=1000)
    assert (found.up, found.down, found.unknown, found.counted) == (90, 5, 5, 100)


def test_the_budget_that_remains_is_a_range() -> None:
    found = of(target=0.9, up=900, down=40, unknown=60)
    assert found.budget == pytest.approx(100)
    assert list(found.remaining) == pytest.approx([0, 60])


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (1.0, "100.000 %"),
        (0.9999999, "99.999 %"),
        (0.9994999, "99.949 %"),
        (0.9995, "99.950 %"),
        (0.0, "0.000 %"),
        (None, "—"),
    ],
)
def test_rounding_is_always_down(share: float | None, shown: str) -> None:
    assert percent(share) == shown


lengths = st.integers(0, 10**6).map(float)


@given(lengths, lengths, lengths, st.integers(1, 10**6))
def test_more_unknown_never_flatters_and_never_condemns(up: float, down: float, unknown: float, more: int) -> None:
    before, after = of(up=up, down=down, unknown=unknown), of(up=up, down=down, unknown=unknown + more)
    assert after.low is not None
    assert after.high is not None
    if before.low is not None and before.high is not None:
        assert after.low <= before.low
        assert after.high >= before.high
    assert after.low <= after.high


@given(lengths, lengths, lengths)
def test_the_number_lies_within_its_bounds(up: float, down: float, unknown: float) -> None:
    found = of(up=up, down=down, unknown=unknown)
    if found.a is not None and found.low is not None and found.high is not None:
        assert found.low <= found.a <= found.high


@given(st.floats(0, 1), st.floats(0, 1))
def test_what_is_shown_never_reaches_a_target_that_was_not_reached(share: float, target: float) -> None:
    shown = float(percent(share).removesuffix(" %"))
    assert shown <= share * 100 * (1 + 1e-12)
