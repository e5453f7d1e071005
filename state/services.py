"""Judging services that several systems share: one stopped program is one fault, however many systems suffer. Pure.

All the checks of those systems on that host are witnesses. The service is down as soon as one of them has confirmed a
failure and none has seen it work since; so the many are blamed on the one from the first moment, not one by one. While
it recovers, with successes and no newer failure, it stays down until everybody has confirmed that it works.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from checks.check import Check
from checks.result import Status
from inventory import subject
from inventory.model import Host
from state import facts as fact
from state.opinion import Opinion, opinion
from state.scene import Scene
from state.verdict import Fault, Reason, Verdict

_WORKING = (Status.OK, Status.DEGRADED)


def judge_service(scene: Scene, host: Host, service: str, users: Sequence[str]) -> Verdict:
    """The verdict on a shared service, from the checks of the components that run on it (``users``, subjects)."""
    about = subject.service(host.id, service)
    facts = {"service": service, "host": host.id, **fact.center(scene.index.estate, host.center)}
    opinions = [opinion(scene, check) for check in scene.index.on_host.get(host.id, ()) if check.subject in users]
    votes = tuple(vote for each in opinions for vote in each.votes)
    down = [each for each in opinions if each.status is Status.DOWN]
    if down and not _contradicted(scene, down, [each.check for each in opinions]):
        telling = min(down, key=lambda each: each.since)
        facts |= {"said": telling.sentence, "from": ", ".join(telling.failing), "check": telling.check.id}
        reason = Reason("service.down", facts)
        return Verdict(about, Status.DOWN, Fault.SERVICE, reason, telling.since, scene.now, votes=votes)
    working = [each.since for each in opinions if each.status in _WORKING]
    if not working:
        reason = Reason("service.unseen", facts)
        since = min((each.since for each in opinions), default=scene.now)
        return Verdict(about, Status.UNKNOWN, Fault.WATCH, reason, since, scene.now, votes=votes)
    return Verdict(about, Status.OK, Fault.NONE, Reason("service.ok", facts), max(working), scene.now, votes=votes)


def under_service(verdict: Verdict, services: Sequence[Verdict]) -> Verdict:
    """The verdict on a component, given those on the shared services it runs on: if one is down, that is why."""
    down = next((service for service in services if service.status is Status.DOWN), None)
    if down is None or verdict.cause or verdict.status not in (Status.DOWN, Status.DEGRADED):
        return verdict
    facts = {"what": subject.name(verdict.subject), "service": down.because.facts["service"]}
    reason = Reason("any.service_down", facts | {"host": down.because.facts["host"]})
    return replace(verdict, fault=down.fault, because=reason, cause=down.cause or down.subject)


def _contradicted(scene: Scene, down: Sequence[Opinion], checks: Sequence[Check]) -> bool:
    """Whether anybody saw the service work since the trouble began, and somebody saw it fail after that."""
    began = min(each.since for each in down)
    signals = [scene.signals.get((check.id, vantage)) for check in checks for vantage in check.vantages]
    successes = (signal.first_success(began) for signal in signals if signal)
    first = min((success for success in successes if success is not None), default=None)
    if first is None:
        return False
    return any(scene.failed_after(vote, first) for each in down for vote in each.votes)
