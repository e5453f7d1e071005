"""A plan's gates as far as the watch knows them: nobody is asked, what the watch does not know stays unknown. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from checks.result import Result, Status
from failover.concrete import ConcretePlan
from failover.drill_record import DrillRecord
from failover.gate_run import fine_enough, unforbidden, width
from failover.gate_words import Answer, fails, number, passes, unknown
from failover.gates import given
from failover.plan import Gate
from failover.seen import Judged
from inventory import subject
from inventory.base import Name
from state.verdict import Verdict

FRESH = 120.0  #: seconds after which a word of the watch is no longer about now


@dataclass(frozen=True, slots=True)
class Known:
    """What the store holds at this moment."""

    now: float
    watched_at: float | None = None  #: when the watch last turned; None: never
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    databases: Mapping[str, Result] = field(default_factory=dict)  #: newest answer of a PostgreSQL check, by host
    open_runs: tuple[str, ...] | None = None  #: runs that have not ended; None: not known
    freezes: tuple[Name, ...] | None = None  #: guard periods in force; None: the estate has no calendar
    undated: tuple[Name, ...] = ()  #: guard periods of which nobody knows when they are this year

    @property
    def watching(self) -> bool:
        """The watch speaks of now; else all that it says is history."""
        return self.watched_at is not None and 0 <= self.now - self.watched_at <= FRESH

    def host(self, host: str) -> Status:
        """How a host is."""
        verdict = self.verdicts.get(subject.host(host))
        return verdict.status if verdict and self.watching else Status.UNKNOWN

    def database(self, host: str) -> Result | None:
        """The newest word of a database about itself, if it is about now."""
        found = self.databases.get(host)
        fresh = found is not None and self.watching and 0 <= self.now - found.at <= FRESH
        return found if fresh and found and found.evidence.get("role") else None


def newest(results: Iterable[Result], hosts: Mapping[str, str]) -> dict[str, Result]:
    """The newest answer for each host; ``hosts``: check id -> host, of the checks that ask a database about itself."""
    found: dict[str, Result] = {}
    for result in results:
        host = hosts.get(result.check)
        if host and (host not in found or found[host].at < result.at):
            found[host] = result
    return found


def judge_known(gate: Gate, plan: ConcretePlan, known: Known, last: DrillRecord | None) -> Judged:
    """One gate; what only the hosts could say is unknown, with what the last run said of it."""
    if not known.watching and gate.gate in _BY_WATCH:
        result, because = unknown("ready.no_watch")
    elif gate.gate in _BY_WATCH:
        result, because = _BY_WATCH[gate.gate](gate, plan, known)
    elif gate.gate in _ALONE:
        result, because = _ALONE[gate.gate](gate, plan, known)
    else:
        result, because = _unasked(gate, last)
    return Judged(gate.gate, gate.hard, result, because)


def _unasked(gate: Gate, last: DrillRecord | None) -> Answer:
    before = next((one for one in last.gates if one.gate == gate.gate), None) if last else None
    if before and last:
        return unknown("ready.asked_last", gate=gate.gate, run=last.run, result=before.result)
    return unknown("ready.not_asked", gate=gate.gate)


def _hosts(_: Gate, plan: ConcretePlan, known: Known) -> Answer:
    found = {host: known.host(host) for host in plan.hosts}
    down = [host for host, status in found.items() if status is Status.DOWN]
    open_ = [host for host, status in found.items() if status is Status.UNKNOWN]
    if down:
        return fails("ready.hosts_down", hosts=", ".join(down))
    if open_ or not found:
        return unknown("ready.hosts_unknown", hosts=", ".join(open_))
    return passes("ready.hosts_up", n=str(len(found)))


def _one_writer(_: Gate, plan: ConcretePlan, known: Known) -> Answer:
    told = {call.host: known.database(call.host) for call in plan.writers}
    primaries = [host for host, one in told.items() if one and one.evidence.get("role") == "primary"]
    silent = [host for host, one in told.items() if one is None]
    if len(primaries) > 1:
        return fails("gate.two_writers", hosts=", ".join(primaries))
    if primaries and primaries[0] != plan.old_writer and plan.old_writer not in plan.gone:
        return fails("gate.other_writer", host=primaries[0], wanted=plan.old_writer)
    if silent or not told:
        return unknown("gate.silent_databases", hosts=", ".join(silent))
    return (
        passes("gate.one_writer", host=primaries[0]) if primaries else fails("gate.none_writes", wanted=plan.old_writer)
    )


def _sync(_: Gate, plan: ConcretePlan, known: Known) -> Answer:
    """The primary's own check says which copies are synchronous; when it is silent, nobody knows."""
    writer = known.database(plan.old_writer)
    if writer is None or writer.evidence.get("role") != "primary":
        return unknown("gate.writer_silent", host=plan.old_writer)
    copies = _copies(writer)
    sync = [name for name, (_, how) in copies.items() if how in {"sync", "quorum"}]
    if plan.new_writer == plan.old_writer:
        return passes("gate.sync", host=", ".join(sync)) if sync else fails("gate.no_sync_copy", host=plan.old_writer)
    if plan.new_writer not in copies:
        return unknown("ready.copy_unnamed", host=plan.new_writer)
    state, how = copies[plan.new_writer]
    if plan.new_writer in sync and state == "streaming":
        return passes("gate.sync", host=plan.new_writer)
    return fails("gate.not_sync", host=plan.new_writer, sync=how, state=state)


