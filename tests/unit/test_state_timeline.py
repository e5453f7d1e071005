"""Timelines partition their period exactly, and never know more than the watch saw."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.result import Status
from state.timeline import compose, timeline
from state.verdict import Availability, Change, Fault, Interval, Reason

OK, DEGRADED, DOWN, UNKNOWN = Status
A = Availability


def change(since: float, new: Status, number: int, fault: Fault = Fault.NONE, cause: str | None = None) -> Change:
    return Change("system:s", UNKNOWN, new, fault, Reason("x"), since, since + 5, cause, number)


def spelled(intervals: tuple[Interval, ...]) -> list[tuple[float, float, str]]:
    return [(each.start, each.end, each.kind.value) for each in intervals]


UP = change(-100, OK, 1)


def test_a_state_from_before_the_period_holds_while_the_watch_lived() -> None:
    found = timeline(0, 100, 1000, [UP, change(40, DOWN, 2), change(60, OK, 3)], [(-200, 500)])
    assert spelled(found) == [(0, 40, "up"), (40, 60, "down"), (60, 100, "up")]


def test_no_state_is_carried_across_a_time_in_which_nobody_watched() -> None:
    found = timeline(0, 100, 1000, [UP, change(30, DOWN, 2)], [(-200, 50), (80, 200)])
    assert spelled(found) == [(0, 30, "up"), (30, 50, "down"), (50, 80, "unknown"), (80, 100, "down")]


def test_without_any_change_before_it_a_period_begins_unknown() -> None:
    assert spelled(timeline(0, 100, 1000, [change(40, OK, 1)], [(0, 100)])) == [(0, 40, "unknown"), (40, 100, "up")]


def test_the_future_is_not_counted() -> None:
    assert spelled(timeline(0, 100, 30, [UP], [(-200, 30)])) == [(0, 30, "up")]
    assert timeline(0, 100, 0, [UP], [(-200, 0)]) == ()


def test_what_could_not_be_seen_because_of_something_larger_is_path() -> None:
    dark = change(20, UNKNOWN, 2, Fault.ISOLATED, "center:cloud")
    stale = change(60, UNKNOWN, 3, Fault.WATCH)
    found = timeline(0, 100, 1000, [UP, dark, stale], [(-200, 500)])
    assert spelled(found) == [(0, 20, "up"), (20, 60, "path"), (60, 100, "unknown")]


def test_planned_time_lies_over_what_was_seen_the_gravest_first() -> None:
    planned = [Interval(10, 50, A.DRILL), Interval(30, 60, A.MAINT), Interval(55, 70, A.OUT)]
    found = timeline(0, 100, 1000, [UP, change(40, DOWN, 2)], [(-200, 500)], planned)
    assert spelled(found) == [
        (0, 10, "up"),
        (10, 30, "drill"),
        (30, 55, "maint"),
        (55, 70, "out"),
        (70, 100, "down"),
    ]


def test_a_later_finding_that_is_dated_back_replaces_an_earlier_one() -> None:
    found = timeline(0, 100, 1000, [UP, change(50, UNKNOWN, 2), change(40, DOWN, 3)], [(-200, 500)])
    assert spelled(found) == [(0, 40, "up"), (40, 100, "down")]


times = st.integers(0, 100).map(float)
statuses = st.sampled_from(list(Status))


@st.composite
def settings(draw: st.DrawFn) -> dict[str, Any]:
    sinces = sorted(draw(st.lists(times, max_size=8)))
    changes = [change(since, draw(statuses), number + 1) for number, since in enumerate(sinces)]
    spans = [(began, began + draw(times)) for began in draw(st.lists(times, max_size=3))]
    kinds = st.sampled_from([A.OUT, A.MAINT, A.DRILL])
    plans = [Interval(began, began + draw(times), draw(kinds)) for began in draw(st.lists(times, max_size=3))]
    return {"changes": changes, "watched": spans, "planned": plans}


def seconds(intervals: tuple[Interval, ...]) -> dict[Availability, float]:
    total = dict.fromkeys(Availability, 0.0)
    for each in intervals:
        total[each.kind] += each.end - each.start
    return total


@given(settings(), times, times)
def test_every_instant_has_exactly_one_class(given_: dict[str, Any], start: float, end: float) -> None:
    found = timeline(start, end, 100.0, **given_)
    assert all(each.start < each.end for each in found)
    assert all(a.end == b.start and a.kind is not b.kind for a, b in pairwise(found))
    if start < end:
        assert (found[0].start, found[-1].end) == (start, end)


@given(settings(), times)
def test_a_period_is_the_sum_of_its_parts(given_: dict[str, Any], middle: float) -> None:
    whole = seconds(timeline(0, 100, 100, **given_))
    left, right = (seconds(timeline(a, b, 100, **given_)) for a, b in ((0, middle), (middle, 100)))
    assert whole == {kind: left[kind] + right[kind] for kind in Availability}


@given(settings(), st.randoms(use_true_random=False))
def test_order_and_repetition_make_no_difference(given_: dict[str, Any], chance: Any) -> None:
    shuffled = {name: [*values, *values[:2]] for name, values in given_.items()}
    for values in shuffled.values():
        chance.shuffle(values)
    assert timeline(0, 100, 100, **shuffled) == timeline(0, 100, 100, **given_)


@given(settings())
def test_nothing_is_known_while_nobody_watched(given_: dict[str, Any]) -> None:
    found = timeline(0, 100, 100, given_["changes"], [], ())
    assert {each.kind for each in found} == {A.UNKNOWN}


def line(letters: str) -> tuple[Interval, ...]:
    kinds = {"u": A.UP, "g": A.DEGRADED, "d": A.DOWN, "?": A.UNKNOWN, "p": A.PATH}
    return tuple(Interval(at, at + 1, kinds[letter]) for at, letter in enumerate(letters))


@pytest.mark.parametrize(
    ("parts", "needs", "whole"),
    [
        (["u", "u"], 1, "up"),
        (["u", "d"], 1, "degraded"),
        (["u", "?"], 1, "degraded"),
        (["d", "?"], 1, "unknown"),
        (["d", "p"], 1, "unknown"),
        (["d", "d"], 1, "down"),
        (["u", "d", "?"], 2, "unknown"),
        (["d", "d", "?"], 2, "down"),
    ],
)
def test_k_of_n_is_three_valued(parts: list[str], needs: int, whole: str) -> None:
    (found,) = compose([line(part) for part in parts], needs)
    assert found.kind.value == whole


def test_a_whole_is_composed_on_time_and_not_on_percentages() -> None:
    both = compose([line("uudd"), line("dduu")], needs=2)
    either = compose([line("uudd"), line("dduu")], needs=1)
    assert seconds(both)[A.DOWN] == 4
    assert seconds(either)[A.DOWN] == 0
