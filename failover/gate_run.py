"""Gates on the run itself: nothing else runs, nothing forbids it now, the probes can measure it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from failover.concrete import ConcretePlan
from failover.gate_words import Answer, fails, passes, unknown
from failover.seen import Seen
from inventory.base import Name
from state import facts

FINE = 0.1  #: an interval of RTO may be at most this share of the target wide
LEAST_VANTAGES = 3


def no_other_run(_: ConcretePlan, seen: Seen, __: Mapping[str, Any]) -> Answer:
    """The estate is changed by one run at a time."""
    if seen.other_runs is None:
        return unknown("gate.runs_untold")
    if seen.other_runs:
        return fails("gate.other_run", runs=", ".join(seen.other_runs))
    return passes("gate.no_other_run")


def guard_period(_: ConcretePlan, seen: Seen, __: Mapping[str, Any]) -> Answer:
    """No important time forbids it."""
    return unforbidden(seen.freezes, seen.undated)


def unforbidden(freezes: tuple[Name, ...] | None, undated: tuple[Name, ...]) -> Answer:
    """Whether guard periods forbid it. An estate without a calendar has none, and that is said."""
    if freezes is None:
        return passes("gate.no_calendar")
    if freezes:
        return fails("gate.guard_period", **facts.names("names", freezes))
    if undated:
        return unknown("gate.undated", **facts.names("names", undated))
    return passes("gate.no_guard_period")


def width(period: float, timeout: float) -> float:
    """How wide an interval of RTO gets at most: a period and a time-out at each end (drill-anchors 4.2)."""
    return 2 * (period + timeout)


def fine_enough(rto: float, period: float, timeout: float) -> bool:
    """Whether probes can measure such a target at all."""
    return width(period, timeout) <= FINE * rto


def probes_fine_enough(plan: ConcretePlan, seen: Seen, give: Mapping[str, Any]) -> Answer:
    """Three vantages measure, each finely enough for the promised RTO."""
    rto = plan.plan.objectives.rto
    wide = width(float(give["period"]), float(give["timeout"]))
    if not fine_enough(rto, float(give["period"]), float(give["timeout"])):
        return fails("gate.probes_coarse", width=f"{wide:g}", rto=f"{rto:g}")
    if not seen.vantages:
        return unknown("gate.vantages_untold")
    silent = {name: one.says for name, one in seen.vantages.items() if one.says}
    coarse = [name for name, one in seen.vantages.items() if not fine_enough(rto, one.period, one.timeout)]
    if silent:
        name, said = next(iter(silent.items()))
        return fails("gate.vantage_silent", names=", ".join(silent), said=f"{name}: {said}")
    if coarse:
        return fails("gate.vantage_coarse", names=", ".join(coarse), rto=f"{rto:g}")
    if len(seen.vantages) < LEAST_VANTAGES - len(plan.plan.lost):
        return fails("gate.few_vantages", count=str(len(seen.vantages)))
    return passes("gate.probes_fine", count=str(len(seen.vantages)), width=f"{wide:g}", rto=f"{rto:g}")
