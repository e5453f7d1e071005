"""Judging links between centers from both ends, with the third center as referee. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from checks.result import Status
from inventory import subject
from inventory.model import Link
from state import facts as fact
from state.scene import Path, Scene
from state.verdict import Fault, Reason, Verdict, Vote

_WORKING = (Status.OK, Status.DEGRADED)


def judge_link(scene: Scene, link: Link, centers: Mapping[str, Verdict]) -> Verdict:
    """The verdict on one link; ``centers`` are the verdicts on the centers by subject."""
    here, there = link.between
    ways = {(here, there): scene.path(here, there), (there, here): scene.path(there, here)}
    votes = tuple(vote for way in ways if (vote := scene.link_vote(*way)))
    facts = fact.named("link", link.id, link.name)
    verdict = _decided(scene, link, ways, facts)
    lost = next((end for end in link.between if _lost(centers[subject.center(end)])), None)
    if lost and verdict.status is not Status.OK:
        verdict = _ended(scene, verdict, lost, centers[subject.center(lost)], facts)
    return replace(verdict, votes=votes)


def _lost(center: Verdict) -> bool:
    return center.fault in (Fault.ISOLATED, Fault.CENTER)


def _ended(scene: Scene, verdict: Verdict, end: str, center: Verdict, facts: dict[str, str]) -> Verdict:
    """All paths to one center fail: it is the center, and the link, over which nothing passes, only suffers."""
    reason = Reason("link.center_lost", facts | fact.center(scene.index.estate, end))
    return replace(verdict, status=Status.DOWN, fault=center.fault, because=reason, cause=center.subject)


def _decided(scene: Scene, link: Link, ways: Mapping[tuple[str, str], Path], facts: dict[str, str]) -> Verdict:
    about = subject.link(link.id)
    failing = [way for way, path in ways.items() if path.status is Status.DOWN]
    working = [way for way, path in ways.items() if path.status in _WORKING]
    if len(failing) == 2:
        return _cut(scene, link, max(path.since for path in ways.values()), facts)
    if failing and working and _answered_since(scene, working[0], ways[failing[0]].since):
        facts |= _way(scene, failing[0])
        since = ways[failing[0]].since
        return Verdict(about, Status.DEGRADED, Fault.LINK, Reason("link.one_way", facts), since, scene.now)
    if working and not (failing and scene.silent(working[0][0])):
        return _works(scene, link, ways, facts)
    if failing:
        reason = Reason("link.half_seen", facts | _way(scene, failing[0]))
        return Verdict(about, Status.UNKNOWN, Fault.WATCH, reason, ways[failing[0]].since, scene.now)
    since = min(scene.now, *(path.since for path in ways.values()))
    return Verdict(about, Status.UNKNOWN, Fault.WATCH, Reason("link.unseen", facts), since, scene.now)


def _cut(scene: Scene, link: Link, since: float, facts: dict[str, str]) -> Verdict:
    """Both ends speak and neither reaches the other; the reason says whether a third center reaches both."""
    others = [center.id for center in scene.index.estate.centers if center.id not in link.between]
    referees = [other for other in others if all(scene.path(other, end).status in _WORKING for end in link.between)]
    code = "link.cut" if referees else "link.cut_no_referee"
    facts |= fact.centers(scene.index.estate, referees, "referee")
    return Verdict(subject.link(link.id), Status.DOWN, Fault.LINK, Reason(code, facts), since, scene.now)


def _works(scene: Scene, link: Link, ways: Mapping[tuple[str, str], Path], facts: dict[str, str]) -> Verdict:
    """One direction that works proves both: its answers came back. Slow answers degrade the link."""
    about = subject.link(link.id)
    slow = [(way, vote) for way in ways if (vote := _slow(scene, way))]
    if slow:
        facts |= _way(scene, slow[0][0]) | {"said": slow[0][1].sentence}
        since = min(vote.since for _, vote in slow)
        return Verdict(about, Status.DEGRADED, Fault.LINK, Reason("link.slow", facts), since, scene.now)
    since = max(path.since for path in ways.values() if path.status is Status.OK)
    return Verdict(about, Status.OK, Fault.NONE, Reason("link.ok", facts), since, scene.now)


def _answered_since(scene: Scene, way: tuple[str, str], moment: float) -> bool:
    """Whether one direction was seen to work after the other one began to fail; until then it may be failing too."""
    vote = scene.link_vote(*way)
    return vote is None or vote.status not in _WORKING or scene.works_after(vote, moment)


def _slow(scene: Scene, way: tuple[str, str]) -> Vote | None:
    """The vote that says the way is slow, or that it loses answers though the way as such works."""
    vote = scene.link_vote(*way)
    if vote is None or vote.status not in (Status.DEGRADED, Status.DOWN):
        return None
    return vote if vote.status is Status.DEGRADED or _lossy(scene, way, vote) else None


def _lossy(scene: Scene, way: tuple[str, str], failing: Vote) -> bool:
    """Whether answers get lost on the way: the far prober asked and answered others meanwhile, only we failed."""
    near, far = way
    others = [center.id for center in scene.index.estate.centers if center.id not in way]
    votes = [vote for other in others if (vote := scene.link_vote(other, far))]
    heard = any(vote.status in _WORKING and scene.works_after(vote, failing.since) for vote in votes)
    return heard and scene.path(near, far).status is Status.OK and scene.alive_meanwhile(failing, far)


def _way(scene: Scene, way: tuple[str, str]) -> dict[str, str]:
    estate = scene.index.estate
    return fact.center(estate, way[0], "near") | fact.center(estate, way[1], "far")
