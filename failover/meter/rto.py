"""How long clients were without the service: an interval that surely holds the truth, from probes. Pure.

A good probe proves that the service was up at *some* instant between its sending and its end, a failed one that it was
down at some instant; nothing more is ever concluded. Specification: drill-anchors 4.2.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TypeAlias

from failover.measured import Interval, Outage
from failover.meter.samples import NS, Probe, Stream

#: begins and ends, both in order
_Possible: TypeAlias = tuple[list[int], list[int]]


@dataclass(frozen=True, slots=True)
class _Episode:
    """From a first failure to a stable service; ``run`` is empty when no end was seen."""

    before: Probe | None  #: the last good one
    failed: tuple[Probe, ...]
    between: tuple[Probe, ...]  #: good ones in between: it flapped
    run: tuple[Probe, ...]  #: the stable run, as far as it is needed to call it stable

    @property
    def first_fail(self) -> int:
        """When a failure was first known."""
        return min(probe.done for probe in self.failed)

    @property
    def last_fail(self) -> int:
        """When the last probe that failed was sent."""
        return max(probe.sent for probe in self.failed)


def outage(vantage: str, stream: Stream) -> Outage:
    """The worst outage that a stream of probes saw, or that it saw none."""
    probes = sorted(stream.probes, key=lambda probe: (probe.sent, probe.done))
    watched = _watched(stream, probes)
    possible = _possible(probes)
    episodes = list(_episodes(stream, probes, watched))
    hidden = 0 if all(watched) and not stream.blind else _hidden(stream, possible)
    resolution = (stream.period + stream.timeout) / NS
    seen = Outage(
        vantage,
        stream.name,
        sent=len(probes),
        failed=sum(not probe.ok for probe in probes),
        period=stream.period / NS,
        timeout=stream.timeout / NS,
        rto=Interval(0.0, max(hidden / NS, resolution)) if hidden else None,
        resolution=resolution,
        notes=tuple(dict.fromkeys(_notes(stream, episodes, hidden))),
    )
    if not episodes:
        return seen
    intervals = [_interval(episode, possible) for episode in episodes]
    down = [seconds for episode in episodes for seconds in _down(episode)]
    worst = max(range(len(episodes)), key=lambda at: _weight(intervals[at]))
    seen = replace(seen, rto=_widened(intervals[worst], hidden), down=sum(down), longest=max(down))
    return _stamped(seen, episodes[worst])


def headline(outages: Sequence[Outage]) -> Outage | None:
    """The worst of all vantages and streams; None when nowhere an outage was seen."""
    seen = [one for one in outages if one.rto is not None]
    return max(seen, key=lambda one: _weight(one.rto or Interval(0.0, 0.0)), default=None)


def _weight(interval: Interval) -> tuple[float, float]:
    return (float("inf") if interval.high is None else interval.high, interval.low)


def _watched(stream: Stream, probes: Sequence[Probe]) -> list[bool]:
    """For each probe, whether somebody looked all the time since the one before: by what the meter said of itself,
    and by every hole in the schedule that it could not say."""
    sent = [probe.sent for probe in probes]
    watched = [at == 0 or sent[at] - sent[at - 1] <= 2 * stream.period for at in range(len(sent))]
    for gap in stream.blind:
        for at in range(bisect_right(sent, gap.start), len(sent)):
            watched[at] = False
            if sent[at] >= gap.end:
                break
    return watched


def _episodes(stream: Stream, probes: Sequence[Probe], watched: Sequence[bool]) -> Iterator[_Episode]:
    at = 0
    while at < len(probes):
        if probes[at].ok:
            at += 1
            continue
        start = at
        run = _stable_run(stream, probes, start, watched)
        end = run[0] if run else len(probes)
        failed = tuple(probe for probe in probes[start:end] if not probe.ok)
        between = tuple(probe for probe in probes[start:end] if probe.ok)
        before = _last_good(probes, start, min(probe.done for probe in failed))
        yield _Episode(before, failed, between, tuple(probes[end : run[1]]) if run else ())
        at = run[1] if run else len(probes)


def _last_good(probes: Sequence[Probe], start: int, known: int) -> Probe | None:
    """The last good one before a failure was ``known``: an answer that came later may be from after the outage."""
    before = (probes[at] for at in range(start - 1, -1, -1))
    return next((probe for probe in before if probe.ok and probe.done <= known), None)


def _stable_run(stream: Stream, probes: Sequence[Probe], start: int, watched: Sequence[bool]) -> tuple[int, int] | None:
    """The first run of good probes, many enough and long enough, in which somebody looked all the time."""
    first: int | None = None
    for at in range(start, len(probes)):
        if not probes[at].ok:
            first = None
            continue
        if first is None or not watched[at]:
            first = at
        lasted = probes[at].done - probes[first].sent
        if at - first + 1 >= stream.stable_count and lasted >= stream.stable_over:
            return first, at + 1
    return None


def _interval(episode: _Episode, possible: _Possible) -> Interval:
    """Low: from the first sure sign that it was down to the last. High: between the nearest sure signs of being up."""
    low = max(0, episode.last_fail - episode.first_fail) / NS
    if not episode.run or episode.before is None:
        return Interval(low, None)
    hull = episode.run[0].done - episode.before.sent
    return Interval(low, max(hull, _longest_fit(episode, possible)) / NS)


def _longest_fit(episode: _Episode, possible: _Possible) -> int:
    """The longest single outage that contradicts no probe: it meets every failed one and swallows no good one.

    Probes overlap, so a good answer may be older or younger than the outage; this looks at every possibility.
    """
    begins, ends = possible
    fits = range(bisect_left(ends, episode.last_fail), bisect_right(begins, episode.first_fail))
    return max((ends[at] - begins[at] for at in fits), default=0)


def _possible(probes: Sequence[Probe]) -> _Possible:
    """Every stretch that could be an outage as far as the good probes know, and cannot be made longer; in order."""
    good = [probe for probe in probes if probe.ok]
    ends = list(accumulate((probe.done for probe in reversed(good)), min))[::-1]
    return [probe.sent for probe in good[:-1]], ends[1:]


def _hidden(stream: Stream, possible: _Possible) -> int:
    """The longest outage that could have passed while the meter was blind."""
    longest = max((end - begin for begin, end in zip(*possible, strict=True)), default=0)
    return longest if longest > 2 * stream.period else 0


def _widened(interval: Interval, hidden: int) -> Interval:
    if interval.high is None:
        return interval
    return Interval(interval.low, max(interval.high, hidden / NS))


def _down(episode: _Episode) -> Iterator[float]:
    """Seconds of each unbroken stretch of failures, to the next good probe or to the end of the last failure."""
    began: int | None = None
    for probe in sorted((*episode.failed, *episode.between, *episode.run[:1]), key=lambda one: one.sent):
        if not probe.ok:
            began = probe.sent if began is None else began
        elif began is not None:
            yield (probe.sent - began) / NS
            began = None
    if began is not None:
        yield (episode.failed[-1].done - began) / NS


def _stamped(outage: Outage, episode: _Episode) -> Outage:
    return replace(
        outage,
        last_ok=episode.before.sent if episode.before else None,
        first_fail=episode.first_fail,
        last_fail=episode.last_fail,
        first_ok=episode.run[0].done if episode.run else None,
        stable=max(probe.done for probe in episode.run) if episode.run else None,
    )


def _notes(stream: Stream, episodes: Sequence[_Episode], hidden: int) -> Iterator[str]:
    yield from stream.notes
    if hidden:
        yield "prober-gap"
    if any(not episode.run for episode in episodes):
        yield "no-end"
    if any(episode.before is None for episode in episodes):
        yield "no-start"
    if any(good.sent < episode.last_fail for episode in episodes for good in episode.between):
        yield "flapping"
    if len(episodes) > 1:
        yield "again"
    if any(probe.why == "content" for probe in stream.probes):
        yield "wrong-content"
