"""From changes to intervals: every instant of a period has exactly one class. Pure.

A state is never carried across a time in which the watch was away, and nothing is said about the future. Planned time
(out of service hours, maintenance, drills) lies over what was observed; what was observed beneath it stays available by
asking without the plan.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

from checks.result import Status
from state.verdict import Availability, Change, Fault, Interval

Span = tuple[float, float]  #: ``[start, end)`` in Unix seconds

_PRIORITY = list(Availability)
_OBSERVED = {Status.OK: Availability.UP, Status.DEGRADED: Availability.DEGRADED, Status.DOWN: Availability.DOWN}
_PATH = (Fault.LINK, Fault.ISOLATED, Fault.WATCH)  #: unknown because we could not look, not because nothing was said


def timeline(
    start: float,
    end: float,
    now: float,
    changes: Iterable[Change],
    watched: Iterable[Span],
    planned: Iterable[Interval] = (),
) -> tuple[Interval, ...]:
    """The classes of ``[start, min(end, now))`` for one subject, in order, without gaps or overlaps.

    Args:
        start: of the period, Unix seconds, like every time here.
        end: of the period.
        now: time after it is not classified.
        changes: all changes of the subject in the period and the last one before it (the state it began in); their
            order and repetitions do not matter. Where two speak of one time, the one recorded later is right.
        watched: when the watch lived; outside of it everything is unknown.
        planned: OUT, MAINT and DRILL intervals, approved before they began.
    """
    end = min(end, now)
    if start >= end:
        return ()
    observed = _observed(changes)
    spans = _union(watched)
    plans = [plan for plan in planned if plan.end > start and plan.start < end]
    cuts = {start, end, *(at for at, _ in observed), *(edge for span in spans for edge in span)}
    cuts |= {edge for plan in plans for edge in (plan.start, plan.end)}
    inside = sorted(cut for cut in cuts if start <= cut <= end)
    return merged(Interval(a, b, _class(a, observed, spans, plans)) for a, b in pairwise(inside))


def compose(timelines: Sequence[Sequence[Interval]], needs: int) -> tuple[Interval, ...]:
    """The timeline of a whole that works while ``needs`` of its parts do; three-valued at every instant.

    All timelines cover the same period. Planned time of the whole is put over it by the caller, not composed.
    """
    if not timelines:
        return ()
    cuts = sorted({edge for line in timelines for part in line for edge in (part.start, part.end)})
    return merged(Interval(a, b, _k_of_n([_at(line, a) for line in timelines], needs)) for a, b in pairwise(cuts))


def merged(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Neighbours of one class as one interval."""
    found: list[Interval] = []
    for each in intervals:
        if found and found[-1].kind is each.kind and found[-1].end == each.start:
            each = Interval(found.pop().start, each.end, each.kind)  # noqa: PLW2901
        found.append(each)
    return tuple(found)


def _observed(changes: Iterable[Change]) -> list[tuple[float, Availability]]:
    """Where which class begins. A change that is dated back over an earlier one replaces it from there on."""
    begins: list[tuple[float, Availability]] = []
    for change in sorted(changes, key=lambda each: (each.id or 0, each.at, each.since)):
        while begins and begins[-1][0] >= change.since:
            begins.pop()
        begins.append((change.since, _seen_as(change)))
    return begins


def _seen_as(change: Change) -> Availability:
    if change.new in _OBSERVED:
        return _OBSERVED[change.new]
    return Availability.PATH if change.fault in _PATH and change.cause else Availability.UNKNOWN


def _union(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for began, ended in sorted(span for span in spans if span[0] < span[1]):
        if joined and began <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], ended))
        else:
            joined.append((began, ended))
    return joined


def _class(
    at: float, observed: list[tuple[float, Availability]], spans: list[Span], plans: list[Interval]
) -> Availability:
    """The class of the instant ``at``; within an elementary interval it is that of its beginning."""
    planned = [plan.kind for plan in plans if plan.start <= at < plan.end]
    if planned:
        return min(planned, key=_PRIORITY.index)
    span = bisect_right(spans, at, key=_began) - 1
    if span < 0 or at >= spans[span][1]:
        return Availability.UNKNOWN
    last = bisect_right(observed, at, key=_began) - 1
    return observed[last][1] if last >= 0 else Availability.UNKNOWN


def _began(pair: tuple[float, object]) -> float:
    return pair[0]


def _at(line: Sequence[Interval], at: float) -> Availability:
    return next((part.kind for part in line if part.start <= at < part.end), Availability.UNKNOWN)


def _k_of_n(kinds: list[Availability], needs: int) -> Availability:
    up = sum(kind in (Availability.UP, Availability.DEGRADED) for kind in kinds)
    down = kinds.count(Availability.DOWN)
    if kinds and up >= needs:
        return Availability.UP if kinds.count(Availability.UP) == len(kinds) else Availability.DEGRADED
    return Availability.DOWN if len(kinds) - down < needs else Availability.UNKNOWN
