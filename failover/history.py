"""How runs compare: every run listed, median and worst of those that can be compared. Pure.

Only runs of the same plan, version and kind stand in one line; table-tops measured nothing and stand apart. Few drills
make no percentile: a p95 is given from twenty runs on, and never before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from failover.drill_record import DrillRecord
from failover.measured import Interval, Judged, Verdict
from failover.records import State

ENOUGH_FOR_P95 = 20
_RECOVERED = frozenset({State.COMPLETED, State.COMPLETED_WITH_EXCEPTIONS})


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run in a trend."""

    run: str
    at: float  #: Unix seconds
    state: State
    rto: Interval | None  #: None: not measured
    rto_verdict: Verdict | None
    rpo: Interval | None  #: None: not measured, or nothing lost (see ``lost``)
    rpo_verdict: Verdict | None
    lost: int | None  #: None: not measured
    head: str


@dataclass(frozen=True, slots=True)
class Trend:
    """Runs that can be compared, oldest first. Figures are upper bounds in seconds; infinite: no end was seen."""

    plan: str
    version: int
    drill: str
    zh: str
    en: str
    runs: tuple[RunLine, ...]
    measured: int  #: completed runs with a measured RTO: what was rolled back did not recover by this plan
    median: float | None
    worst: float | None
    p95: float | None  #: None below ``ENOUGH_FOR_P95`` measured runs
    most_lost: int | None


def trends(records: Iterable[DrillRecord]) -> tuple[Trend, ...]:
    """All runs in comparable groups: measured ones first, table-tops last."""
    groups: dict[tuple[bool, str, int, str], list[DrillRecord]] = {}
    for record in records:
        groups.setdefault((record.tabletop, record.plan, -record.version, record.drill), []).append(record)
    return tuple(
        _trend(sorted(group, key=lambda one: (one.began_wall, one.run))) for _, group in sorted(groups.items())
    )


def _trend(group: Sequence[DrillRecord]) -> Trend:
    runs = tuple(line(record) for record in group)
    highs = sorted(
        math.inf if run.rto.high is None else run.rto.high for run in runs if run.rto and run.state in _RECOVERED
    )
    lost = [run.lost for run in runs if run.lost is not None]
    last = group[-1]
    return Trend(
        last.plan,
        last.version,
        last.drill,
        last.zh,
        last.en,
        runs,
        len(highs),
        median(highs) if highs else None,
        highs[-1] if highs else None,
        highs[math.ceil(0.95 * len(highs)) - 1] if len(highs) >= ENOUGH_FOR_P95 else None,
        max(lost) if lost else None,
    )


def line(record: DrillRecord) -> RunLine:
    """One run's figures."""
    measured = None if record.tabletop else record.measured
    rto, rpo = judged(record, "rto"), judged(record, "rpo")
    acked = measured is not None and any(one.acked for one in measured.of_databases)
    return RunLine(
        record.run,
        record.began_wall,
        record.state,
        rto.measured if rto else None,
        rto.verdict if rto else None,
        rpo.measured if rpo else None,
        rpo.verdict if rpo else None,
        sum(len(one.lost) for one in measured.of_databases) if measured and acked else None,
        record.head,
    )


def judged(record: DrillRecord, objective: str) -> Judged | None:
    """How an objective was judged in a run; None: it was not measured."""
    measured = None if record.tabletop else record.measured
    return next((one for one in measured.judged if one.objective == objective), None) if measured else None
