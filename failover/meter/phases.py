"""The outage in parts: who or what it waited for. The parts add up to the whole, whatever is missing. Pure.

Specification: drill-anchors 4.2. Stamps come from two places: the probes of the vantage that was worst off, brought to
the desk's clock, and the run's journal. A stamp that is missing or out of order gives its part no length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from failover.measured import Outage, Phase
from failover.records import Kind, Record

#: each phase and what ends it
NAMES = ("occur", "detect", "decide", "mobilise", "execute", "propagate", "settle")


def phases(worst: Outage | None, records: Sequence[Record], bring: Callable[[int], int]) -> tuple[Phase, ...]:
    """The phases of the worst outage; ``bring`` turns the vantage's instants into the desk's. No end: none."""
    if worst is None or worst.last_ok is None or worst.first_fail is None:
        return ()
    if worst.first_ok is None or worst.stable is None:
        return ()
    begin, end = bring(worst.last_ok), bring(worst.stable)
    ends: list[tuple[int | None, str]] = [
        (bring(worst.first_fail), ""),
        _alarm(records),
        *(_when(found) for found in _found(records)),
        (bring(worst.first_ok), ""),
        (end, ""),
    ]
    # Nothing can end after the service was back, except settling.
    latest = [bring(worst.first_ok)] * (len(ends) - 1) + [end]
    return tuple(_laid(begin, ends, latest))


def _laid(begin: int, ends: Sequence[tuple[int | None, str]], latest: Sequence[int]) -> Iterator[Phase]:
    at = begin
    for name, (stamp, actor), limit in zip(NAMES, ends, latest, strict=True):
        end = max(at, min(at if stamp is None else stamp, limit))
        yield Phase(name, at, end, actor if stamp is not None else "")
        at = end


def _found(records: Sequence[Record]) -> Iterator[Record | None]:
    """What ends decide, mobilise and execute."""
    yield _first(records, lambda one: one.kind is Kind.DECIDED)
    yield _first(records, lambda one: one.kind is Kind.INTENT)
    yield _first(records, _promoted)


def _alarm(records: Sequence[Record]) -> tuple[int | None, str]:
    """When the watch knew, where a decision names it (``alarm_ns`` of its payload); a planned run needs no alarm."""
    decided = _first(records, lambda one: one.kind is Kind.DECIDED)
    stamp = decided.payload.get("alarm_ns") if decided else None
    return (stamp, "watch") if isinstance(stamp, int) else (None, "")


def _promoted(record: Record) -> bool:
    """The reply that says that there is a new writer."""
    payload = record.payload
    return record.kind is Kind.REPLY and payload.get("action") == "pg-promote" and payload.get("outcome") == "done"


def _first(records: Iterable[Record], fits: Callable[[Record], bool]) -> Record | None:
    return next((record for record in records if fits(record)), None)


def _when(record: Record | None) -> tuple[int | None, str]:
    return (None, "") if record is None else (record.mono_ns, record.actor)
