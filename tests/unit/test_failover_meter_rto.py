"""The recovery time from probes: the truth lies inside the interval, whatever the outage and the blind spots."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from failover.measured import Interval, Outage
from failover.meter.rto import headline, outage
from failover.meter.samples import NS, Blind, Probe, Stream

MS = 1_000_000


def stream(probes: Sequence[Probe], stable_over: float = 0.3) -> Stream:
    period, timeout = round(0.1 * NS), round(0.5 * NS)
    return Stream("fresh", period, timeout, tuple(probes), stable_count=3, stable_over=round(stable_over * NS))


def ticks(pattern: str, period: float = 0.1, took: float = 0.01) -> list[Probe]:
    """``+`` good, ``-`` failed, ``c`` wrong content, ``.`` not sent."""
    found = []
    for at, sign in enumerate(pattern):
        sent = round(at * period * NS)
        if sign != ".":
            found.append(Probe(sent, sent + round(took * NS), sign == "+", "content" if sign == "c" else ""))
    return found


def seen(pattern: str) -> Outage:
    return outage("dr-ops", stream(ticks(pattern)))


@pytest.mark.parametrize(
    ("pattern", "low", "high", "notes"),
    [
        ("+++---+++++", 0.19, 0.41, ()),
        ("+++-+++++", 0.0, 0.21, ()),
        ("+++-+-+++++", 0.19, 0.41, ("flapping",)),
        ("+++---", 0.19, None, ("no-end",)),
        ("+++---++", 0.19, None, ("no-end",)),
        ("---+++++", 0.19, None, ("no-start",)),
        ("+++-+++++--+++++", 0.09, 0.31, ("again",)),  # the longer of two
        ("+++..--..+++++", 0.09, 0.71, ("prober-gap",)),
        ("+++---+..+++++", 0.19, 0.71, ("prober-gap",)),  # who was blind saw no stable run
        ("+++cc+++++", 0.09, 0.31, ("wrong-content",)),
        ("+++-+++++....+++++", 0.0, 0.51, ("prober-gap",)),  # a longer one may hide in the blind time
    ],
)
def test_an_outage_is_an_interval(pattern: str, low: float, high: float | None, notes: tuple[str, ...]) -> None:
    found = seen(pattern)
    assert found.rto is not None
    assert found.rto.low == pytest.approx(low)
    assert found.rto.high == (None if high is None else pytest.approx(high))
    assert found.notes == notes


def test_no_outage_seen_is_not_zero() -> None:
    found = seen("++++++++")
    assert (found.rto, found.resolution, found.sent, found.failed) == (None, 0.6, 8, 0)


def test_nothing_seen_at_all() -> None:
    assert outage("dr-ops", stream([])).sent == 0


def test_blind_all_the_time_that_matters() -> None:
    found = seen("+++......+++")
    assert found.rto == Interval(0.0, 0.71)
    assert found.notes == ("prober-gap",)


def test_the_stamps() -> None:
    found = seen("+++---+++++")
    stamps = (found.last_ok, found.first_fail, found.last_fail, found.first_ok, found.stable)
    assert stamps == (200 * MS, 310 * MS, 500 * MS, 610 * MS, 910 * MS)
    assert (found.down, found.longest) == pytest.approx((0.3, 0.3))


def test_flapping_adds_up() -> None:
    found = seen("+++-+--+++++")
    assert (found.down, found.longest) == pytest.approx((0.3, 0.2))


def test_the_headline_is_the_worst() -> None:
    none, short, long, endless = (seen(text) for text in ("++++++", "++-++++++", "++----++++++", "++--"))
    assert headline([none]) is None
    assert headline([none, short, long]) is long
    assert headline([short, endless, long]) is endless


# The truth, simulated: an outage from ``begin`` to ``end``, and a service that is then refused, mute, or cut off.


def answered(rng: random.Random, sent: int, begin: int, end: int, mode: str, timeout: int) -> Probe:
    """What one probe sees of it."""
    arrives = sent + rng.randrange(1, 8) * MS
    takes = rng.randrange(1, 12) * MS
    if not begin <= arrives < end and not (arrives < begin <= arrives + takes and mode == "reset"):
        return Probe(sent, arrives + takes, True)
    if mode == "refuse":
        return Probe(sent, arrives + MS, False, "refused")
    if mode == "reset":
        return Probe(sent, max(begin, arrives) + MS, False, "reset")
    if mode == "held" and end + takes <= sent + timeout:  # it hangs, and is served once the service is back
        return Probe(sent, end + takes, True)
    return Probe(sent, sent + timeout, False, "timeout")


def simulated(seed: int) -> tuple[Stream, int, int]:
    rng = random.Random(seed)
    period, timeout = rng.choice([20, 50, 100, 200]) * MS, rng.choice([100, 300, 1000]) * MS
    begin = 3 * NS + rng.randrange(NS)
    end = begin + rng.randrange(1, 3000) * MS
    mode = rng.choice(["refuse", "reset", "mute", "held"])
    probes = []
    sent = rng.randrange(period)
    gaps = []
    while sent < end + 5 * NS:
        probes.append(answered(rng, sent, begin, end, mode, timeout))
        late = rng.randrange(period // 3)
        if rng.random() < 0.01:  # the prober is paused
            late += rng.randrange(3, 12) * period
            gaps.append(Blind(sent, sent + period + late))
        sent += period + late
    if rng.random() < 0.5:
        gaps = []  # the meter could not say so: the schedule's holes must do
    found = Stream("fresh", period, timeout, tuple(rng.sample(probes, len(probes))), tuple(gaps), 3, 300 * MS)
    return found, begin, end


@pytest.mark.parametrize("seeds", [range(at, at + 100) for at in range(0, 1000, 100)])
def test_the_truth_lies_inside(seeds: Sequence[int]) -> None:
    for seed in seeds:
        told, begin, end = simulated(seed)
        found = outage("v", told)
        truth = (end - begin) / NS
        if found.rto is None:
            assert truth <= found.resolution, seed
        else:
            assert found.rto.low <= truth <= (found.rto.high or float("inf")), seed
            assert found.rto.high is not None, seed


def test_the_interval_is_no_wider_than_the_probes_are_coarse() -> None:
    """Without blind spots: twice a period and a time-out, and the answers' own time."""
    for seed in range(1000):
        told, _, _ = simulated(seed)
        found = outage("v", told)
        if "prober-gap" in found.notes or found.rto is None or found.rto.high is None:
            continue
        slack = 2 * (told.period * 4 / 3 + told.timeout + 40 * MS) / NS
        assert found.rto.high - found.rto.low <= slack, seed


def test_a_shift_of_the_clock_as_a_whole_changes_nothing() -> None:
    told, _, _ = simulated(7)
    moved = [replace(one, sent=one.sent + 3600 * NS, done=one.done + 3600 * NS) for one in told.probes]
    blind = [Blind(one.start + 3600 * NS, one.end + 3600 * NS) for one in told.blind]
    assert outage("v", replace(told, probes=tuple(moved), blind=tuple(blind))).rto == outage("v", told).rto
