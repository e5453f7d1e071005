"""Trouble that outlasts its cause only because it was not asked again yet. Pure.

A machine that is back has logins that succeed seconds before its services are asked again. Until they are, and fail
for longer than one answer speaks, what is wrong with them is not news: no incident, nothing to repair.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from checks.check import Check
from checks.result import Status
from inventory import subject
from state.machines import logins
from state.scene import Scene
from state.verdict import Reason, Verdict

RECOVERING = "any.recovering"  #: the reason code of what lingers
_TROUBLE = (Status.DOWN, Status.DEGRADED)
_WORKING = (Status.OK, Status.DEGRADED)


def lingers(scene: Scene, verdict: Verdict, moment: float) -> bool:
    """Whether a subject is in trouble since before ``moment`` (Unix time) and nobody confirmed it anew since then."""
    if verdict.status not in _TROUBLE or verdict.since >= moment:
        return False
    failing = [vote for vote in verdict.votes if vote.status in _TROUBLE]
    return bool(failing) and not any(scene.stands_after(vote, moment) for vote in failing)


def under_recovered(scene: Scene, verdict: Verdict, above: Iterable[Verdict]) -> Verdict:
    """The verdict on something in trouble, blamed on what recovered meanwhile, if the trouble dates from before.

    ``above`` is what it may have suffered from.
    """
    if verdict.cause or verdict.status not in _TROUBLE:
        return verdict
    for each in above:
        if lingers(scene, verdict, _back(scene, each, verdict.since)):
            facts = {"what": subject.name(verdict.subject), "cause": subject.name(each.subject)}
            return replace(verdict, because=Reason(RECOVERING, facts), cause=each.subject)
    return verdict


def _back(scene: Scene, above: Verdict, since: float) -> float:
    """Since when a subject works again (Unix time; 0: it does not, or none can tell; ``since`` itself: it always did).

    A center does once it is reached, a link once a way over it works (its answers come back), and a machine once it
    lets somebody in, whatever else is still wrong with them; anything else once all that is asked of it works.
    """
    kind, name = subject.kind(above.subject), subject.name(above.subject)
    if kind == "center":
        return scene.reached_after(name, since)
    if kind == "link":
        return _passable(scene, name)
    if above.status not in _WORKING:
        return 0.0
    if kind == "host":
        return min((_again(scene, check, since) for check in logins(scene, name)), default=0.0)
    return max((_again(scene, check, since) for check in scene.index.of(above.subject)), default=0.0)


def _passable(scene: Scene, link_id: str) -> float:
    here, there = next(link.between for link in scene.index.estate.links if link.id == link_id)
    ways = (scene.path(here, there), scene.path(there, here))
    return min((way.since for way in ways if way.status is Status.OK), default=0.0)


def _again(scene: Scene, check: Check, since: float) -> float:
    """When the first vantage saw a check succeed again after ``since``; ``since`` itself if one always did; 0: none."""
    signals = (scene.signals.get((check.id, vantage)) for vantage in check.vantages)
    moments = (signal.works_again(since) for signal in signals if signal and not signal.stale(scene.now))
    return min((each for each in moments if each is not None), default=0.0)
