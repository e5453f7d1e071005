"""Confirmation, dating back, staleness, and what must make no difference."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.check import Check
from checks.result import Result, Status
from inventory.model import Confirm
from state import rows
from state.desk import NoParams
from state.signals import DELIVERY, Signal, fold, speaks_for

OK, DEGRADED, DOWN, UNKNOWN = Status
LETTERS = {"o": OK, "g": DEGRADED, "d": DOWN, "u": UNKNOWN}


def check(confirm: str = "2/3", interval: float = 10.0) -> Check:
    m, n = confirm.split("/")
    return Check("c", "host:h", "tcp", NoParams(), ("cloud",), interval, 2.0, Confirm(m=m, n=n), None, "cloud")


def result(at: float, status: Status, sentence: str = "") -> Result:
    return Result("c", "cloud", status, sentence or status.value, at, 0.1)


def folded(history: str, confirm: str = "2/3") -> Signal:
    """The signal after one answer every 10 s, the first at 100; ``.`` is an answer that never came."""
    signal = None
    for step, letter in enumerate(history):
        if letter != ".":
            at = 100.0 + 10 * step
            signal = fold(signal, result(at, LETTERS[letter]), check(confirm), at)
    assert signal is not None
    return signal


@pytest.mark.parametrize(
    ("history", "confirm", "status", "since"),
    [
        ("o", "2/3", OK, 100),  # the first ok needs no second opinion
        ("d", "2/3", UNKNOWN, 100),  # the first failure does
        ("d", "1/1", DOWN, 100),
        ("dd", "2/3", DOWN, 100),
        ("oood", "2/3", OK, 100),  # a blip
        ("ooodd", "2/3", DOWN, 130),
        ("ooodod", "2/3", DOWN, 130),  # dated back over the ok in between
        ("ooodoo", "2/3", OK, 100),
        ("ddoo", "2/3", OK, 120),
        ("ddodo", "2/3", OK, 140),  # ok begins after the last failure
        ("oogg", "2/3", DEGRADED, 120),
        ("oogd", "2/3", DEGRADED, 120),  # a failure counts towards degraded
        ("oogdd", "2/3", DOWN, 130),
        ("oouu", "2/3", UNKNOWN, 120),  # unknown is no ok
        ("ooudu", "2/3", UNKNOWN, 120),  # and no down
        ("oodd", "3/3", OK, 100),
        ("ooddd", "3/3", DOWN, 120),
        ("dddoo", "3/3", DOWN, 100),  # neither: what was confirmed stays
        ("od", "1/3", DOWN, 110),
        ("odoo", "1/3", DOWN, 110),  # one failure in three is enough, so it must leave the window
        ("odooo", "1/3", OK, 120),
        ("dd...d", "2/3", UNKNOWN, 150),  # nothing from before a silence counts
        ("dd..o", "2/3", OK, 140),
    ],
)
def test_confirmation(history: str, confirm: str, status: Status, since: float) -> None:
    signal = folded(history, confirm)
    assert (signal.confirmed, signal.since) == (status, since)


def test_an_answer_speaks_for_two_intervals_and_the_timeout() -> None:
    signal = folded("oo")
    expires = 110 + speaks_for(check())
    assert expires == 132
    assert signal.vote(expires + DELIVERY - 0.1).status is OK
    vote = signal.vote(expires + DELIVERY)
    assert (vote.status, vote.since, vote.age) == (UNKNOWN, expires, expires + DELIVERY - 110)


def test_an_answer_from_the_future_is_not_believed() -> None:
    known = folded("oo")
    assert fold(known, result(999.0, DOWN), check(), now=120.0) is known
    assert fold(known, result(math.nan, DOWN), check(), now=120.0) is known
    assert fold(None, result(math.inf, OK), check(), now=120.0) is None


def test_the_sentence_is_that_of_the_confirmed_status() -> None:
    signal = fold(folded("odd"), result(130.0, OK, "back"), check(), 130.0)
    assert signal is not None
    assert (signal.confirmed, signal.said) == (DOWN, "down")


def test_hostile_text_is_bounded_and_storable() -> None:
    signal = fold(None, result(100.0, OK, "\0\ud800" + "x" * 9999), check(), 100.0)
    assert signal is not None
    assert "\0" not in signal.said
    assert len(signal.said.encode()) <= 520


histories = st.lists(st.sampled_from("ogdu"), min_size=1, max_size=12)


def _all(results: Sequence[Result]) -> Signal | None:
    signal = None
    for each in results:
        signal = fold(signal, each, check(), 1000.0)
    return signal


@given(histories, st.data())
def test_duplicates_and_latecomers_change_nothing(history: list[str], data: st.DataObject) -> None:
    results = [result(100.0 + 10 * step, LETTERS[letter]) for step, letter in enumerate(history)]
    noisy: list[Result] = []
    for position, each in enumerate(results):
        noisy += [each, *data.draw(st.lists(st.sampled_from(results[: position + 1]), max_size=3))]
    assert _all(noisy) == _all(results)


@given(histories)
def test_the_window_survives_a_restart(history: list[str]) -> None:
    before = folded("".join(history))
    after = rows.to_signal(rows.from_signal(before))
    assert after == before
    newest = result(before.latest.at + 10, DOWN)
    assert fold(after, newest, check(), newest.at) == fold(before, newest, check(), newest.at)


@given(histories)
def test_unknown_answers_alone_confirm_nothing_else(history: list[str]) -> None:
    signal = folded("".join("u" if letter == "o" else letter for letter in history))
    assert signal.confirmed is not OK


@pytest.mark.parametrize(
    ("history", "moment", "again"),
    [
        ("oooo", 115, 115),  # it always worked
        ("odddooo", 105, 140),  # failed from 110 to 130, works again at 140
        ("odddooo", 145, 145),  # it worked all along since then
        ("oddd", 105, None),  # it is not back
        ("odddo", 105, 140),  # back, not yet confirmed
        ("ooo", 95, None),  # the first answers ever: who was not there cannot tell what came back
    ],
)
def test_who_saw_it_fail_can_tell_when_it_works_again(history: str, moment: float, again: float | None) -> None:
    assert folded(history).works_again(moment) == again
