"""Numbers as people read them; shares never rounded up."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.formats import duration, moment, percent

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1.0, "100%"),
        (0.9999999, "99.999%"),
        (0.9995, "99.95%"),
        (0.99949999, "99.949%"),
        (0.07, "7%"),
        (0.0, "0%"),
        (21.008, "2,100.8%"),
    ],
)
def test_a_share_is_cut(share: float, text: str) -> None:
    assert percent(share) == text


@settings(deadline=None)
@given(st.floats(min_value=0, max_value=1), st.integers(min_value=0, max_value=100_000))
def test_a_share_below_a_target_never_prints_as_the_target(share: float, thousandths: int) -> None:
    target = thousandths / 100_000
    if share < target:
        assert float(percent(share).rstrip("%")) <= float(percent(target).rstrip("%"))
        assert share >= 1 or percent(share) != "100%"


@pytest.mark.parametrize(
    ("seconds", "zh", "en"),
    [
        (0, "0 秒", "0 s"),
        (0.15, "0.15 秒", "0.15 s"),
        (9.95, "9.9 秒", "9.9 s"),
        (59.6, "1 分", "1 min"),
        (3 * 60 + 12, "3 分 12 秒", "3 min 12 s"),
        (3605, "1 小时", "1 h"),
        (7500, "2 小时 5 分", "2 h 5 min"),
        (7 * 86400, "7 天", "7 d"),
        (-65, "−1 分 5 秒", "−1 min 5 s"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, zh: str, en: str) -> None:
    assert (duration(seconds, "zh"), duration(seconds, "en")) == (zh, en)


def test_a_moment_is_told_in_the_estates_time_zone() -> None:
    assert moment(1787155200, SHANGHAI) == "2026-08-20 00:00:00"
