"""From a run's folder to what was measured: every vantage's logs, on one clock, judged against the objectives."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from failover.measured import Measured, Outage, Writes
from failover.meter import clocks, logs, rpo, rto
from failover.meter.judge import judge
from failover.meter.phases import phases
from failover.meter.samples import Probe, Stream, VantageLog
from failover.plan import Objectives
from failover.records import Kind, Record
from failover.run_folder import RunFolder

#: failures at which something on the other side did answer: the network was there
_ANSWERED = frozenset({"status", "content", "protocol"})


def measure(folder: RunFolder, records: Sequence[Record], objectives: Objectives) -> Measured:
    """All that was measured in a run. A vantage without logs is named, never left out in silence."""
    found = logs.read_all(folder.meters)
    there = [one for one in found if not one.missing]
    offsets = {one.vantage: logs.offsets(folder.meters / one.vantage, one.boot_id) for one in there}
    outages = [outage for one in there for outage in _outages(one)]
    writes = [write for one in there for write in _writes(one)]
    aside = _aside(there, records)
    exchanges = {f"write:{one.channel}" for one in writes if one.exchange}
    counted = [one for one in outages if one.vantage not in aside and one.stream not in exchanges]
    worst = rto.headline(counted)

    def bring(instant: int) -> int:
        at = clocks.to_desk(instant, offsets.get(worst.vantage, ())) if worst else None
        return at[0] if at else instant

    return Measured(
        outages=tuple(outages),
        writes=tuple(writes),
        phases=phases(worst, records, bring),
        judged=judge(objectives, counted, _reach(there, aside), writes),
        worst=worst,
        offsets={name: (each[-1].offset, each[-1].error) for name, each in offsets.items() if each},
        missing={one.vantage: one.missing for one in found if one.missing} | _never_came(found, records),
    )


def _outages(log: VantageLog) -> list[Outage]:
    return [rto.outage(log.vantage, stream) for stream in (*log.streams, *_as_streams(log))]


def _as_streams(log: VantageLog) -> list[Stream]:
    """A client that writes is a client, too."""
    if not log.streams:
        return []
    one = log.streams[0]
    streams = [rpo.as_stream(channel, one.stable_count, one.stable_over) for channel in log.channels if channel.writes]
    return [replace(stream, notes=one.notes) for stream in streams]


def _writes(log: VantageLog) -> list[Writes]:
    return [rpo.writes(log.vantage, channel) for channel in log.channels]


def _reach(there: Sequence[VantageLog], aside: Collection[str]) -> list[Outage]:
    """The network alone: whatever answers, and be it with an error, could be reached."""
    return [
        rto.outage(log.vantage, replace(stream, probes=tuple(_reached(stream))))
        for log in there
        if log.vantage not in aside
        for stream in log.streams
        if stream.name == "fresh"
    ]


def _reached(stream: Stream) -> list[Probe]:
    return [replace(probe, ok=probe.ok or probe.why in _ANSWERED) for probe in stream.probes]


def _aside(there: Sequence[VantageLog], records: Sequence[Record]) -> frozenset[str]:
    """Vantages within a center that the run takes for lost: what they see is shown, but no client is there."""
    opened = next((record.payload for record in records if record.kind is Kind.OPENED), {})
    if opened.get("mode") != "ungraceful":
        return frozenset()
    return frozenset(one.vantage for one in there if one.head.get("center") in {opened.get("from")} - {None, ""})


def _never_came(found: Sequence[VantageLog], records: Sequence[Record]) -> dict[str, str]:
    """Vantages that the journal knows and nobody has logs of."""
    told: dict[str, str] = {}
    for record in records:
        vantages = record.payload.get("vantages") if record.kind is Kind.METERS else None
        if isinstance(vantages, dict):
            told |= {str(name): str(why) for name, why in vantages.items()}
    known = {one.vantage for one in found}
    return {name: why or "no logs came" for name, why in told.items() if name not in known}
