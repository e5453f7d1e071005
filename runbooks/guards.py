"""Why a runbook that fits must still not run now. Each guard is a function; the list at the end is the policy. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from checks.check import Check
from checks.result import Status
from inventory import subject as subjects
from inventory.model import Duty, Estate, Host
from runbooks import facts
from runbooks.card import Card, Risk
from runbooks.run_record import Outcome, Run
from runbooks.verify import together
from state.verdict import Incident, Reason, Verdict

_HOUR = 3600.0
_DAY = 86400.0
_FAILED = (Outcome.NOT_REPAIRED, Outcome.FAILED, Outcome.TIMEOUT, Outcome.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Policy:
    """What the organisation allows without asking."""

    risk: Risk = Risk.LOW  #: runbooks up to this risk run without approval
    stand: float = 3.0  #: seconds an incident must have stood: what is part of something larger is merged by then
    at_once: int = 2  #: runs at the same time over the whole estate; each costs about one core of the desk
    approved: frozenset[tuple[str, int]] = frozenset()  #: (runbook, incident id) that a person agreed to


@dataclass(frozen=True, slots=True)
class World:
    """All that a decision looks at."""

    estate: Estate
    checks: Mapping[str, Check]
    verdicts: Mapping[str, Verdict]
    runs: tuple[Run, ...]  #: of the last day at least; those allowed a moment ago stand there as running
    catalogue: Mapping[str, Card]
    policy: Policy
    now: float

    def active(self) -> list[Run]:
        """Runs under way; one that is older than its card allows was left behind by a crash."""
        return [run for run in self.runs if run.running and self.now - run.started < self._longest(run)]

    def _longest(self, run: Run) -> float:
        card = self.catalogue.get(run.runbook)
        return card.longest if card else _HOUR

    def status(self, subject: str) -> Status:
        """What a subject is; unknown when nobody judged it."""
        verdict = self.verdicts.get(subject)
        return verdict.status if verdict else Status.UNKNOWN


@dataclass(frozen=True, slots=True)
class Case:
    """One runbook for one incident on one host."""

    card: Card
    incident: Incident
    verdict: Verdict
    check: Check  #: the failing check that stands behind it
    host: Host
    given: Mapping[str, str]

    @property
    def target(self) -> str:
        """What is acted on, in a few words: ``cloud-app app``."""
        return " ".join(self.given[key] for key in self.card.inputs if key in self.given)


def _real(world: World) -> Iterator[Run]:
    """Runs that may have changed something."""
    return (run for run in world.runs if not run.check_mode)


def _same_target(case: Case, run: Run) -> bool:
    return run.runbook == case.card.id and case.given.items() <= run.inputs.items()


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
    count = sum(run.runbook == case.card.id and run.incident == case.incident.id for run in _real(world))
    limit = case.card.per_incident
    return Reason("runbook.per_incident", {"count": str(count), "limit": str(limit)}) if count >= limit else None


def _gave_up(case: Case, world: World) -> Reason | None:
    """Failed runs in a row, over incidents too: a flapping service must not be restarted for ever."""
    count = 0
    for run in sorted(_real(world), key=lambda run: run.started, reverse=True):
        if not _same_target(case, run) or world.now - run.started > _DAY or run.outcome is Outcome.CANCELED:
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
    ended = [run.started + run.took for run in _real(world) if _same_target(case, run)]
    ago = world.now - max(ended, default=float("-inf"))
    if ago >= case.card.cool_down:
        return None
    shown = {"target": case.target, "ago": f"{ago:.0f}", "wait": f"{case.card.cool_down:.0f}"}
    return Reason("runbook.cool_down", shown)


def _per_hour(case: Case, world: World) -> Reason | None:
    count = sum(run.runbook == case.card.id and world.now - run.started < _HOUR for run in _real(world))
    limit = case.card.per_hour
    return Reason("runbook.per_hour", {"count": str(count), "limit": str(limit)}) if count >= limit else None


def _last_serving(case: Case, world: World) -> Reason | None:
    """Never act on the last member that still serves. What is down serves nobody: acting on it costs nothing."""
    subject = case.incident.subject
    part = facts.component(world.estate, subject)
    if part is None or part.placement[subjects.name(subject).partition("@")[2]].duty is not Duty.ACTIVE:
        return None
    if _member(case.host.id, subject, world) is Status.DOWN:
        return None
    system = subjects.name(subject).partition("/")[0]
    others = [
        _member(host, subjects.component(system, part.id, center), world)
        for center, placement in part.placement.items()
        if placement.duty is Duty.ACTIVE
        for host in placement.hosts
        if host != case.host.id
    ]
    return None if Status.OK in others else Reason("runbook.last_serving", {"host": case.host.id, "subject": subject})


def _member(host_id: str, subject: str, world: World) -> Status:
    """What a component is on one host: the worst of its checks, each as good as any vantage finds it."""
    verdict = world.verdicts.get(subject)
    best: dict[str, Status] = {}
    for vote in verdict.votes if verdict else ():
        check = world.checks.get(vote.check)
        if check and check.host and check.host.id == host_id:
            best[check.id] = min(best.get(check.id, vote.status), vote.status, key=lambda status: status.number)
    return together(best.values())


def _approval(case: Case, world: World) -> Reason | None:
    if (case.card.id, case.incident.id) in world.policy.approved:
        return None
    if not case.card.approval and case.card.risk.number <= world.policy.risk.number:
        return None
    return Reason("runbook.approval", {"risk": case.card.risk.value, "policy": world.policy.risk.value})


#: Asked in this order; the first that objects gives the reason.
GUARDS: tuple[Callable[[Case, World], Reason | None], ...] = (
    _host_key,
    _reachable,
    _young,
    _host_busy,
    _per_incident,
    _gave_up,
    _cool_down,
    _per_hour,
    _scope,
    _busy,
    _last_serving,
    _approval,
)
