"""Which time is asked for afterwards, and how what is learnt shows: beneath, only where nothing was known."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from checks.result import Result, Status
from state.availability import figures
from state.gaps import PIECE, SETTLE, beneath, pieces, unseen
from state.replay import moments
from state.timeline import merged
from state.verdict import Availability, Change, Fault, Interval, Reason

NOW = 300_000.0
UP, DOWN, UNKNOWN, PATH = Availability.UP, Availability.DOWN, Availability.UNKNOWN, Availability.PATH
KINDS = st.sampled_from(list(Availability))


@st.composite
def lines(draw: st.DrawFn) -> tuple[Interval, ...]:
    """A timeline of [0, n): every instant in one class."""
    kinds = draw(st.lists(KINDS, min_size=1, max_size=20))
    return merged(Interval(float(at), at + 1.0, kind) for at, kind in enumerate(kinds))


@st.composite
def learnt(draw: st.DrawFn) -> list[Interval]:
    """Anything: overlapping, empty, backwards, outside of the line."""
    edges = st.floats(-5, 25, allow_nan=False, width=16)
    return draw(st.lists(st.builds(Interval, edges, edges, KINDS), max_size=8))


def at(line: tuple[Interval, ...], moment: float) -> Availability:
    return next(part.kind for part in line if part.start <= moment < part.end)


@given(lines(), learnt())
@settings(max_examples=50)
def test_every_instant_keeps_exactly_one_class(line: tuple[Interval, ...], filled: list[Interval]) -> None:
    shown = beneath(line, filled)
    assert (shown[0].start, shown[-1].end) == (line[0].start, line[-1].end)
    assert all(a.end == b.start and a.kind is not b.kind for a, b in pairwise(shown))
    assert all(part.start < part.end for part in shown)


@given(lines(), learnt())
@settings(max_examples=50)
def test_what_was_seen_is_never_overwritten(line: tuple[Interval, ...], filled: list[Interval]) -> None:
    shown = beneath(line, filled)
    for part in line:
        if part.kind not in (UNKNOWN, PATH):
            assert at(shown, part.start) is part.kind
            assert any(one.start <= part.start and part.end <= one.end for one in shown if one.kind is part.kind)


@given(lines(), learnt())
@settings(max_examples=50)
def test_filling_again_changes_nothing(line: tuple[Interval, ...], filled: list[Interval]) -> None:
    once = beneath(line, filled)
    assert beneath(once, filled) == once
    assert beneath(line, [*filled, *filled]) == once


@given(lines(), learnt())
@settings(max_examples=50)
def test_what_nobody_saw_stays_unknown(line: tuple[Interval, ...], filled: list[Interval]) -> None:
    shown = beneath(line, filled)
    for part in shown:
        middle = (part.start + part.end) / 2
        if part.kind is not at(line, middle):
            assert any(one.start <= middle < one.end and one.kind is part.kind for one in filled)


@given(lines(), learnt())
@settings(max_examples=50)
def test_what_is_learnt_only_narrows_the_bounds(line: tuple[Interval, ...], filled: list[Interval]) -> None:
    before, after = figures(line, 0.99), figures(beneath(line, filled), 0.99)
    assert abs(before.counted - after.counted) < 1e-6
    if before.low is not None and before.high is not None:
        assert after.low is not None and after.low >= before.low - 1e-9
        assert after.high is not None and after.high <= before.high + 1e-9


@given(st.lists(st.tuples(st.floats(0, NOW), st.floats(0, NOW)), max_size=8))
@settings(max_examples=50)
def test_pieces_cover_every_gap_that_is_over(gaps: list[tuple[float, float]]) -> None:
    since = 50_000.0
    found = pieces(gaps, since, NOW)
    assert found == sorted(set(found)) and all(start % PIECE == 0 and end - start == PIECE for start, end in found)
    covered = {start for start, _ in found}
    for start, end in gaps:
        for moment in (start, (start + end) / 2):
            piece = moment // PIECE * PIECE
            if start <= moment < end and piece >= since and piece + PIECE + SETTLE <= NOW:
                assert piece in covered
    assert all(any(start < b and a < end for a, b in gaps if a < b) for start, end in found)


def said(new: Status, since: float, at: float) -> Change:
    return Change("watch:dr", Status.UNKNOWN, new, Fault.NONE, Reason(""), since, at, id=int(at))


def test_a_voice_is_missed_until_it_is_heard_again_and_while_nobody_listened() -> None:
    changes = [said(Status.OK, 0, 0), said(Status.DOWN, 10, 14), said(Status.OK, 11, 30), said(Status.UNKNOWN, 40, 50)]
    assert unseen(changes, [(0, 20), (25, 100)], 5, 60) == [(10, 20), (20, 25), (25, 30), (40, 60)]


TIMES = st.lists(st.floats(0, 100, width=16), max_size=20)


@given(TIMES, st.floats(1, 30))
def test_each_answer_is_judged_once_and_never_before_it_was_given(times: list[float], step: float) -> None:
    results = [Result("a", "cloud", Status.OK, "", time, 0.0) for time in times]
    turns = list(moments(results, 20.0, 80.0, step))
    told = [result.at for _, due in turns for result in due]
    assert sorted(told) == sorted(time for time in times if time <= 80.0)
    assert all(result.at <= now for now, due in turns for result in due)
    if turns:
        assert turns[-1][0] == 80.0 and all(0 < b[0] - a[0] <= step + 1e-9 for a, b in pairwise(turns))


def test_a_time_of_which_nobody_speaks_is_not_judged() -> None:
    assert list(moments([], 0.0, 1000.0, 5.0)) == []
