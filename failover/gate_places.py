"""Gates on hosts, entries and capacity: who answers, who serves, can those who are left carry the load. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from failover.concrete import ConcretePlan
from failover.gate_words import Answer, fails, number, passes, unknown
from failover.ports import Outcome
from failover.seen import Seen

_LEAST_SHARE = 0.5  #: processors or memory of the new writer as a share of the old one's
_MIB = 1024 * 1024


def hosts_answer(plan: ConcretePlan, seen: Seen, _: Mapping[str, Any]) -> Answer:
    """Every host on which something may be carried out answers now."""
    replies = {host: seen.alive.get(host) for host in plan.hosts}
    if not replies or any(reply is None for reply in replies.values()):
        asked_not = [host for host, reply in replies.items() if reply is None]
        return unknown("gate.hosts_unasked", hosts=", ".join(asked_not))
    dumb = {host: reply for host, reply in replies.items() if reply and reply.outcome is not Outcome.DONE}
    if dumb:
        said = next((reply.says for reply in dumb.values() if reply.says), "")
        return fails("gate.hosts_silent", hosts=", ".join(dumb), said=said)
    return passes("gate.hosts_answer", count=str(len(replies)))


def entries_serve(plan: ConcretePlan, seen: Seen, _: Mapping[str, Any]) -> Answer:
    """Every entry sends sessions somewhere, and to the old writer only (unplanned: it may send them nowhere)."""
    asked = [call.host for call in plan.entries]
    silent = [host for host in asked if not _answered(seen, host)]
    if not asked or silent:
        return unknown("gate.entries_silent", hosts=", ".join(silent))
    if plan.old_writer in plan.gone:
        return passes("gate.entries_answer", count=str(len(asked)))
    active = {host: _names(seen.entries[host].facts.get("active")) for host in asked}
    wrong = [host for host, servers in active.items() if servers != {plan.old_writer}]
    if wrong:
        return fails("gate.entries_elsewhere", hosts=", ".join(wrong), wanted=plan.old_writer)
    return passes("gate.entries_serve", count=str(len(asked)), host=plan.old_writer)


def _answered(seen: Seen, host: str) -> bool:
    reply = seen.entries.get(host)
    return reply is not None and reply.outcome is Outcome.DONE


def _names(value: object) -> set[str]:
    return {str(name) for name in value} if isinstance(value, list | tuple) else set()


def survivor_capacity(plan: ConcretePlan, seen: Seen, _: Mapping[str, Any]) -> Answer:
    """The new writer has at least half of the old one's processors and memory, and is not busy itself (rule R23)."""
    if plan.new_writer == plan.old_writer:
        return passes("gate.writer_stays", host=plan.old_writer)
    old, new = _capacity(seen, plan.old_writer), _capacity(seen, plan.new_writer)
    if not new or (not old and plan.old_writer not in plan.gone):
        return unknown("gate.capacity_untold", hosts=", ".join(_untold(plan, seen)))
    if new["load"] > new["cpus"]:
        return fails("gate.survivor_busy", host=plan.new_writer, load=f"{new['load']:.1f}", cpus=f"{new['cpus']:g}")
    small = [what for what in ("cpus", "memory") if old and new[what] < _LEAST_SHARE * old[what]]
    if small:
        return fails("gate.survivor_small", host=plan.new_writer, writer=plan.old_writer, what=", ".join(small))
    if not old:
        return unknown("gate.capacity_untold", hosts=plan.old_writer)
    return passes("gate.survivor_capacity", host=plan.new_writer)


def _untold(plan: ConcretePlan, seen: Seen) -> list[str]:
    return [host for host in (plan.old_writer, plan.new_writer) if not _capacity(seen, host)]


def _capacity(seen: Seen, host: str) -> dict[str, float]:
    """Processors, memory and load of a host; empty when any is missing or no number."""
    reply = seen.capacity.get(host)
    if reply is None or reply.outcome is not Outcome.DONE:
        return {}
    found = {what: reply.facts.get(what) for what in ("cpus", "memory", "load")}
    numbers = {what: value for what, said in found.items() if (value := number(said)) is not None}
    return numbers if len(numbers) == len(found) else {}


def disk_free(plan: ConcretePlan, seen: Seen, give: Mapping[str, Any]) -> Answer:
    """Every database that is written to or keeps log for others has room for it."""
    least = int(give["least_mib"])
    hosts = [call.host for call in plan.writers]
    free = {host: number(seen.capacity[host].facts.get("disk_free")) for host in hosts if host in seen.capacity}
    untold = [host for host in hosts if free.get(host) is None]
    short = {host: int(room / _MIB) for host, room in free.items() if room is not None and room < least * _MIB}
    if short:
        return fails(
            "gate.disk_short", hosts=", ".join(f"{host} {mib} MiB" for host, mib in short.items()), least=str(least)
        )
    if not hosts or untold:
        return unknown("gate.capacity_untold", hosts=", ".join(untold))
    return passes("gate.disk_free", least=str(least), count=str(len(hosts)))


def clocks_agree(plan: ConcretePlan, seen: Seen, give: Mapping[str, Any]) -> Answer:
    """Log lines of different hosts can be laid beside each other; durations do not hang on it."""
    limit = float(give["limit"])
    untold = [host for host in plan.hosts if host not in seen.clocks]
    off = {host: clock for host in plan.hosts if (clock := seen.clocks.get(host)) and abs(clock.offset) > limit}
    sure = [host for host, clock in off.items() if abs(clock.offset) - clock.error > limit]
    if sure:
        worst = max(sure, key=lambda host: abs(off[host].offset))
        return fails("gate.clocks_differ", host=worst, seconds=f"{off[worst].offset:+.3f}", limit=f"{limit:g}")
    if not plan.hosts or untold or off:
        return unknown("gate.clocks_untold", hosts=", ".join([*untold, *off]))
    return passes("gate.clocks_agree", count=str(len(plan.hosts)), limit=f"{limit:g}")
