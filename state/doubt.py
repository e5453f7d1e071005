"""Whether trouble may still turn out to be part of something larger. Pure.

Answers arrive in any order: a database misses its peer before anybody has confirmed that the way between them is cut.
So trouble without a known cause waits until everything larger that it may be part of is settled: seen to work after the
trouble had surely begun, down itself (then the rules of blame have spoken), or asked for as long as an answer speaks.
Meanwhile it is shown as it is; it opens no incident and no runbook acts on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from checks.check import Check
from checks.result import Status
from inventory import subject
from inventory.model import Component, Duty, System
from state.copies import asks_database, other_ends
from state.machines import logins
from state.scene import Scene
from state.signals import DELIVERY, Signal, speaks_for
from state.verdict import Verdict

_TROUBLE = (Status.DOWN, Status.DEGRADED)


@dataclass(frozen=True, slots=True)
class _Witnesses:
    """Who can tell whether something larger works."""

    proving: tuple[Signal, ...]  #: a success of any of these settles that it works
    doubting: tuple[Signal, ...]  #: failures of these, newer than any success, unsettle it again
    patience: float  #: seconds after which enough of them would have been confirmed


def doubted(scene: Scene, verdict: Verdict, found: Mapping[str, Verdict]) -> Verdict:
    """The verdict; one in trouble of its own names the first thing larger that is not settled yet, if any is."""
    if verdict.cause or verdict.status not in _TROUBLE:
        return verdict
    begun = verdict.since + max((scene.index.by_id[vote.check].timeout for vote in verdict.votes), default=0.0)
    for about in dict.fromkeys(_larger(scene, verdict)):
        if found[about].status is not Status.DOWN and _unsettled(scene, _witnesses(scene, about), begun):
            return replace(verdict, doubt=about)
    return verdict


def _unsettled(scene: Scene, seen: _Witnesses, begun: float) -> bool:
    """Whether nobody has seen it work since ``begun``, or it fails everybody since somebody last did; for a while."""
    if not seen.proving:
        return False
    works = max((signal.newest_success for signal in seen.proving), default=0.0)
    if works <= begun:
        return scene.now < begun + seen.patience
    vain = (signal.fails_since for signal in seen.doubting)
    since = min((failed for failed in vain if failed is not None and failed > works), default=None)
    return since is not None and scene.now < since + seen.patience


def _witnesses(scene: Scene, about: str) -> _Witnesses:
    kind, name = subject.kind(about), subject.name(about)
    if kind == "center":
        return _of_center(scene, name)
    checks = logins(scene, name) if kind == "host" else scene.index.of(about)
    signals = tuple(_signals(scene, checks))
    return _Witnesses(signals, signals, _patience(checks))


def _of_center(scene: Scene, center: str) -> _Witnesses:
    """A center is reached from outside, or reaches out itself; only the links' checks speak against it."""
    links = scene.index.links
    inward = [check for way, checks in links.items() if way[1] == center for check in checks]
    outward = [check for way, checks in links.items() if way[0] == center for check in checks]
    inside = scene.index.into.get(center, ())
    reached = (signal for signal in _signals(scene, (*inward, *inside)) if signal.key[1] != center)
    proving = (*reached, *(signal for signal in _signals(scene, outward) if signal.key[1] == center))
    return _Witnesses(proving, tuple(_signals(scene, inward)), _patience(inward or inside))


def _patience(checks: Iterable[Check]) -> float:
    return DELIVERY + max(map(speaks_for, checks), default=0.0)


def _signals(scene: Scene, checks: Iterable[Check]) -> Iterator[Signal]:
    for check in checks:
        for vantage in check.vantages:
            if (signal := scene.signals.get((check.id, vantage))) is not None:
                yield signal


def _larger(scene: Scene, verdict: Verdict) -> Iterator[str]:
    """What the subject may only suffer from, the largest first."""
    kind, name = subject.kind(verdict.subject), subject.name(verdict.subject)
    estate = scene.index.estate
    if kind == "host":
        yield subject.center(estate.host(name).center)
    elif kind == "link":
        yield from (subject.center(end) for link in estate.links if link.id == name for end in link.between)
    elif kind == "watch":
        yield from _places(scene, (scene.index.prober_host.get(name, ""),), name)
    elif kind == "service":
        yield from _places(scene, (name.partition("/")[0],))
    elif kind == "province":
        yield from _places(scene, (check.host.id for check in scene.index.of(verdict.subject) if check.host))
    elif kind == "component":
        yield from _under_component(scene, verdict)
    elif kind == "system":
        yield from _under_system(scene, name, set())


def _places(scene: Scene, hosts: Iterable[str], *centers: str) -> Iterator[str]:
    """Machines and the centers they stand in."""
    found = [host for host in scene.index.estate.hosts if host.id in set(hosts)]
    yield from (subject.center(each) for each in (*centers, *(host.center for host in found)))
    yield from (subject.host(host.id) for host in found)


def _under_component(scene: Scene, verdict: Verdict) -> Iterator[str]:
    owner, _, rest = subject.name(verdict.subject).partition("/")
    part_id, _, center = rest.partition("@")
    for system in scene.index.estate.systems:
        for part in system.components if system.id == owner else ():
            if part.id == part_id:
                yield from _places(scene, part.placement[center].hosts, center)
                if asks_database(scene, verdict):
                    yield from other_ends(scene, system, part, center)


def _under_system(scene: Scene, system_id: str, seen: set[str]) -> Iterator[str]:
    """Where its journeys are asked, what serves it, and the same of everything that it depends on."""
    seen.add(system_id)
    system = next(each for each in scene.index.estate.systems if each.id == system_id)
    journeys = scene.index.of(subject.system(system_id))
    yield from _places(scene, (check.host.id for check in journeys if check.host))
    yield from chain.from_iterable(_serving(scene, system, part) for part in system.components)
    for needed in system.depends_on:
        if needed not in seen:
            yield from _under_system(scene, needed, seen)
            yield subject.system(needed)


def _serving(scene: Scene, system: System, part: Component) -> Iterator[str]:
    for center, placement in part.placement.items():
        if placement.duty is Duty.ACTIVE:
            yield from _places(scene, placement.hosts, center)
            yield from other_ends(scene, system, part, center)
            yield subject.component(system.id, part.id, center)
