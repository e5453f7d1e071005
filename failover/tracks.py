"""The meters' logs as samples on the desk's clock, each with what became of it, for the picture of a switch.

Pure. A vantage whose clock was never compared with the desk's has no place on the axis and gives no track.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from failover.drill_record import Sample, Seen, Track
from failover.measured import Measured, Outage
from failover.meter.clocks import Offset, to_desk
from failover.meter.samples import CanaryWrite, ReadBack, VantageLog

Offsets = Mapping[str, Sequence[Offset]]  #: by vantage


def tracks(logs: Iterable[VantageLog], offsets: Offsets) -> tuple[Track, ...]:
    """Probes of every vantage, then the writes, then what was tried at the old writer (all vantages together)."""
    every = list(logs)
    placed = [log for log in every if offsets.get(log.vantage)]
    probes = [track for log in placed for track in _probes(log, offsets[log.vantage])]
    writes = [track for log in placed for track in _writes(log, every, offsets[log.vantage])]
    return (*probes, *writes, *_old_writer(placed, offsets))


def on_desk(measured: Measured, offsets: Offsets) -> Measured:
    """What was measured, with every outage's instants by the desk's clock."""
    outages = tuple(_brought(one, offsets.get(one.vantage, ())) for one in measured.outages)
    worst = measured.worst and _brought(measured.worst, offsets.get(measured.worst.vantage, ()))
    return replace(measured, outages=outages, worst=worst)


def _brought(outage: Outage, offsets: Sequence[Offset]) -> Outage:
    return replace(
        outage,
        last_ok=_desk(outage.last_ok, offsets),
        first_fail=_desk(outage.first_fail, offsets),
        last_fail=_desk(outage.last_fail, offsets),
        first_ok=_desk(outage.first_ok, offsets),
        stable=_desk(outage.stable, offsets),
    )


def _desk(at: int | None, offsets: Sequence[Offset]) -> int | None:
    found = None if at is None else to_desk(at, offsets)
    return found[0] if found else None


def _probes(log: VantageLog, offsets: Sequence[Offset]) -> Iterator[Track]:
    for stream in (one for one in log.streams if one.probes):
        told = ((probe.sent, Seen.OK if probe.ok else Seen.FAILED) for probe in stream.probes)
        yield Track("probe", log.vantage, stream.name, _samples(told, offsets))


def _writes(log: VantageLog, every: Sequence[VantageLog], offsets: Sequence[Offset]) -> Iterator[Track]:
    for channel in log.channels:
        if channel.writes:
            back = _read_back(channel.name, log, every)
            told = ((write.sent, _fate(write, back)) for write in channel.writes)
            yield Track("write", log.vantage, channel.name, _samples(told, offsets))


def _read_back(channel: str, log: VantageLog, every: Sequence[VantageLog]) -> ReadBack | None:
    """A vantage that could not read its own numbers back may have them read by another."""
    sources = (log, *(one for one in every if one is not log))
    return next((found for one in sources if (found := one.read_backs.get((channel, log.vantage)))), None)


def _fate(write: CanaryWrite, back: ReadBack | None) -> Seen:
    """What became of one write; what was never read back stays open."""
    if write.fate == "rejected":
        return Seen.REJECTED
    if back is None or not back.settled:
        return Seen.UNKNOWN
    there = write.seq in back.seen
    if write.fate == "acked":
        return Seen.KEPT if there else Seen.LOST
    return Seen.RECOVERED if there else Seen.DROPPED


def _old_writer(logs: Sequence[VantageLog], offsets: Offsets) -> Iterator[Track]:
    found: dict[str, list[Sample]] = {}
    for log in logs:
        for channel in log.channels:
            told = ((write.sent, _refused(write)) for write in channel.fenced)
            found.setdefault(channel.name, []).extend(_samples(told, offsets[log.vantage]))
    for name, samples in found.items():
        if samples:
            yield Track("old-writer", "", name, tuple(sorted(samples, key=lambda one: one.at)))


def _refused(write: CanaryWrite) -> Seen:
    return {"acked": Seen.ACKED, "rejected": Seen.REFUSED}.get(write.fate, Seen.UNKNOWN)


def _samples(told: Iterable[tuple[int, Seen]], offsets: Sequence[Offset]) -> tuple[Sample, ...]:
    return tuple(Sample(at, seen) for sent, seen in told if (at := _desk(sent, offsets)) is not None)
