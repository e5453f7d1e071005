"""Filling gaps from what the centers' Prometheus servers remember: what the watch missed, and what it was cut off from.

Two ways, for two gaps. While *the watch was away* nobody judged: the last hour of it is judged now, in order, on the
store itself, so that an outage that began meanwhile has its true beginning (:func:`catch_up`). While *a center was cut
off*, or longer ago, others were judged and their changes stand: what was learnt later is kept beside them, piece by
piece, and shows only where nothing was known (:func:`fill`, ``gaps.beneath``). Both may be interrupted and repeated.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from checks.check import Check
from checks.history import History, Read
from checks.result import Result
from inventory import subject
from inventory.model import Center, Estate
from state.cycle import Cycle
from state.gaps import PIECE, pieces, unseen
from state.replay import STEP, replay
from state.store import Store
from state.timeline import Span, timeline
from state.verdict import Availability, Change, Interval

RECORD = "backfill"  #: the kind of record that a filled piece is kept as
SETTLED = "backfill-settled"  #: the kind of record that says that every center was heard about a piece
RETRY = 600.0  #: seconds before a piece is tried again that a center could not be asked about
MOST = 3600.0  #: seconds up to which an absence is judged afterwards before the watch goes on
HORIZON = 86400.0  #: seconds back to which pieces are asked for; what is older stays unknown
LEAD = 300.0  #: seconds before a piece from which answers are read, so that it begins with something confirmed
_KNOWN = (Availability.UP, Availability.DEGRADED, Availability.DOWN)


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What came of judging an absence afterwards."""

    start: float
    end: float  #: the watch goes on from here
    changes: tuple[Change, ...]
    centers: Mapping[str, str]  #: what each said, the last time it was asked


def absence(store: Store, now: float) -> Span | None:
    """Since when the watch was away, as far back as is judged afterwards; None if it never was here, or only just."""
    last = max((ended for _, ended in store.watched()), default=None)
    if last is None or now - last < 2 * STEP:
        return None
    return max(last, now - MOST), now


def catch_up(
    cycle: Cycle,
    store: Store,
    estate: Estate,
    read: Read,
    clock: Callable[[], float],
    stopped: Callable[[], bool] = lambda: False,
) -> CaughtUp | None:
    """Judge what happened since the watch was last here, up to now or until ``stopped``; None if it never was away.

    Asked for piece by piece, so that whoever is killed goes on with the piece he was at. A center that cannot be asked
    once is not waited for again: the present is more urgent, and what it remembers is filled in later.
    """
    away = absence(store, clock())
    if away is None:
        return None
    at, changes, said = away[0], list[Change](), dict[str, str]()
    askable = list(estate.centers)
    while clock() - at >= 2 * STEP and not stopped():
        until = min(at + PIECE, clock())
        histories = _read(askable, read, at, until)
        said |= {center: history.sentence for center, history in histories.items()}
        askable = [center for center in askable if histories[center.id].answered]
        changes += replay(cycle, _answers(histories), at, until)
        at = until
    return CaughtUp(away[0], at, tuple(changes), said)


def pending(store: Store, estate: Estate, now: float, horizon: float = HORIZON) -> list[Span]:
    """The pieces that are not filled yet, newest first: what happened last is what people ask about."""
    done = {piece["start"] for piece in store.records(SETTLED, now - horizon - PIECE)}
    gaps = [gap for center in estate.centers for gap in _gaps(store, center.id, now, horizon)]
    return [piece for piece in reversed(pieces(gaps, now - horizon, now)) if piece[0] not in done]


