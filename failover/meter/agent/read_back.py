"""Reading the canaries back at the end: a fresh session each time, until two reads are equal."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from failover.meter.agent.canaries import Read, read
from failover.meter.agent.clock import Clock
from failover.meter.agent.envelopes import waiting
from failover.meter.agent.files import Log
from failover.meter.agent.settings import Channel
from failover.meter.agent.sftp_wire import SftpError
from failover.remote.pg_wire import WireError

PATIENCE = 30  #: seconds for all of it
_BETWEEN = 0.3  #: seconds between two reads
_ONE = 10.0  #: seconds for one


def read_back(
    channel: Channel, run: str, vantage: str, direct: tuple[str, int] | None, clock: Clock, log: Log, folder: Path
) -> bool:
    """Write what was read to the log; whether this vantage's own numbers are settled.

    Everything of the run is read, so that the numbers of a vantage that died are known as well.
    """
    entries = [direct] if direct else [*channel.entries]
    until = time.monotonic() + PATIENCE
    before: Read | None = None
    while time.monotonic() < until:
        line = {"ch": channel.name, "a": clock.mono_ns()}
        try:
            one = min(until, time.monotonic() + _ONE)
            # First the inbox: what the loader takes out of it meanwhile is in the table when that is read.
            held = waiting(channel.inbox, run, vantage, folder, one) if channel.inbox else frozenset()
            now = _with(held, vantage, read(channel, run, entries, one))
        except (WireError, SftpError, ValueError, IndexError) as error:
            log.add(line | {"b": clock.mono_ns(), "w": str(error)[:200]})
            before = None
        else:
            log.add(line | {"b": clock.mono_ns(), "c": now.server, "standby": now.standby})
            if before and not now.standby and now.server == before.server and _same(vantage, now, before):
                if now.waiting:
                    log.add({"ch": channel.name, "v": vantage, "waiting": now.waiting})
                _write(channel.name, [name for name in now.seen if _same(name, now, before)], vantage, now, log)
                return True
            before = now
        time.sleep(_BETWEEN)
    return False


def _with(held: Collection[int], vantage: str, found: Read) -> Read:
    """What the table holds, and what waits to be loaded into it."""
    numbers = found.seen.get(vantage, ())
    waits = sorted(set(held).difference(numbers))
    return replace(found, seen={**found.seen, vantage: (*numbers, *waits)}, waiting=len(waits))


def _same(vantage: str, one: Read, two: Read) -> bool:
    return sorted(one.seen.get(vantage, ())) == sorted(two.seen.get(vantage, ()))


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
