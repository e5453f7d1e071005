"""What a meter's logs hold, as values: probes, canary writes, what was read back, and where the meter was blind. Pure.

All times are nanoseconds of the vantage's monotonic clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

NS = 1_000_000_000  #: nanoseconds in a second

#: What a writer learned about one write. ``unknown``: it may have been done, or not.
Fate = Literal["acked", "rejected", "unknown"]


@dataclass(frozen=True, slots=True)
class Probe:
    """One question to the service: it was up (``ok``) or down at some instant between ``sent`` and ``done``."""

    sent: int
    done: int
    ok: bool
    why: str = ""  #: code of a failure: ``refused``, ``timeout``, ``reset``, ``status``, ``content``, ...
    entry: int = 0  #: which of the addresses answered
    server: str = ""  #: which center says it answered


@dataclass(frozen=True, slots=True)
class Blind:
    """A time in which the meter itself did not look."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Stream:
    """All probes of one kind at one vantage, in the order in which they were sent."""

    name: str
    period: int
    timeout: int
    probes: tuple[Probe, ...]
    blind: tuple[Blind, ...] = ()
    stable_count: int = 5  #: so many good probes in a row
    stable_over: int = 2 * NS  #: over at least so long are a stable service
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CanaryWrite:
    """One numbered write, and what its writer learned of it."""

    seq: int
    epoch: int
    sent: int
    done: int  #: when its fate was known; for a writer that died: ``sent``
    fate: Fate
    why: str = ""
    server: str = ""  #: which server says it has it


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What the new writer holds, read by a fresh session until two reads were equal."""

    seen: Mapping[int, int]  #: sequence number -> how often
    settled: bool  #: two reads were equal, from a server that is no standby
    waiting: int = 0  #: of these in an inbox, not yet loaded


@dataclass(frozen=True, slots=True)
class Channel:
    """The canary writes of one channel at one vantage."""

    name: str
    period: int
    timeout: int
    writes: tuple[CanaryWrite, ...]
    read_back: ReadBack | None = None  #: None: nobody could read
    fenced: tuple[CanaryWrite, ...] = ()  #: tried straight at the old writer after its fence
    exchange: bool = False  #: envelopes delivered to an inbox, not writes to a database


@dataclass(frozen=True, slots=True)
class VantageLog:
    """Everything that one vantage brought home."""

    vantage: str
    boot_id: str
    streams: tuple[Stream, ...]
    channels: tuple[Channel, ...]
    notes: tuple[str, ...] = ()  #: ``torn-lines``, ``bad-lines``, ``too-long``, ``cut-short``, ``clock-jump``
    missing: str = ""  #: why there is nothing; "" when there is
    head: Mapping[str, object] = field(default_factory=dict)
    read_backs: Mapping[tuple[str, str], ReadBack] = field(default_factory=dict)  #: by channel and vantage
