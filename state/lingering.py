"""Trouble that outlasts its cause only because it was not asked again yet. Pure.

A machine that is back has logins that succeed seconds before its services are asked again. Until they are, and fail
again often enough to count, what is wrong with them is not news: no incident, nothing to repair.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from checks.check import Check
from checks.result import Status
from inventory import subject
from state.machines import is_login
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
    return bool(failing) and not any(scene.renewed_after(vote, moment) for vote in failing)


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

    A center does once it is reached, and a machine once it lets somebody in, whatever else is still wrong with them;
    anything else once all that is asked of it works.
    """
    kind, name = subject.kind(above.subject), subject.name(above.subject)
    if kind == "center":
        return scene.reached_after(name, since)
    if kind == "host" and above.status in _WORKING:
        return min(_again(scene, _logins(scene, above.subject), since), default=0.0)
    if above.status is Status.OK:
        return max(_again(scene, scene.index.of(above.subject), since), default=0.0)
    return 0.0


def _logins(scene: Scene, host: str) -> Sequence[Check]:
    checks = scene.index.of(host)
    return [check for check in checks if is_login(check)] or checks


def _again(scene: Scene, checks: Iterable[Check], since: float) -> Iterator[float]:
    """When each vantage saw each check succeed again after ``since``; ``since`` itself if it always did."""
    for check in checks:
        for vantage in check.vantages:
            signal = scene.signals.get((check.id, vantage))
            if signal and not signal.stale(scene.now) and (again := signal.works_again(since)) is not None:
                yield again
