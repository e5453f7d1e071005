"""Judging systems: the user's journey says what people see, the components say why. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from checks.check import Check
from checks.result import Status
from inventory import subject
from inventory.model import Component, Duty, System
from state import facts as fact
from state.lingering import RECOVERING, under_recovered
from state.opinion import onset
from state.places import isolated
from state.scene import Scene
from state.verdict import Fault, Reason, Verdict, Vote

_WORKING = (Status.OK, Status.DEGRADED)
_ROOTS = ("center", "link", "host", "service", "component")  #: what is blamed first


@dataclass(frozen=True, slots=True)
class _Journey:
    """What people see of a system, over all its journey checks."""

    status: Status
    since: float
    votes: tuple[Vote, ...] = ()
    path: tuple[str, ...] = ()  #: vantages whose failure is their path's
    said: str = ""


def judge_system(scene: Scene, system: System, below: Mapping[str, Verdict]) -> Verdict:
    """The verdict on one system; ``below`` are the finished verdicts on components, hosts, centers and links."""
    journey = _journey(scene, system, below)
    active = _placed(system, Duty.ACTIVE, below)
    unready = _unready(_placed(system, Duty.STANDBY, below), below)
    status, code, since = _seen(scene, journey, system, below)
    if status is Status.OK:
        status, code, since = _parts(active, unready, since)
    under = _under(scene, system, below)
    cut_off = journey is not None and journey.path and any(each.fault is Fault.ISOLATED for each in under)
    if status is Status.OK and journey and journey.path:
        status, code = (Status.DEGRADED, "system.cut_off") if cut_off else (status, "system.path_noted")
    fault = {Status.OK: Fault.NONE, Status.UNKNOWN: Fault.WATCH}.get(status, Fault.SERVICE)
    reason = Reason(code, _facts(scene, system, journey, active, unready))
    votes = journey.votes if journey else ()
    verdict = Verdict(subject.system(system.id), status, fault, reason, since, scene.now, votes=votes)
    suspects = unready if code == "system.readiness_lost" else [*active, *under]
    verdict = _blamed(verdict, suspects, below)
    return under_recovered(scene, verdict, (*active, *under))


def depend(scene: Scene, verdict: Verdict, system: System, verdicts: Mapping[str, Verdict]) -> Verdict:
    """The same verdict; a system that people feel failing on its own is blamed on a dependency that fails as well."""
    if not _felt(verdict) or (verdict.cause and verdict.fault is not Fault.DEPENDENCY):
        return verdict
    needed = [verdicts[subject.system(each)] for each in system.depends_on]
    ill = [each for each in needed if _felt(each) or each.because.code in ("system.parts_ill", RECOVERING)]
    if not ill:
        return under_recovered(scene, verdict, needed)
    root = ill[0].cause or ill[0].subject
    if root == verdict.cause:
        return verdict
    both_down = verdict.status is Status.DOWN and ill[0].status is Status.DOWN
    code = "system.dependency_down" if both_down else "system.dependency_ill"
    facts = {**verdict.because.facts, "dependency": ", ".join(subject.name(each.subject) for each in ill)}
    return replace(verdict, fault=Fault.DEPENDENCY, because=Reason(code, facts), cause=root)


def _felt(verdict: Verdict) -> bool:
    """Whether people feel that a system fails; not so when it only lost a spare part."""
    felt = ("system.journey_degraded", "system.dependency_ill")
    return verdict.status is Status.DOWN or (verdict.status is Status.DEGRADED and verdict.because.code in felt)


def _journey(scene: Scene, system: System, below: Mapping[str, Verdict]) -> _Journey | None:
    checks = scene.index.of(subject.system(system.id))
    seen = [_majority(scene, check, below) for check in checks]
    if not seen:
        return None
    votes = tuple(vote for each in seen for vote in each.votes)
    path = tuple(dict.fromkeys(vantage for each in seen for vantage in each.path))
    known = [each for each in seen if each.status is not Status.UNKNOWN]
    down = [each for each in known if each.status is Status.DOWN]
    if not known:
        return replace(max(seen, key=lambda each: each.since), votes=votes, path=path)
    if len(down) == len(known):
        return replace(down[0], since=max(each.since for each in down), votes=votes, path=path)
    trouble = [each for each in known if each.status is not Status.OK]
    if trouble:
        first = min(trouble, key=lambda each: each.since)
        return replace(first, status=Status.DEGRADED, votes=votes, path=path)
    return replace(max(known, key=lambda each: each.since), votes=votes, path=path)


def _majority(scene: Scene, check: Check, below: Mapping[str, Verdict]) -> _Journey:
    """One journey: the majority of those who can tell. Over a dead path nobody can, unless no path works."""
    votes = scene.votes(check)
    working = [vote for vote in votes if vote.status in _WORKING]
    failing = [vote for vote in votes if vote.status is Status.DOWN and not scene.outdated(vote, working)]
    lost = check.center is not None and isolated(below[subject.center(check.center)])
    path = tuple(vote.vantage for vote in failing if not lost and _by_path(scene, vote, check, working))
    failed = [vote for vote in failing if vote.vantage not in path]
    working = [] if lost and failed else working
    if not failed and not working:
        since = max((vote.since for vote in votes), default=scene.now)
        return _Journey(Status.UNKNOWN, since, votes, path, _said(failing))
    if len(failed) > len(working):
        return _Journey(Status.DOWN, onset(check, failed), votes, path, _said(failed))
    return _working(scene, votes, failed, path)


def _by_path(scene: Scene, vote: Vote, check: Check, working: Sequence[Vote]) -> bool:
    """Whether a failure is the path's: it does not work, or is slow, or just failed itself, while others succeed."""
    if not scene.proves(vote, check.center):
        return True
    if check.center is None or not working:
        return False
    slow = scene.path(vote.vantage, check.center).status is Status.DEGRADED
    return slow or scene.link_wavers(vote.vantage, check.center)


