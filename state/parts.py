"""Judging components and provinces from their own checks, before anything is blamed on hosts or centers. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from checks.result import Status
from inventory import subject
from inventory.model import Component, Province, System
from state import facts as fact
from state.opinion import How, Opinion, opinion
from state.scene import Scene
from state.verdict import Fault, Reason, Verdict

#: of several checks on one machine the first of these that any of them says: all must be ok for ok
_ALL = (Status.DOWN, Status.UNKNOWN, Status.DEGRADED, Status.OK)


def judge_component(scene: Scene, system: System, part: Component, center: str) -> Verdict:
    """One part of a system in one center: down when it works on none of its machines, degraded when not on all."""
    about = subject.component(system.id, part.id, center)
    by_host: dict[str, list[Opinion]] = defaultdict(list)
    for check in scene.index.of(about):
        by_host[check.host.id if check.host else ""].append(opinion(scene, check))
    facts = {"component": part.id, **fact.center(scene.index.estate, center)}
    if not by_host:
        return _unwatched(about, scene, Reason("component.unwatched", facts))
    worst = [_worst(opinions) for opinions in by_host.values()]
    status, telling = _one_is_enough(worst)
    facts |= {"host": telling.check.host.id if telling.check.host else "", "check": telling.check.id}
    reason = Reason(_code("component", status, telling), facts | _seen(telling))
    votes = tuple(vote for opinions in by_host.values() for each in opinions for vote in each.votes)
    return Verdict(
        about, status, fault_of(telling, status, Fault.SERVICE), reason, telling.since, scene.now, votes=votes
    )


def judge_province(scene: Scene, province: Province) -> Verdict:
    """The exchange with one province, as our own front end sees its deliveries."""
    about = subject.province(province.code)
    facts = fact.named("province", province.code, province.name)
    opinions = [opinion(scene, check) for check in scene.index.of(about)]
    if not opinions:
        return _unwatched(about, scene, Reason("province.unwatched", facts))
    telling = _worst(opinions)
    reason = Reason(_code("province", telling.status, telling), facts | {"check": telling.check.id} | _seen(telling))
    fault = fault_of(telling, telling.status, Fault.PROVINCE)
    votes = tuple(vote for each in opinions for vote in each.votes)
    return Verdict(about, telling.status, fault, reason, telling.since, scene.now, votes=votes)


def fault_of(telling: Opinion, status: Status, own: Fault) -> Fault:
    """Where the fault lies as far as this opinion alone can tell."""
    if status is Status.OK:
        return Fault.NONE
    if status is Status.UNKNOWN:
        return Fault.LINK if telling.how is How.PATH else Fault.WATCH
    return own


def _unwatched(about: str, scene: Scene, reason: Reason) -> Verdict:
    return Verdict(about, Status.UNKNOWN, Fault.WATCH, reason, scene.now, scene.now)


def _worst(opinions: Iterable[Opinion]) -> Opinion:
    """All checks of one machine must be ok: the worst speaks; trouble dates from the first, ok from the last."""
    return min(opinions, key=lambda each: (_ALL.index(each.status), _date(each)))


def _date(each: Opinion) -> float:
    return each.since if each.status in (Status.DOWN, Status.DEGRADED) else -each.since


def _one_is_enough(worst: list[Opinion]) -> tuple[Status, Opinion]:
    """Machines of one placement stand in for each other; three-valued: not down while one of them is unknown."""
    working = [each for each in worst if each.status in (Status.OK, Status.DEGRADED)]
    failing = [each for each in worst if each.status is Status.DOWN]
    if working and not failing:
        telling = _worst(working)
        return telling.status, telling
    if working:
        return Status.DEGRADED, _worst(failing)
    unknown = [each for each in worst if each.status is Status.UNKNOWN]
    telling = max(unknown or failing, key=lambda each: each.since)
    return telling.status, telling


def _code(kind: str, status: Status, telling: Opinion) -> str:
    if status is Status.UNKNOWN:
        return f"{kind}.{telling.how}"
    if status is Status.OK:
        return f"{kind}.path_noted" if telling.how is How.PATH_NOTED else f"{kind}.ok"
    if telling.how is How.INSIDE_FAILS:
        return f"{kind}.inside_fails"
    if status is Status.DEGRADED and telling.status is Status.DOWN:
        return f"{kind}.partly"
    return f"{kind}.{status}"


def _seen(telling: Opinion) -> dict[str, str]:
    return {"said": telling.sentence, "from": ", ".join(telling.failing)}