def _copies(writer: Result) -> dict[str, tuple[str, str]]:
    """The copies that a primary names: name -> state, and whether it waits for it."""
    words = (part.split() for part in str(writer.evidence.get("standbys", "")).split(","))
    return {found[0]: (found[1], found[2]) for found in words if len(found) == 3}


def _lag(gate: Gate, plan: ConcretePlan, known: Known) -> Answer:
    """The primary knows what its copies lack; a copy knows only of what it received."""
    limit = float(given(gate).get("limit", 0.0))
    writer = known.database(plan.old_writer)
    if plan.new_writer == plan.old_writer:
        return passes("gate.writer_stays", host=plan.old_writer)
    if writer is None or plan.new_writer not in _copies(writer):
        return unknown("gate.lag_untold", host=plan.new_writer)
    lag = 0.0 if writer.evidence.get("lag_bytes") == 0 else number(writer.evidence.get("lag_seconds"))
    if lag is None or (lag > limit and len(_copies(writer)) > 1):  # another copy may be the one that lags
        return unknown("gate.lag_untold", host=plan.new_writer)
    say, code = (passes, "gate.lag") if lag <= limit else (fails, "gate.lags")
    return say(code, host=plan.new_writer, seconds=f"{lag:.1f}", limit=f"{limit:g}")


def _no_other_run(_: Gate, __: ConcretePlan, known: Known) -> Answer:
    if known.open_runs is None:
        return unknown("gate.runs_untold")
    if known.open_runs:
        return fails("gate.other_run", runs=", ".join(known.open_runs))
    return passes("gate.no_other_run")


def _guard_period(_: Gate, __: ConcretePlan, known: Known) -> Answer:
    return unforbidden(known.freezes, known.undated)


def _probes(gate: Gate, plan: ConcretePlan, _: Known) -> Answer:
    give = given(gate)
    if not {"period", "timeout"} <= give.keys():
        return unknown("gate.not_known", gate=gate.gate)
    wide, rto = width(float(give["period"]), float(give["timeout"])), plan.plan.objectives.rto
    if not fine_enough(rto, float(give["period"]), float(give["timeout"])):
        return fails("gate.probes_coarse", width=f"{wide:g}", rto=f"{rto:g}")
    return passes("ready.probes_planned", width=f"{wide:g}", rto=f"{rto:g}")


Judge = Callable[[Gate, ConcretePlan, Known], Answer]
_BY_WATCH: Mapping[str, Judge] = {
    "hosts-answer": _hosts,
    "one-writer": _one_writer,
    "replication-sync": _sync,
    "lag-within-rpo": _lag,
}
_ALONE: Mapping[str, Judge] = {
    "no-other-run": _no_other_run,
    "guard-period": _guard_period,
    "probes-fine-enough": _probes,
}