def _working(scene: Scene, votes: tuple[Vote, ...], failed: list[Vote], path: tuple[str, ...]) -> _Journey:
    """It works for most. A minority's failure degrades it once the others have been asked again and still succeed."""
    working = [vote for vote in votes if vote.status in _WORKING]
    slow = [vote for vote in working if vote.status is Status.DEGRADED]
    asked_again = failed and all(scene.works_after(vote, failed[0].since) for vote in working)
    if asked_again or 2 * len(slow) > len(working):
        trouble = failed or slow
        return _Journey(Status.DEGRADED, min(vote.since for vote in trouble), votes, path, _said(trouble))
    return _Journey(Status.OK, max(vote.since for vote in working), votes, path)


def _said(votes: list[Vote]) -> str:
    return votes[0].sentence if votes else ""


def _tier(system: System, part: Component, below: Mapping[str, Verdict]) -> Status:
    """k of n over the active placements: up, down, or unknown when the unknown ones could tip it. 0 of 0 is unknown."""
    placed = [
        below[subject.component(system.id, part.id, center)].status
        for center, placement in part.placement.items()
        if placement.duty is Duty.ACTIVE
    ]
    needs = min(part.needs, len(placed))
    up = sum(status in _WORKING for status in placed)
    if placed and up >= needs:
        return Status.OK
    if placed and up + placed.count(Status.UNKNOWN) < needs:
        return Status.DOWN
    return Status.UNKNOWN


def _unready(standby: list[Verdict], below: Mapping[str, Verdict]) -> list[Verdict]:
    """Standby parts that could not take over: down, or in a center that nobody reaches."""
    return [
        verdict
        for verdict in standby
        if verdict.status is Status.DOWN
        or (verdict.status is Status.UNKNOWN and verdict.cause and below[verdict.cause].status is Status.DOWN)
    ]


