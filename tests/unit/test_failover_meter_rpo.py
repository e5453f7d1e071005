"""What becomes of canary writes: the table of drill-anchors 4.3, holes, and how far back a loss reaches."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failover.measured import Interval
from failover.meter.rpo import as_stream, writes
from failover.meter.samples import NS, CanaryWrite, Channel, Fate, ReadBack

FATES: dict[str, Fate] = {"a": "acked", "b": "acked", "r": "rejected", "u": "unknown"}


def log(pattern: str) -> tuple[CanaryWrite, ...]:
    """One write a second, each taking 0.1 s: ``a`` acknowledged by the one server, ``b`` by the other, ``r``, ``u``."""
    return tuple(
        CanaryWrite(seq, 1, seq * NS, seq * NS + NS // 10, FATES[sign], server=sign if sign in "ab" else "")
        for seq, sign in enumerate(pattern, start=1)
    )


def channel(pattern: str, seen: Sequence[int] | None, fenced: str = "") -> Channel:
    read = None if seen is None else ReadBack({seq: list(seen).count(seq) for seq in seen}, settled=True)
    return Channel("database", NS, NS, log(pattern), read, log(fenced))


@pytest.mark.parametrize(
    ("pattern", "seen", "expected"),
    [
        ("aaa", [1, 2, 3], {"acked": 3, "kept": 3}),
        ("aaa", [1], {"acked": 3, "kept": 1, "lost": (2, 3)}),
        ("auau", [1, 2, 3], {"acked": 2, "kept": 2, "unknown": 2, "recovered": 1, "dropped": 1}),
        ("ara", [1, 2, 3], {"acked": 2, "kept": 2, "rejected": 1, "phantom": (2,)}),
        ("aa", [1, 2, 9], {"acked": 2, "kept": 2, "phantom": (9,)}),  # nobody ever sent it
        ("aa", [1, 1, 2], {"acked": 2, "kept": 2, "duplicate": (1,)}),
        ("aaabbb", [1, 4, 5, 6], {"acked": 6, "kept": 4, "lost": (2, 3)}),  # the end of the old writer's: no hole
        ("aaarbb", [1, 5, 6], {"acked": 5, "kept": 3, "lost": (2, 3), "rejected": 1}),
        ("aaabbb", [1, 3, 4, 5, 6], {"acked": 6, "kept": 5, "lost": (2,), "holes": (2,)}),
        ("rrr", [], {"rejected": 3}),
    ],
)
def test_every_write_has_its_class(pattern: str, seen: list[int], expected: dict[str, object]) -> None:
    found = writes("dr-ops", channel(pattern, seen))
    default = {"kept": 0, "lost": (), "recovered": 0, "dropped": 0, "phantom": (), "duplicate": (), "holes": ()}
    for name, value in (default | {"acked": 0, "rejected": 0, "unknown": 0} | expected).items():
        assert getattr(found, name) == value, name


@pytest.mark.parametrize(
    ("pattern", "seen", "low", "high"),
    [
        ("aaaar", [1, 2], 0.9, 2.1),  # lost 3 and 4: from sending 3 to the refusal of 5; from its end to sending 4
        ("aaaabb", [1, 2, 3, 5, 6], 0.0, 1.1),
        ("aaaa", [1, 2], 0.9, None),  # nothing tells when the outage began
        ("aaurbbaar", [1, 2, 5, 7], 0.0, 1.1),  # two losses: the further one counts, here the same
    ],
)
def test_how_far_back_a_loss_reaches(pattern: str, seen: list[int], low: float, high: float | None) -> None:
    found = writes("dr-ops", channel(pattern, seen)).rpo
    assert found is not None
    assert found.low == pytest.approx(low)
    assert found.high == (None if high is None else pytest.approx(high))


def test_none_lost_is_no_proof_beyond_what_was_tried() -> None:
    found = writes("dr-ops", channel("a" * 300, range(1, 301)))
    assert (found.rpo, found.loss_bound) == (None, 0.01)
    assert writes("dr-ops", channel("r", [])).loss_bound is None
    assert writes("dr-ops", channel("a", [1])).loss_bound == 1.0


@pytest.mark.parametrize("read", [None, ReadBack({1: 1}, settled=False)])
def test_without_a_read_back_nothing_is_known_of_losses(read: ReadBack | None) -> None:
    found = writes("dr-ops", Channel("database", NS, NS, log("aa"), read))
    assert (found.read_back, found.acked, found.lost, found.kept) == (False, 2, (), 0)


def test_attempts_at_the_old_writer() -> None:
    found = writes("dr-ops", channel("aa", [1, 2], fenced="rurab"))
    assert (found.after_fence, found.acked_after_fence) == (5, 2)


def test_writes_are_probes_too() -> None:
    found = as_stream(channel("aaur", [1, 2]), 3, NS)
    assert [probe.ok for probe in found.probes] == [True, True, False, False]
    assert (found.name, found.timeout) == ("write:database", NS)


@settings(max_examples=200, deadline=None)
@given(st.text("abru", max_size=30), st.sets(st.integers(1, 30)))
def test_the_classes_add_up(pattern: str, seen: set[int]) -> None:
    found = writes("dr-ops", channel(pattern, sorted(seen)))
    assert found.kept + len(found.lost) == found.acked
    assert found.recovered + found.dropped == found.unknown
    assert set(found.holes) <= set(found.lost)
    assert (found.rpo is None) == (not found.lost)
    if isinstance(found.rpo, Interval) and found.rpo.high is not None:
        assert 0 <= found.rpo.low <= found.rpo.high
