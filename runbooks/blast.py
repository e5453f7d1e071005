"""How much may break at once: never the last member that serves, never both centers of a pair, never more than a share.

A group is a component with all its placements; its members are the hosts it stands on. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from checks.result import Status
from inventory import subject as subjects
from inventory.model import Component, Duty
from runbooks.run_record import Run
from runbooks.verify import together
from runbooks.world import Case, World
from state.verdict import Reason


@dataclass(frozen=True, slots=True)
class Touched:
    """A component that a run interrupts where it stands in one center."""

    system: str
    part: Component
    center: str

    @property
    def subject(self) -> str:
        """Such as ``component:marriage/app@cloud``."""
        return self.at(self.center)

    def at(self, center: str) -> str:
        """The same component in another center."""
        return subjects.component(self.system, self.part.id, center)

    @property
    def duty(self) -> Duty:
        """What is expected of it there."""
        return self.part.placement[self.center].duty

    def members(self) -> Iterator[tuple[str, str]]:
        """Every host of the group with its center."""
        return ((host, center) for center, placement in self.part.placement.items() for host in placement.hosts)


def touched(host: str, service: str | None, world: World) -> Iterator[Touched]:
    """What stops for a moment when something is done to a host, or to one of its services."""
    for system in world.estate.systems:
        for part in system.components:
            for center, placement in part.placement.items():
                if host in placement.hosts and (service is None or part.service == service):
                    yield Touched(system.id, part, center)


def share(case: Case, world: World) -> Reason | None:
    """Of no group is a larger share acted on at the same time than the card allows."""
    for group in _touched_by(case, world):
        members = [host for host, _ in group.members()]
        count = len(_busy(group, world) - {case.host.id}) + 1
        limit = max(1, int(case.card.share * len(members)))
        if count > limit:
            shown = {"subject": group.subject, "count": str(count), "of": str(len(members)), "limit": str(limit)}
            return Reason("runbook.share", shown)
    return None


def pair(case: Case, world: World) -> Reason | None:
    """While one center of a component is acted on, the others are let alone: they are what is left."""
    for group in _touched_by(case, world):
        busy = _busy(group, world)
        for host, center in group.members():
            if center != group.center and host in busy:
                return Reason("runbook.pair", {"subject": group.subject, "center": center, "host": host})
    return None


def last_serving(case: Case, world: World) -> Reason | None:
    """Never act on the last member that serves, or that could. What is down serves nobody: it may be acted on."""
    for group in _touched_by(case, world):
        if _is_down(case, group, world):
            continue
        left = _left(group, case.host.id, world)
        needs = group.part.needs if group.duty is Duty.ACTIVE else 1
        if left < needs:
            return Reason("runbook.last_serving", {"host": case.host.id, "subject": group.subject})
    return None


def _touched_by(case: Case, world: World) -> list[Touched]:
    return list(touched(case.host.id, case.given.get("service"), world)) if case.card.interrupts else []


def _busy(group: Touched, world: World) -> set[str]:
    """The hosts of a group that a run is interrupting now."""
    members = {host for host, _ in group.members()}
    return {run.inputs["host"] for run in world.active() if _interrupts(run, group, world)} & members


def _interrupts(run: Run, group: Touched, world: World) -> bool:
    card = world.catalogue.get(run.runbook)
    service = run.inputs.get("service")
    if "host" not in run.inputs or (card is not None and not card.interrupts):
        return False
    return service is None or service == group.part.service


def _is_down(case: Case, group: Touched, world: World) -> bool:
    """Whether the component is down on this host, by its own checks or because the service it runs in is."""
    service = subjects.service(case.host.id, case.given.get("service", ""))
    if case.incident.subject == service and case.verdict.status is Status.DOWN:
        return True
    return member(case.host.id, group.subject, world) is Status.DOWN


def _left(group: Touched, without: str, world: World) -> int:
    """In how many places somebody healthy would be left: those that serve; for a standby any that could take over."""
    busy = _busy(group, world)
    places = set()
    for host, center in group.members():
        serves = group.duty is not Duty.ACTIVE or group.part.placement[center].duty is Duty.ACTIVE
        healthy = serves and host != without and host not in busy
        if healthy and member(host, group.at(center), world) is Status.OK:
            places.add(center)
    return len(places)


def member(host_id: str, subject: str, world: World) -> Status:
    """What a component is on one host: the worst of its checks, each as good as any vantage finds it."""
    verdict = world.verdicts.get(subject)
    best: dict[str, Status] = {}
    for vote in verdict.votes if verdict else ():
        check = world.checks.get(vote.check)
        if check and check.host and check.host.id == host_id:
            best[check.id] = min(best.get(check.id, vote.status), vote.status, key=lambda status: status.number)
    return together(best.values())
