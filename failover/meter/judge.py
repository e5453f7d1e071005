"""What was measured against what was promised: pass, fail, or inconclusive, each with its reason. Pure.

A pass needs proof: the whole interval within the target. A fail, too: the whole interval beyond it.
"""

from __future__ import annotations

from collections.abc import Sequence

from failover.measured import Interval, Judged, Outage, Verdict, Writes
from failover.plan import Objectives

LEAST_VANTAGES = 3  #: fewer tell of a path rather than of the service
#: what leaves open whether anything worse happened while nobody looked
_HALF_BLIND = frozenset({"cut-short", "clock-jump"})


def judge(
    objectives: Objectives, outages: Sequence[Outage], reach: Sequence[Outage], writes: Sequence[Writes]
) -> tuple[Judged, ...]:
    """Every objective that was set. ``reach``: the outages of the network alone, where any answer counts as good.

    Databases share one recovery point objective; an exchange is judged where the plan gives its channel one.
    """
    reads = [one for one in outages if not one.stream.startswith("write:")]
    optional = (("doo", objectives.doo, reads), ("nro", objectives.nro, reach))
    return (
        _time("rto", objectives.rto, outages),
        _rpo("rpo", objectives.rpo, [one for one in writes if not one.exchange]),
        *(
            _rpo(f"rpo:{channel}", target, [one for one in writes if one.channel == channel])
            for channel, target in objectives.rpo_of.items()
        ),
        *(_time(name, target, seen) for name, target, seen in optional if target is not None),
    )


def _time(objective: str, target: float, outages: Sequence[Outage]) -> Judged:
    """The worst vantage decides: it was somebody's."""
    measured = [one for one in outages if one.sent]
    if not measured:
        return Judged(objective, target, None, Verdict.INCONCLUSIVE, "not-measured")
    bounds = [_bounds(one) for one in measured]
    whole = Interval(max(one.low for one in bounds), _highest(bounds))
    seen = any(one.rto for one in measured)
    rules = (
        (whole.low > target, Verdict.FAIL, "longer-than-target"),
        (whole.high is None, Verdict.INCONCLUSIVE, "no-end-seen"),
        (_high(whole) > target, Verdict.INCONCLUSIVE, "interval-holds-target"),
        (any(_HALF_BLIND.intersection(one.notes) for one in measured), Verdict.INCONCLUSIVE, "half-blind"),
        (len({one.vantage for one in measured}) < LEAST_VANTAGES, Verdict.INCONCLUSIVE, "too-few-vantages"),
        (True, Verdict.PASS, "within-target" if seen else "no-outage-seen"),
    )
    return Judged(objective, target, whole, *_first(rules))


def _rpo(objective: str, target: float, writes: Sequence[Writes]) -> Judged:
    reach, lost = _reach(writes), any(one.lost for one in writes)
    acked = [one for one in writes if one.acked]
    low, high = (reach.low, _high(reach)) if reach else (0.0, float("inf"))
    rules = (
        (any(one.acked_after_fence for one in writes), Verdict.FAIL, "old-writer-acknowledged"),
        (any(one.holes for one in writes), Verdict.FAIL, "lost-out-of-order"),
        (any(one.phantom for one in writes), Verdict.FAIL, "refused-but-there"),
        (lost and (low > target or target == 0), Verdict.FAIL, "lost-more-than-target"),
        (not acked, Verdict.INCONCLUSIVE, "nothing-acknowledged"),
        (not all(one.read_back for one in acked), Verdict.INCONCLUSIVE, "not-read-back"),
        (not lost, Verdict.PASS, "none-lost"),
        (high > target, Verdict.INCONCLUSIVE, "interval-holds-target"),
        (True, Verdict.PASS, "within-target"),
    )
    return Judged(objective, target, reach if acked else None, *_first(rules))


def _first(rules: Sequence[tuple[bool, Verdict, str]]) -> tuple[Verdict, str]:
    """The first rule that holds; the last one always does."""
    return next((verdict, because) for holds, verdict, because in rules if holds)


def _bounds(outage: Outage) -> Interval:
    """No outage seen is not none at all: it could have been as long as the probes are coarse."""
    return outage.rto or Interval(0.0, outage.resolution)


def _high(interval: Interval) -> float:
    return float("inf") if interval.high is None else interval.high


def _highest(bounds: Sequence[Interval]) -> float | None:
    return None if any(one.high is None for one in bounds) else max(_high(one) for one in bounds)


def _reach(writes: Sequence[Writes]) -> Interval | None:
    """The furthest loss; with none lost, what the writers could have missed between two writes."""
    lost = [one.rpo for one in writes if one.rpo]
    if lost:
        return Interval(max(one.low for one in lost), _highest(lost))
    periods = [one.period for one in writes if one.acked and one.read_back]
    return Interval(0.0, max(periods)) if periods else None
