"""Strips show the worst of each column, and cover the window exactly."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.strip import strip
from state.verdict import Availability, Interval

UP, DOWN, UNKNOWN = Availability.UP, Availability.DOWN, Availability.UNKNOWN


def test_twenty_seconds_in_a_week_are_seen() -> None:
    week = 7 * 86400.0
    line = [Interval(0, 1000, UP), Interval(1000, 1020, DOWN), Interval(1020, week, UP)]
    assert [stretch.kind for stretch in strip(line, 0, week)] == [DOWN, UP]


def test_half_and_half() -> None:
    drawn = strip([Interval(0, 50, UP), Interval(50, 100, DOWN)], 0, 100)
    assert [(stretch.kind, stretch.x, stretch.width) for stretch in drawn] == [(UP, 0, 0.5), (DOWN, 0.5, 0.5)]


def test_what_nothing_covers_is_unknown() -> None:
    assert [stretch.kind for stretch in strip([], 0, 100)] == [UNKNOWN]
    assert strip([], 100, 100) == ()


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-50, 150), st.floats(0, 100), st.sampled_from(Availability)), max_size=30))
def test_stretches_follow_each_other_and_fill_the_window(parts: list[tuple[float, float, Availability]]) -> None:
    drawn = strip([Interval(start, start + length, kind) for start, length, kind in parts], 0, 100, columns=40)
    assert sum(stretch.width for stretch in drawn) == pytest.approx(1)
    assert all(one.x + one.width == pytest.approx(next_.x) for one, next_ in pairwise(drawn))
    assert all(one.kind is not next_.kind for one, next_ in pairwise(drawn))
    assert len(drawn) <= 40