def fill(store: Store, estate: Estate, checks: Iterable[Check], read: Read, piece: Span, now: float) -> dict[str, Any]:
    """Ask every center about a piece, judge what they say all together, and keep what comes of it; returns the record.

    A piece that is filled again (a center that was missing has come back) replaces what was learnt before.
    """
    start, end = piece
    histories = _read(estate.centers, read, start - LEAD, end)
    kept = {
        "start": start,
        "end": end,
        "filled_at": now,
        "centers": {center: history.sentence for center, history in histories.items()},
        "missing": [center for center, history in histories.items() if not history.answered],
        "parts": _parts(estate, tuple(checks), _answers(histories), piece),
    }
    store.put_record(RECORD, f"{start:.0f}", start, kept)
    if not kept["missing"]:
        store.put_record(SETTLED, f"{start:.0f}", start, {"start": start})
    return kept


@dataclass
class Filler:
    """Fills what is pending, one piece a call, the newest first; what a center is missing from is tried again later."""

    store: Store
    read: Read
    clock: Callable[[], float]
    _tried: dict[float, float] = field(default_factory=dict)  #: start of a piece -> when it was tried last

    def step(self, estate: Estate, checks: Iterable[Check]) -> int:
        """Fill one piece, if there is one to be filled now; returns how many are left."""
        now = self.clock()
        waiting = pending(self.store, estate, now)
        self._tried = {start: at for start, at in self._tried.items() if 0 <= now - at < RETRY}
        piece = next((piece for piece in waiting if piece[0] not in self._tried), None)
        if piece is None:
            return len(waiting)
        self._tried[piece[0]] = now
        return len(waiting) - (not fill(self.store, estate, checks, self.read, piece, now)["missing"])


def filled(store: Store, start: float, end: float) -> dict[str, tuple[Interval, ...]]:
    """What was learnt later about ``[start, end)``: subject -> stretches of which something is known by now."""
    found: defaultdict[str, list[Interval]] = defaultdict(list)
    for piece in store.records(RECORD, start - PIECE, end):
        for kind, began, ended, subjects in piece["parts"]:
            for about in subjects:
                found[about].append(Interval(began, ended, Availability(kind)))
    return {about: tuple(parts) for about, parts in found.items()}


def _gaps(store: Store, center: str, now: float, horizon: float) -> list[Span]:
    """When a center's voice did not reach the watch; never before the watch was first here."""
    start, about = now - horizon, subject.watch(center)
    first = min((began for began, _ in store.watched()), default=now)
    before = store.before(about, start)
    changes = [*([before] if before else []), *store.changes(start, now, about)]
    return unseen(changes, store.watched(start, now), max(start, first), now)


def _read(centers: Sequence[Center], read: Read, start: float, end: float) -> dict[str, History]:
    with ThreadPoolExecutor(max(1, len(centers)), thread_name_prefix="backfill") as threads:
        histories = list(threads.map(lambda center: read(center, start, end), centers))
    return {center.id: history for center, history in zip(centers, histories, strict=True)}


def _answers(histories: Mapping[str, History]) -> list[Result]:
    return [result for history in histories.values() for result in history.results]


def _parts(estate: Estate, checks: Sequence[Check], results: Sequence[Result], piece: Span) -> list[list[Any]]:
    """What is known of each subject in the piece, ``[class, start, end, subjects]``; judged in a store of its own."""
    start, end = piece
    with closing(Store.open("sqlite://")) as sandbox:
        changes = replay(Cycle(sandbox, estate, checks), results, start - LEAD, end)
        watched = sandbox.watched()
    groups: defaultdict[tuple[str, float, float], list[str]] = defaultdict(list)
    for about, part in _classes(changes, watched, start, end):
        groups[part.kind.value, part.start, part.end].append(about)
    return [[*key, sorted(about)] for key, about in sorted(groups.items())]


def _classes(
    changes: Iterable[Change], watched: Sequence[Span], start: float, end: float
) -> Iterator[tuple[str, Interval]]:
    by_subject: defaultdict[str, list[Change]] = defaultdict(list)
    for change in changes:
        by_subject[change.subject].append(change)
    for about, of_one in by_subject.items():
        for part in timeline(start, end, end, of_one, watched):
            if part.kind in _KNOWN:
                yield about, part
