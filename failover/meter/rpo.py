"""What became of the canary writes: kept, lost, and everything in between; and how far back the loss reaches. Pure.

Specification: drill-anchors 4.3. Only a write that was acknowledged can be lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from failover.measured import Interval, Writes
from failover.meter.samples import NS, CanaryWrite, Channel, Probe, Stream


def writes(vantage: str, channel: Channel) -> Writes:
    """Every write of a channel in its class; without a read-back only what the writer itself learned."""
    by_fate = {fate: [one for one in channel.writes if one.fate == fate] for fate in ("acked", "rejected", "unknown")}
    acked, rejected, unknown = by_fate["acked"], by_fate["rejected"], by_fate["unknown"]
    counts = {
        "channel": channel.name,
        "vantage": vantage,
        "acked": len(acked),
        "rejected": len(rejected),
        "unknown": len(unknown),
        "after_fence": len(channel.fenced),
        "acked_after_fence": sum(one.fate == "acked" for one in channel.fenced),
        "period": channel.period / NS,
        "exchange": channel.exchange,
    }
    if channel.read_back is None or not channel.read_back.settled:
        return Writes(**counts, kept=0, read_back=False)  # type: ignore[arg-type]
    seen = channel.read_back.seen
    known = {one.seq for one in channel.writes}
    stretches = list(_stretches(channel.writes))
    lost = [one for one in acked if one.seq not in seen]
    return Writes(
        **counts,  # type: ignore[arg-type]
        kept=len(acked) - len(lost),
        lost=tuple(one.seq for one in lost),
        recovered=sum(one.seq in seen for one in unknown),
        dropped=sum(one.seq not in seen for one in unknown),
        phantom=tuple(sorted({one.seq for one in rejected if one.seq in seen} | (seen.keys() - known))),
        duplicate=tuple(sorted(seq for seq, times in seen.items() if times > 1)),
        holes=tuple(seq for stretch in stretches for seq in _holes(stretch, seen)),
        rpo=_worst([reach for stretch in stretches if (reach := _reach(stretch, seen))]),
        waiting=channel.read_back.waiting,
        loss_bound=min(1.0, 3 / len(acked)) if acked else None,
    )


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Writes acknowledged one after another by one server, and the write that ended it: refused, or by another."""

    acked: tuple[CanaryWrite, ...]
    after: CanaryWrite | None


def _stretches(every: Sequence[CanaryWrite]) -> Iterator[_Stretch]:
    held: list[CanaryWrite] = []
    for one in sorted(every, key=lambda write: write.seq):
        if held and (one.fate != "acked" or one.server != held[-1].server):
            yield _Stretch(tuple(held), one)
            held = []
        if one.fate == "acked":
            held.append(one)
    if held:
        yield _Stretch(tuple(held), None)


def _holes(stretch: _Stretch, seen: Mapping[int, int]) -> Iterator[int]:
    """Lost although the same server's later write was kept: what was copied was not copied in order."""
    newest_kept = max((one.seq for one in stretch.acked if one.seq in seen), default=-1)
    return (one.seq for one in stretch.acked if one.seq not in seen and one.seq < newest_kept)


def _reach(stretch: _Stretch, seen: Mapping[int, int]) -> Interval | None:
    """How long before the outage the oldest lost write was made; None when nothing of the stretch was lost."""
    oldest = next((one for one in stretch.acked if one.seq not in seen), None)
    if oldest is None:
        return None
    low = max(0, stretch.acked[-1].sent - oldest.done) / NS
    return Interval(low, (stretch.after.done - oldest.sent) / NS if stretch.after else None)


def _worst(reaches: Sequence[Interval]) -> Interval | None:
    return max(reaches, key=lambda one: (float("inf") if one.high is None else one.high, one.low), default=None)


def as_stream(channel: Channel, stable_count: int, stable_over: int) -> Stream:
    """The canary writes as probes of their own: what a client that writes saw."""
    probes = tuple(Probe(one.sent, one.done, one.fate == "acked", one.why) for one in channel.writes)
    # One write waits for the former, so the next leaves up to a time-out later than the schedule says.
    return Stream(
        f"write:{channel.name}",
        channel.period + channel.timeout,
        channel.timeout,
        probes,
        stable_count=stable_count,
        stable_over=stable_over,
    )
