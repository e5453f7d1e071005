"""Trouble that outlasts its cause only because it was not asked again yet. Pure.

A machine that is back has logins that succeed seconds before its services are asked again. Until they are, and fail
again often enough to count, what is wrong with them is not news: no incident, nothing to repair.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from checks.result import Status
from inventory import subject
from state.scene import Scene
from state.verdict import Reason, Verdict

RECOVERING = "any.recovering"  #: the reason code of what lingers
_TROUBLE = (Status.DOWN, Status.DEGRADED)


def lingers(scene: Scene, verdict: Verdict, moment: float) -> bool:
    """Whether a subject is in trouble since before ``moment`` (Unix time) and nobody confirmed it anew since then."""
    if verdict.status not in _TROUBLE or verdict.since >= moment:
        return False
    failing = [vote for vote in verdict.votes if vote.status in _TROUBLE]
    return bool(failing) and not any(scene.renewed_after(vote, moment) for vote in failing)


def under_recovered(scene: Scene, verdict: Verdict, recovered: Iterable[tuple[Verdict, float]]) -> Verdict:
    """The verdict on something in trouble, blamed on what recovered just now, if its trouble dates from before.

    ``recovered`` holds what it may have suffered from, each with the moment since which that works (0: it does not).
    """
    if verdict.cause or verdict.status not in _TROUBLE:
        return verdict
    for above, moment in recovered:
        if lingers(scene, verdict, moment):
            facts = {"what": subject.name(verdict.subject), "cause": subject.name(above.subject)}
            return replace(verdict, because=Reason(RECOVERING, facts), cause=above.subject)
    return verdict


def well_since(verdict: Verdict) -> float:
    """Since when a subject is ok (Unix time); 0 if it is not."""
    return verdict.since if verdict.status is Status.OK else 0.0
