"""What the watch remembers of a writer that is silent now: whom it waited for, and since when it is silent. Pure.

A commit that waits for its copy goes on waiting when that copy is gone, so a copy that was synchronous when the writer
was last heard has all that was acknowledged after that as well, unless somebody changed the setting in between. So the
last word counts only when it was spoken right before the silence: the watch looked, and at its next look there was no
answer. Anything else stays unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from checks.check import Check
from failover.seen import Heard
from state import heard
from state.signals import DELIVERY, Signal, speaks_for

Record = Mapping[str, Any]


def last_heard(
    checks: Iterable[Check], host: str, records: Iterable[Record], signals: Iterable[Signal], now: float
) -> Heard:
    """What is known of the database on a host; ``records`` are of ``state.heard.KIND``."""
    here = {one.id: one for one in checks if one.host and one.host.id == host}
    asks = {name: one for name, one in here.items() if one.kind == "postgres"}
    mine = [signal for signal in signals if signal.key[0] in here]
    told = [one for one in records if one.get("check") in asks and 0 <= _at(one) <= now]
    if not told:
        return Heard()
    last = max(told, key=_at)
    lost = _lost(last, (signal for signal in mine if signal.key[0] in asks), now)
    until, grace = (min(lost), 0.0) if lost else (now, DELIVERY)
    right_before = until - _at(last) <= speaks_for(asks[str(last["check"])]) + grace
    silent_for = _silent_for(mine, now) if lost else None
    return Heard(heard.synchronous(last) if right_before else None, now - _at(last), silent_for)


def _lost(last: Record, signals: Iterable[Signal], now: float) -> list[float]:
    """Since when each vantage has had no answer of the database, of those that lost it after the last word."""
    begun = (signal.fails_since for signal in signals)
    return [since for since in begun if since is not None and _at(last) <= since <= now]


def _silent_for(signals: Sequence[Signal], now: float) -> float | None:
    """Since when nothing on the host answers; a database that only lets the watch in no more may still write."""
    if any(signal.works_after(float("-inf")) and not signal.stale(now) for signal in signals):
        return None
    ends = [max(signal.fails_since or float("-inf"), signal.newest_success) for signal in signals]
    return now - max(ends) if ends and max(ends) <= now else None


def _at(record: Record) -> float:
    at = record.get("at")
    return float(at) if isinstance(at, int | float) else float("-inf")