def _seen(
    scene: Scene, journey: _Journey | None, system: System, below: Mapping[str, Verdict]
) -> tuple[Status, str, float]:
    """People's eyes first; without a journey, or when nobody sees it, the components speak: status, code, since."""
    tiers = [_tier(system, part, below) for part in system.components]
    active = _placed(system, Duty.ACTIVE, below)
    if journey and journey.status is not Status.UNKNOWN:
        code = {Status.DOWN: "system.journey_fails", Status.DEGRADED: "system.journey_degraded"}
        return journey.status, code.get(journey.status, "system.ok"), journey.since
    if Status.DOWN in tiers:
        return Status.DOWN, "system.parts_down", max(each.since for each in active if each.status is Status.DOWN)
    if journey:
        return Status.UNKNOWN, "system.unseen", journey.since
    if Status.UNKNOWN in tiers or not tiers:
        return Status.UNKNOWN, "system.unseen", max((each.since for each in active), default=scene.now)
    return Status.OK, "system.ok", 0.0


def _parts(active: list[Verdict], unready: list[Verdict], since: float) -> tuple[Status, str, float]:
    """People are served; whether all that should serve them, or be ready to, does."""
    ill = [each for each in active if each.status in (Status.DOWN, Status.DEGRADED)]
    if ill:
        return Status.DEGRADED, "system.parts_ill", min(each.since for each in ill)
    if unready:
        return Status.DEGRADED, "system.readiness_lost", min(each.since for each in unready)
    return Status.OK, "system.ok", max([since, *(each.since for each in active if each.status is Status.OK)])


def _facts(
    scene: Scene, system: System, journey: _Journey | None, active: list[Verdict], unready: list[Verdict]
) -> dict[str, str]:
    ill = [each for each in active if each.status in (Status.DOWN, Status.DEGRADED)]
    return {
        **fact.named("system", system.id, system.name),
        **fact.centers(scene.index.estate, journey.path if journey else (), "from"),
        "said": journey.said if journey else "",
        "parts": ", ".join(subject.name(each.subject) for each in ill or unready),
    }


def _under(scene: Scene, system: System, below: Mapping[str, Verdict]) -> list[Verdict]:
    """The machines and centers that the journey is asked of."""
    found: list[Verdict] = []
    for check in scene.index.of(subject.system(system.id)):
        found += [below[subject.center(check.center)]] if check.center else []
        found += [below[subject.host(check.host.id)]] if check.host else []
    return found


def _blamed(verdict: Verdict, suspects: list[Verdict], below: Mapping[str, Verdict]) -> Verdict:
    """The root that explains the trouble, the largest kind first."""
    if verdict.status not in (Status.DOWN, Status.DEGRADED):
        return verdict
    roots = {each.cause or each.subject: each.fault for each in suspects if _guilty(each, verdict, below)}
    root = min(roots, key=lambda about: (_ROOTS.index(subject.kind(about)), about), default=None)
    return replace(verdict, fault=roots[root], cause=root) if root else verdict


def _guilty(suspect: Verdict, verdict: Verdict, below: Mapping[str, Verdict]) -> bool:
    """Whether a suspect explains a system's trouble; a center only by its own loss, not by some machine in it."""
    if subject.kind(suspect.subject) == "center":
        return suspect.fault in (Fault.ISOLATED, Fault.CENTER)
    if suspect.status is Status.UNKNOWN:
        return suspect.cause is not None and below[suspect.cause].status is Status.DOWN
    if suspect.status is Status.DEGRADED:
        return verdict.status is Status.DEGRADED and subject.kind(suspect.subject) == "component"
    return suspect.status is Status.DOWN


def _placed(system: System, duty: Duty, below: Mapping[str, Verdict]) -> list[Verdict]:
    return [
        below[subject.component(system.id, part.id, center)]
        for part in system.components
        for center, placement in part.placement.items()
        if placement.duty is duty
    ]
