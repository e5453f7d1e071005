"""Time axes from minutes to months, marked on round local times."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.axis import ticks

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY = datetime(2026, 8, 17, tzinfo=SHANGHAI).timestamp()
DAY = 86400.0


def labels(start: float, end: float, lang: str = "zh") -> list[str]:
    return [tick.label for tick in ticks(start, end, SHANGHAI, lang)]


def test_a_week_is_marked_at_local_midnights() -> None:
    assert labels(MONDAY, MONDAY + 7 * DAY)[:3] == ["08-17 周一", "08-18 周二", "08-19 周三"]
    assert labels(MONDAY, MONDAY + 7 * DAY, "en")[0] == "08-17 Mon"


def test_four_minutes_are_marked_in_half_minutes() -> None:
    start = MONDAY + 10 * 3600 + 137
    assert labels(start, start + 240)[:2] == ["10:02:30", "10:03:00"]


def test_an_hour_is_marked_in_minutes_and_midnight_names_its_day() -> None:
    assert labels(MONDAY - 1800, MONDAY + 1800)[3] == "08-17 周一"


def test_days_stay_days_where_the_clock_changes() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 3, 27, tzinfo=berlin).timestamp()
    marks = ticks(start, start + 5 * DAY, berlin, "en")
    assert {datetime.fromtimestamp(mark.at, berlin).hour for mark in marks} == {0}


@pytest.mark.parametrize("span", [0, -5])
def test_an_empty_window_has_no_marks(span: float) -> None:
    assert ticks(MONDAY, MONDAY + span, SHANGHAI, "zh") == ()


@settings(deadline=None)
@given(st.floats(min_value=4, max_value=400 * DAY), st.floats(min_value=0, max_value=3e9), st.integers(2, 8))
def test_marks_are_few_and_inside(span: float, start: float, most: int) -> None:
    marks = ticks(start, start + span, SHANGHAI, "zh", most)
    assert len(marks) <= most + 1
    assert all(0 <= mark.share <= 1 for mark in marks)
