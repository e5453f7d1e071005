"""Why a runbook that fits must still not run now. Each guard is a function; the list at the end is the policy. Pure."""

from __future__ import annotations

from collections.abc import Callable

from checks.result import Status
from inventory import subject as subjects
from runbooks import blast, freeze
from runbooks.card import Risk
from runbooks.quorum import quorum
from runbooks.rehearsal import rehearsed_well
from runbooks.run_record import Outcome
from runbooks.world import DAY, HOUR, Case, World
from state.verdict import Reason

_FAILED = (Outcome.NOT_REPAIRED, Outcome.FAILED, Outcome.TIMEOUT, Outcome.UNKNOWN)


def _host_key(case: Case, _: World) -> Reason | None:
    return None if case.host.ssh.host_key else Reason("runbook.no_host_key", {"host": case.host.id})


def _reachable(case: Case, world: World) -> Reason | None:
    """The host is healthy, or at least an SSH check of it succeeds (a full disk makes a host ill, not unreachable)."""
    subject = subjects.host(case.host.id)
    verdict = world.verdicts.get(subject)
    status = world.status(subject)
    if status is Status.OK:
        return None
    for vote in verdict.votes if verdict else ():
        check = world.checks.get(vote.check)
        if vote.status is Status.OK and check and check.kind == "ssh":
            return None
    return Reason("runbook.unreachable", {"host": case.host.id, "status": status.value})


def _young(case: Case, world: World) -> Reason | None:
    age, wait = world.now - case.incident.noticed, world.policy.stand
    return Reason("runbook.young", {"age": f"{age:.0f}", "wait": f"{wait:g}"}) if age < wait else None


def _per_incident(case: Case, world: World) -> Reason | None:
    count = sum(run.runbook == case.card.id and run.incident == case.incident.id for run in world.real())
    limit = case.card.per_incident
    return Reason("runbook.per_incident", {"count": str(count), "limit": str(limit)}) if count >= limit else None


def _gave_up(case: Case, world: World) -> Reason | None:
    """Failed runs in a row, over incidents too: a flapping service must not be restarted for ever."""
    count = 0
    for run in sorted(world.real(), key=lambda run: run.started, reverse=True):
        if not case.same_target(run) or world.now - run.started > DAY or run.outcome is Outcome.CANCELED:
            continue
        if run.outcome not in _FAILED:
            break
        count += 1
    enough = count >= case.card.give_up_after
    return Reason("runbook.gave_up", {"count": str(count), "target": case.target}) if enough else None


def _host_busy(case: Case, world: World) -> Reason | None:
    for run in world.active():
        if run.inputs.get("host") == case.host.id:
            return Reason("runbook.host_busy", {"runbook": run.runbook, "host": case.host.id})
    return None


def _scope(case: Case, world: World) -> Reason | None:
    hosts = {run.inputs.get("host") for run in world.active() if run.runbook == case.card.id}
    limit = case.card.scope
    return Reason("runbook.scope", {"count": str(len(hosts)), "limit": str(limit)}) if len(hosts) >= limit else None


def _busy(_: Case, world: World) -> Reason | None:
    count, limit = len(world.active()), world.policy.at_once
    return Reason("runbook.busy", {"count": str(count), "limit": str(limit)}) if count >= limit else None


def _cool_down(case: Case, world: World) -> Reason | None:
    ended = [run.started + run.took for run in world.real() if case.same_target(run)]
    ago = world.now - max(ended, default=float("-inf"))
    if ago >= case.card.cool_down:
        return None
    shown = {"target": case.target, "ago": f"{ago:.0f}", "wait": f"{case.card.cool_down:.0f}"}
    return Reason("runbook.cool_down", shown)


def _per_hour(case: Case, world: World) -> Reason | None:
    count = sum(run.runbook == case.card.id and world.now - run.started < HOUR for run in world.real())
    limit = case.card.per_hour
    return Reason("runbook.per_hour", {"count": str(count), "limit": str(limit)}) if count >= limit else None


def _storm(_: Case, world: World) -> Reason | None:
    count, limit = sum(world.now - run.started < HOUR for run in world.real()), world.policy.per_hour
    return Reason("runbook.storm", {"count": str(count), "limit": str(limit)}) if count >= limit else None


def _approval(case: Case, world: World) -> Reason | None:
    """What is above the policy needs a person; what puts data or a whole system at stake needs two."""
    if not case.card.approval and case.card.risk.number <= world.policy.risk.number:
        return None
    needed = world.policy.eyes if case.card.risk is Risk.HIGH else 1
    agreed = case.agreed(world)
    if len(agreed) >= needed:
        return None
    shown = {"risk": case.card.risk.value, "policy": world.policy.risk.value}
    return Reason("runbook.approval", {**shown, "agreed": str(len(agreed)), "needed": str(needed)})


#: Asked in this order; the first that objects gives the reason.
GUARDS: tuple[Callable[[Case, World], Reason | None], ...] = (
    _host_key,
    _reachable,
    _young,
    quorum,
    freeze.held,
    freeze.planned,
    freeze.guard_period,
    _host_busy,
    _per_incident,
    _gave_up,
    _cool_down,
    _per_hour,
    _storm,
    _scope,
    _busy,
    blast.share,
    blast.pair,
    blast.last_serving,
    _approval,
    rehearsed_well,
)
