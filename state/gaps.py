"""Which time nobody saw, and the pieces in which it is asked for afterwards. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from checks.result import Status
from state.timeline import Span, merged, timeline
from state.verdict import Availability, Change, Interval

PIECE = 300.0  #: seconds; pieces lie on a grid, so that the same time is always asked for under the same name
SETTLE = 60.0  #: seconds after its end before a piece is asked for: what was scraped last must have arrived


def unseen(changes: Iterable[Change], watched: Iterable[Span], start: float, end: float) -> list[Span]:
    """When a center's voice did not reach the watch in ``[start, end)``, from the changes of ``watch:<center>``.

    It was back when that was noticed, not when its first answer was asked for: what it said before was not heard.
    """
    heard = [replace(change, since=change.at) if change.new is Status.OK else change for change in changes]
    return [
        (part.start, part.end) for part in timeline(start, end, end, heard, watched) if part.kind is not Availability.UP
    ]


def pieces(gaps: Iterable[Span], since: float, now: float) -> list[Span]:
    """The pieces that gaps touch, oldest first, each once; none from before ``since``, none that is still going on."""
    starts = {
        number * PIECE
        for start, end in gaps
        if start < end
        for number in range(math.floor(max(start, since) / PIECE), math.ceil(end / PIECE))
    }
    return [(start, start + PIECE) for start in sorted(starts) if since <= start and start + PIECE + SETTLE <= now]


def beneath(line: Sequence[Interval], filled: Collection[Interval]) -> tuple[Interval, ...]:
    """A timeline with what was learnt later put beneath it: it shows only where nothing was known at the time.

    What the watch saw itself, and planned time, is never overwritten; where ``filled`` says nothing, or says nothing
    certain, unknown stays unknown. Putting the same beneath it twice changes nothing.
    """
    later = sorted((part for part in filled if part.kind in _KNOWN and part.start < part.end), key=_began)
    shown: list[Interval] = []
    for part in line:
        shown += _shown(part, later) if part.kind in _UNSEEN else [part]
    return merged(shown)


_UNSEEN = (Availability.UNKNOWN, Availability.PATH)
_KNOWN = (Availability.UP, Availability.DEGRADED, Availability.DOWN)


def _shown(part: Interval, later: Sequence[Interval]) -> list[Interval]:
    """An unseen stretch, cut into what is known of it by now and what is not."""
    found, at = [], part.start
    for one in later:
        start, end = max(one.start, at), min(one.end, part.end)
        if start >= end:
            continue
        if at < start:
            found.append(Interval(at, start, part.kind))
        found.append(Interval(start, end, one.kind))
        at = end
    return [*found, Interval(at, part.end, part.kind)] if at < part.end else found


def _began(part: Interval) -> float:
    return part.start
