"""Judging centers and the watch in them: the place where a wrong word costs most. Pure.

The invariant: *no center is called down or isolated on one voice*. It takes two independent ones (the other centers,
the desk), no path into the center may work, and a failing path counts only after ``Scene.path`` has told a dead prober
from a dead path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from checks.result import Status
from inventory import subject
from inventory.model import Center
from state import facts as fact
from state.lingering import lingers
from state.scene import Path, Scene
from state.verdict import Fault, Reason, Verdict, Vote

_WORKING = (Status.OK, Status.DEGRADED)


@dataclass(frozen=True, slots=True)
class _Voices:
    """Who speaks about a center, and what they say."""

    reached_by: tuple[str, ...]
    lost_to: tuple[str, ...]  #: center ids; the desk too, once its failure is confirmed
    since: float  #: when the last of those who lost it lost it
    dark: bool  #: whether nothing from inside gets out to us


def judge_center(scene: Scene, center: Center, hosts: Mapping[str, Verdict], watched_from: tuple[str, ...]) -> Verdict:
    """The verdict on one center, from the paths into it and its machines.

    ``hosts`` are the raw verdicts on all hosts by id, ``watched_from`` the ids of the other centers.
    """
    own = [hosts[host] for host in scene.index.hosts_in[center.id]]
    paths = {other: scene.path(other, center.id) for other in watched_from}
    voices = _voices(scene, center.id, paths)
    facts = fact.center(scene.index.estate, center.id)
    if not voices.reached_by and len(voices.lost_to) >= 2:
        return _isolated(scene, center, voices, facts)
    return _by_machines(scene, center, own, voices, facts)


def isolated(verdict: Verdict) -> bool:
    """Whether nothing can be said about what goes on in a center."""
    return verdict.status is Status.DOWN and verdict.fault is Fault.ISOLATED


def together(scene: Scene, verdicts: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """The same verdicts on centers, by id; where a whole city is lost the reasons name it."""
    told = dict(verdicts)
    for site in scene.index.estate.sites:
        here = [center.id for center in scene.index.estate.centers if center.site == site.id]
        if len(here) > 1 and all(isolated(verdicts[each]) for each in here):
            for each in here:
                told[each] = _with_city(scene, verdicts[each], fact.named("site", site.id, site.name), here)
    return told


def judge_watch(scene: Scene, center: Center) -> Verdict:
    """Whether the center's own prober and Prometheus are there, so that the center has a voice at all."""
    desk = scene.desk(center.id)
    status, code, since = _voice(scene, center.id, desk)
    fault = Fault.NONE if status is Status.OK else Fault.WATCH
    reason = Reason(code, fact.center(scene.index.estate, center.id))
    return Verdict(subject.watch(center.id), status, fault, reason, since, scene.now, votes=(desk,))


def _voice(scene: Scene, center: str, desk: Vote) -> tuple[Status, str, float]:
    if desk.status is Status.DOWN and not scene.speaks(center):
        return Status.DOWN, "watch.unreached", desk.since
    if center not in scene.heard:
        return Status.UNKNOWN, "watch.never", scene.now
    if scene.silent(center):
        # Its Prometheus answers, so the silence is the prober's; without that word it could be anybody's.
        status = Status.DOWN if desk.status in _WORKING else Status.UNKNOWN
        return status, "watch.silent", scene.silent_since(center)
    return Status.OK, "watch.ok", desk.since


def _voices(scene: Scene, center: str, paths: Mapping[str, Path]) -> _Voices:
    desk = scene.desk(center)
    lost = {other: path.since for other, path in paths.items() if path.status is Status.DOWN}
    if desk.status is Status.DOWN:
        lost["desk"] = desk.since
    return _Voices(
        reached_by=tuple(other for other, path in paths.items() if path.status in _WORKING),
        lost_to=tuple(lost),
        since=max(lost.values(), default=scene.now),
        dark=desk.status is Status.DOWN or (desk.status is Status.UNKNOWN and scene.silent(center)),
    )


def _isolated(scene: Scene, center: Center, voices: _Voices, facts: dict[str, str]) -> Verdict:
    """Nobody gets in. If its own voice still reaches us it lives and is only cut off; else it may be without power."""
    facts |= fact.centers(scene.index.estate, [each for each in voices.lost_to if each != "desk"], "from")
    about = subject.center(center.id)
    status = Status.DOWN if voices.dark else Status.DEGRADED
    reason = Reason("center.dark" if voices.dark else "center.cut_off", facts)
    return Verdict(about, status, Fault.ISOLATED, reason, voices.since, scene.now)


def _with_city(scene: Scene, verdict: Verdict, site: dict[str, str], here: list[str]) -> Verdict:
    facts = {**verdict.because.facts, **site, **fact.centers(scene.index.estate, here)}
    reason = Reason("center.city_lost", facts)
    return Verdict(verdict.subject, verdict.status, verdict.fault, reason, verdict.since, verdict.at)


def _by_machines(scene: Scene, center: Center, own: list[Verdict], voices: _Voices, facts: dict[str, str]) -> Verdict:
    about = subject.center(center.id)
    failing = [verdict for verdict in own if verdict.status is Status.DOWN]
    back = {verdict.subject: scene.reached_after(center.id, verdict.since) for verdict in failing}
    down = [verdict for verdict in failing if not lingers(scene, verdict, back[verdict.subject])]
    working = [verdict for verdict in own if verdict.status in _WORKING]
    facts |= {"down": str(len(down)), "hosts": str(len(own)), "which": ", ".join(map(_name, down))}
    if len(down) > 1 and 2 * len(down) > len(own) and all(_agreed(verdict) for verdict in down):
        since = sorted(verdict.since for verdict in down)[len(own) // 2]
        return Verdict(about, Status.DOWN, Fault.CENTER, Reason("center.down", facts), since, scene.now)
    if down:
        since = min(verdict.since for verdict in down)
        reason = Reason("center.hosts_down", facts)
        return Verdict(about, Status.DEGRADED, Fault.HOST, reason, since, scene.now, cause=down[0].subject)
    if working or voices.reached_by:
        since = max([*back.values(), *(verdict.since for verdict in working)], default=0.0)
        since = since or scene.reached_after(center.id, 0.0)
        return Verdict(about, Status.OK, Fault.NONE, Reason("center.ok", facts), since, scene.now)
    code = "center.one_voice" if voices.lost_to else "center.unseen"
    facts |= fact.centers(scene.index.estate, voices.lost_to, "from")
    since = min([scene.now, *(verdict.since for verdict in own)])
    return Verdict(about, Status.UNKNOWN, Fault.WATCH, Reason(code, facts), since, scene.now)


def _agreed(verdict: Verdict) -> bool:
    """Whether at least two vantages find a machine down."""
    return len({vote.vantage for vote in verdict.votes if vote.status is Status.DOWN}) > 1


def _name(verdict: Verdict) -> str:
    return subject.name(verdict.subject)
