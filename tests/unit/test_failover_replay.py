"""Folding a journal: any prefix, whatever is in it, gives a standing; what was begun and not ended is unknown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failover.records import Kind, Record, State
from failover.replay import Progress, replay

VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.lists(st.integers(), max_size=2)
KEYS = st.sampled_from(
    ["step", "part", "outcome", "attempt", "facts", "state", "what", "by", "order", "gate", "call", "calls", "counts"]
)
WORDS = st.sampled_from(["fence", "do", "undo", "done", "failed", "running", "paused", "abort", "commit", "pause"])
PAYLOADS = st.dictionaries(KEYS, VALUES | WORDS | st.dictionaries(KEYS, VALUES, max_size=2), max_size=6)


def record(seq: int, kind: Kind, payload: dict[str, Any], boot: str = "b") -> Record:
    return Record(seq, "r", 1, seq, boot, "", "engine", kind, payload, "sha256", "", "")


def told(*records: tuple[Kind, dict[str, Any]]) -> list[Record]:
    return [record(seq, kind, payload) for seq, (kind, payload) in enumerate(records)]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(Kind)), PAYLOADS), max_size=12))
def test_no_prefix_of_anything_raises(records: list[tuple[Kind, dict[str, Any]]]) -> None:
    for end in range(len(records) + 1):
        assert replay(told(*records[:end])).state in State


BEGUN = {"step": "fence", "part": "do", "attempt": 1, "calls": [{}, {}], "changes": True}
REPLY = {"step": "fence", "part": "do", "outcome": "done", "call": 0, "facts": {"lsn": 7, "before": ["x"]}}


@pytest.mark.parametrize(
    ("records", "progress", "replied"),
    [
        ([(Kind.INTENT, BEGUN)], Progress.UNKNOWN, False),
        ([(Kind.INTENT, BEGUN), (Kind.REPLY, REPLY)], Progress.UNKNOWN, False),
        ([(Kind.INTENT, BEGUN), (Kind.REPLY, REPLY), (Kind.REPLY, {**REPLY, "call": 1})], Progress.UNKNOWN, True),
        ([(Kind.INTENT, BEGUN), (Kind.RESULT, {"step": "fence", "outcome": "done"})], Progress.DONE, False),
        ([(Kind.INTENT, BEGUN), (Kind.RESULT, {"step": "fence", "outcome": "failed"})], Progress.FAILED, False),
        (
            [(Kind.INTENT, BEGUN), (Kind.RESULT, {"step": "fence", "outcome": "failed"}), (Kind.INTENT, BEGUN)],
            Progress.UNKNOWN,
            False,
        ),
        ([(Kind.INTENT, BEGUN), (Kind.UNDONE, {"step": "fence", "outcome": "done"})], Progress.UNDONE, False),
        ([(Kind.INTENT, BEGUN), (Kind.UNDONE, {"step": "fence", "outcome": "failed"})], Progress.UNDO_FAILED, False),
    ],
)
def test_a_step(records: list[tuple[Kind, dict[str, Any]]], progress: Progress, replied: bool) -> None:
    step = replay(told(*records)).steps["fence"]
    assert (step.progress, step.replied, step.touched) == (progress, replied, True)


def test_what_was_before_is_what_the_first_attempt_found() -> None:
    second = {**REPLY, "facts": {"before": [], "lsn": 9}}
    standing = replay(told((Kind.INTENT, BEGUN), (Kind.REPLY, REPLY), (Kind.INTENT, BEGUN), (Kind.REPLY, second)))
    assert standing.facts("fence") == {"before": ["x"], "lsn": 9}


def test_an_order_stands_until_a_state_answers_it() -> None:
    abort = (Kind.SAID, {"what": "abort", "by": "wang-jianhua", "counts": True, "file": "1"})
    standing = replay(told(abort))
    assert (standing.order, standing.ordered_by, standing.taken) == ("roll-back", "wang-jianhua", {"1"})
    assert replay(told(abort, (Kind.STATE, {"state": "rolling-back"}))).order == ""
    assert replay(told((Kind.SAID, {**abort[1], "counts": False}))).order == ""


def test_a_pause_remembers_where_to_go_on() -> None:
    states = [(Kind.STATE, {"state": state}) for state in ("running", "soaking", "paused", "paused")]
    assert replay(told(*states)).paused_from is State.SOAKING
