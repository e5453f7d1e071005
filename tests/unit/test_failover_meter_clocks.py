"""Clocks of two machines: the offset's truth lies within its error, whatever the way takes; and the phases of a run."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failover.measured import Outage
from failover.meter.clocks import Exchange, Offset, offset, to_desk
from failover.meter.phases import NAMES, phases
from failover.records import Kind, Record

MS = 1_000_000
ways = st.lists(st.tuples(st.integers(0, 50 * MS), st.integers(0, 50 * MS)), min_size=1, max_size=6)


@settings(max_examples=100, deadline=None)
@given(st.integers(-(10**18), 10**18), ways)
def test_the_true_offset_lies_within_the_error(truth: int, each: list[tuple[int, int]]) -> None:
    exchanges = []
    asked = 10**18
    for there, back in each:
        exchanges.append(Exchange(asked, asked + there + back, asked + there + truth))
        asked += there + back + 1000 * MS
    found = offset(exchanges)
    assert found is not None
    assert abs(found.offset - truth) <= found.error
    assert found.error <= min(there + back for there, back in each) // 2 + 1


def test_nothing_asked_or_nonsense_answered_is_no_offset() -> None:
    assert offset([]) is None
    assert offset([Exchange(0, 10, 5), Exchange(20, 30, 1000)]) is None


def test_an_instant_is_brought_over_with_its_error() -> None:
    known = [Offset(1000 * MS, 70 * MS, 2 * MS), Offset(9000 * MS, 72 * MS, MS)]
    assert to_desk(1070 * MS, known) == (1000 * MS, 2 * MS)
    at, error = to_desk(9972 * MS, known) or (0, 0)
    assert (at, error) == (9900 * MS, MS + 90_000)
    assert to_desk(5, []) is None


def record(kind: Kind, at: int, actor: str = "engine", **payload: object) -> Record:
    return Record(0, "run", 1, at, "boot", "", actor, kind, payload, "sha256", "", "")


def outage(**stamps: int | None) -> Outage:
    known: dict[str, int | None] = {"last_ok": 100, "first_fail": 120, "last_fail": 380, "first_ok": 400, "stable": 500}
    return Outage("v", "fresh", 1, 1, 0.1, 1.0, None, 1.1, **(known | stamps))  # type: ignore[arg-type]


PROMOTED = record(Kind.REPLY, 350, action="pg-promote", outcome="done")
UNPLANNED = [
    record(Kind.DECIDED, 200, "commander", alarm_ns=150),
    record(Kind.INTENT, 250),
    record(Kind.REPLY, 300, action="pg-promote", outcome="failed"),
    PROMOTED,
]


@pytest.mark.parametrize(
    ("records", "lengths"),
    [
        (UNPLANNED, [20, 30, 50, 50, 100, 50, 100]),
        ([record(Kind.DECIDED, 10), record(Kind.INTENT, 20), PROMOTED], [20, 0, 0, 0, 230, 50, 100]),  # planned
        ([], [20, 0, 0, 0, 0, 280, 100]),  # nobody did anything: it came back by itself
        ([record(Kind.INTENT, 900)], [20, 0, 0, 280, 0, 0, 100]),  # too late to have mattered
    ],
)
def test_the_phases_add_up_to_the_whole(records: list[Record], lengths: list[int]) -> None:
    found = phases(outage(), records, lambda instant: instant)
    assert [phase.name for phase in found] == list(NAMES)
    assert [phase.end - phase.start for phase in found] == lengths
    assert sum(lengths) == 500 - 100


def test_phases_name_who() -> None:
    found = {phase.name: phase.actor for phase in phases(outage(), UNPLANNED, lambda instant: instant)}
    assert (found["detect"], found["decide"], found["execute"]) == ("watch", "commander", "engine")


@pytest.mark.parametrize("missing", ["last_ok", "first_fail", "first_ok", "stable"])
def test_an_outage_without_begin_or_end_has_no_phases(missing: str) -> None:
    assert phases(outage(**{missing: None}), UNPLANNED, lambda instant: instant) == ()
    assert phases(None, UNPLANNED, lambda instant: instant) == ()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(Kind)), st.integers(0, 1000)), max_size=8), st.integers(-500, 500))
def test_whatever_the_journal_says_the_parts_add_up(told: list[tuple[Kind, int]], shift: int) -> None:
    found = phases(outage(), [record(kind, at) for kind, at in told], lambda instant: instant + shift)
    assert sum(phase.end - phase.start for phase in found) == 400
    assert all(phase.end >= phase.start for phase in found)
    assert all(one.end == two.start for one, two in pairwise(found))
