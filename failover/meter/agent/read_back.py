"""Reading the canaries back at the end: a fresh session each time, until two reads are equal."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from failover.meter.agent.canaries import Read, read
from failover.meter.agent.clock import Clock
from failover.meter.agent.files import Log
from failover.meter.agent.settings import Channel
from failover.remote.pg_wire import WireError

PATIENCE = 30  #: seconds for all of it
_BETWEEN = 0.3  #: seconds between two reads
_ONE = 10.0  #: seconds for one


def read_back(channel: Channel, run: str, vantage: str, direct: tuple[str, int] | None, clock: Clock, log: Log) -> bool:
    """Write what was read to the log; whether this vantage's own numbers are settled.

    Everything of the run is read, so that the numbers of a vantage that died are known as well.
    """
    entries = [direct] if direct else [*channel.entries]
    until = time.monotonic() + PATIENCE
    before: Read | None = None
    while time.monotonic() < until:
        line = {"ch": channel.name, "a": clock.mono_ns()}
        try:
            now = read(channel, run, entries, min(until, time.monotonic() + _ONE))
        except (WireError, ValueError, IndexError) as error:
            log.add(line | {"b": clock.mono_ns(), "w": str(error)[:200]})
            before = None
        else:
            log.add(line | {"b": clock.mono_ns(), "c": now.server, "standby": now.standby})
            if before and not now.standby and now.server == before.server and _same(vantage, now, before):
                _write(channel.name, [name for name in now.seen if _same(name, now, before)], vantage, now, log)
                return True
            before = now
        time.sleep(_BETWEEN)
    return False


def _same(vantage: str, one: Read, two: Read) -> bool:
    return one.seen.get(vantage, ()) == two.seen.get(vantage, ())


def _write(name: str, settled: Sequence[str], vantage: str, found: Read, log: Log) -> None:
    """The numbers as ranges, a line a vantage; those that are there more than once by themselves."""
    for one in sorted({*settled, vantage}):
        numbers = found.seen.get(one, ())
        ranges = _ranges(sorted(set(numbers)))
        log.add({"ch": name, "v": one[:200], "settled": True})
        for at in range(0, len(ranges), 100):
            log.add({"ch": name, "v": one[:200], "seen": ranges[at : at + 100]})
        for seq, times in Counter(numbers).items():
            if times > 1:
                log.add({"ch": name, "v": one[:200], "twice": [seq, times]})


def _ranges(numbers: Sequence[int]) -> list[list[int]]:
    """Consecutive numbers as first and last."""
    if not numbers:
        return []
    breaks = [at for at, (one, two) in enumerate(pairwise(numbers), start=1) if two != one + 1]
    starts, ends = [0, *breaks], [*breaks, len(numbers)]
    return [[numbers[start], numbers[end - 1]] for start, end in zip(starts, ends, strict=True)]
