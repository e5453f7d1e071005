"""How long clients were without the service: an interval that surely holds the truth, from probes. Pure.

A good probe proves that the service was up at *some* instant between its sending and its end, a failed one that it was
down at some instant; nothing more is ever concluded. Specification: drill-anchors 4.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from failover.measured import Interval, Outage
from failover.meter.samples import NS, Blind, Probe, Stream


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
    blind = _blind(stream, probes)
    episodes = list(_episodes(stream, probes, blind))
    intervals = [_interval(episode, probes) for episode in episodes]
    hidden = _hidden(stream, probes, blind)
    down = [seconds for episode in episodes for seconds in _down(episode)]
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
    worst = max(range(len(episodes)), key=lambda at: _weight(intervals[at]))
    seen = replace(seen, rto=_widened(intervals[worst], hidden), down=sum(down), longest=max(down))
    return _stamped(seen, episodes[worst])


def headline(outages: Sequence[Outage]) -> Outage | None:
    """The worst of all vantages and streams; None when nowhere an outage was seen."""
    seen = [one for one in outages if one.rto is not None]
    return max(seen, key=lambda one: _weight(one.rto or Interval(0.0, 0.0)), default=None)


def _weight(interval: Interval) -> tuple[float, float]:
    return (float("inf") if interval.high is None else interval.high, interval.low)


def _blind(stream: Stream, probes: Sequence[Probe]) -> list[Blind]:
    """Where nobody looked: what the meter said, and every hole in the schedule that it could not say."""
    holes = [Blind(one.sent, two.sent) for one, two in pairwise(probes) if two.sent - one.sent > 2 * stream.period]
    return [*stream.blind, *holes]


def _episodes(stream: Stream, probes: Sequence[Probe], blind: Sequence[Blind]) -> Iterator[_Episode]:
    before: Probe | None = None
    at = 0
    while at < len(probes):
        if probes[at].ok:
            before, at = probes[at], at + 1
            continue
        start = at
        run = next(_stable_runs(stream, probes, start, blind), None)
        end = run[0] if run else len(probes)
        part = probes[start:end]
        failed = tuple(probe for probe in part if not probe.ok)
        known = min(probe.done for probe in failed)
        # A good answer that came after the first failure was known may be from after the outage.
        sure = [probe for probe in probes[:start] if probe.ok and probe.done <= known]
        between = tuple(probe for probe in part if probe.ok)
        yield _Episode(sure[-1] if sure else before, failed, between, tuple(probes[end : run[1]]) if run else ())
        at = run[1] if run else len(probes)
        before = probes[at - 1]


def _stable_runs(
    stream: Stream, probes: Sequence[Probe], start: int, blind: Sequence[Blind]
) -> Iterator[tuple[int, int]]:
    """Runs of good probes, many enough and long enough, in which somebody looked all the time: first and end."""
    first: int | None = None
    for at in range(start, len(probes)):
        if not probes[at].ok:
            first = None
            continue
        if first is not None and any(probes[at - 1].sent < gap.end and gap.start < probes[at].sent for gap in blind):
            first = None
        if first is None:
            first = at
        lasted = probes[at].done - probes[first].sent
        if at - first + 1 >= stream.stable_count and lasted >= stream.stable_over:
            yield first, at + 1
            return


def _interval(episode: _Episode, probes: Sequence[Probe]) -> Interval:
    """Low: from the first sure sign that it was down to the last. High: between the nearest sure signs of being up."""
    low = max(0, episode.last_fail - episode.first_fail) / NS
    if not episode.run or episode.before is None:
        return Interval(low, None)
    hull = episode.run[0].done - episode.before.sent
    return Interval(low, max(hull, _longest_fit(episode, probes)) / NS)


def _longest_fit(episode: _Episode, probes: Sequence[Probe]) -> int:
    """The longest single outage that contradicts no probe: it meets every failed one and swallows no good one.

    Probes overlap, so a good answer may be older or younger than the outage; this looks at every possibility.
    """
    fits = (end - begin for begin, end in _possible(probes) if begin <= episode.first_fail and end >= episode.last_fail)
    return max(fits, default=0)


def _possible(probes: Sequence[Probe]) -> Iterator[tuple[int, int]]:
    """Every stretch that could be an outage as far as the good probes know, and cannot be made longer."""
    good = [probe for probe in probes if probe.ok]
    earliest_end = [probe.done for probe in good]
    for at in range(len(good) - 2, -1, -1):
        earliest_end[at] = min(earliest_end[at], earliest_end[at + 1])
    yield from ((one.sent, end) for one, end in zip(good, earliest_end[1:], strict=False))


def _hidden(stream: Stream, probes: Sequence[Probe], blind: Sequence[Blind]) -> int:
    """The longest outage that could have passed while the meter was blind; 0 if it never was."""
    if not blind:
        return 0
    longest = max((end - begin for begin, end in _possible(probes)), default=0)
    return longest if longest > 2 * stream.period else 0


def _widened(interval: Interval, hidden: int) -> Interval:
    if interval.high is None:
        return interval
    return Interval(interval.low, max(interval.high, hidden / NS))


def _down(episode: _Episode) -> Iterator[float]:
    """Seconds of each unbroken stretch of failures, to the next good probe or to the last failure."""
    ends = [*episode.between, *episode.run[:1]]
    left = list(episode.failed)
    while left:
        end = next((good.sent for good in ends if good.sent >= left[0].sent), max(left[-1].done, left[0].sent))
        yield (end - left[0].sent) / NS
        left = [probe for probe in left if probe.sent > end]


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
