"""Databases that suffer from each other: what is between a primary and its copies, or the other end, is why. Pure.

Only of a server that answers: one that is silent is its own trouble. A primary whose commits hang, and a copy that
receives nothing, both say so themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from checks.result import Status
from inventory import subject
from inventory.model import Component, System
from state.lingering import under_recovered
from state.machines import wavers
from state.scene import Scene
from state.verdict import Reason, Verdict, Vote

REPLICATION = "component.replication"  #: the reason code of a database that suffers from another, or from the way
_TROUBLE = (Status.DOWN, Status.DEGRADED)


def under_replication(scene: Scene, system: System, found: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """The verdicts on a system's databases that suffer from the other end of their replication, or from the way."""
    told: dict[str, Verdict] = {}
    flow = system.replication
    if flow is None:
        return told
    for part in system.components:
        for center in sorted(part.placement, key=lambda center: center != flow.source):
            verdict = found[subject.component(system.id, part.id, center)]
            if verdict.status in _TROUBLE and not verdict.cause and asks_database(scene, verdict):
                known = {**found, **told}
                above = [known[about] for about in other_ends(scene, system, part, center)]
                above = [each for each in above if not _complains(scene, each)]
                told[verdict.subject] = _blamed(scene, verdict, center, above)
    return told


def asks_database(scene: Scene, verdict: Verdict) -> bool:
    """Whether a check of a database is among those that fail."""
    failing = {vote.check for vote in verdict.votes if vote.status in _TROUBLE}
    return any(scene.index.by_id[check].kind == "postgres" for check in failing)


def _answers(scene: Scene, verdict: Verdict, center: str) -> bool:
    """Whether the failing checks ask a database that answered; who cannot reach its center does not count."""
    failing = [vote for vote in verdict.votes if vote.status in _TROUBLE]
    answered = [vote for vote in failing if _answered(scene, vote)]
    return bool(answered) and not any(scene.proves(vote, center) for vote in failing if vote not in answered)


def _answered(scene: Scene, vote: Vote) -> bool:
    newest = scene.signals[vote.check, vote.vantage].latest
    spoke = newest.status in (Status.OK, Status.DEGRADED) or "role" in newest.evidence
    return spoke and scene.index.by_id[vote.check].kind == "postgres"


def _complains(scene: Scene, verdict: Verdict) -> bool:
    """Whether a database says itself that it is ill: then it suffers too, or both ends took the wrong role."""
    if subject.kind(verdict.subject) != "component":
        return False
    failing = [scene.signals[vote.check, vote.vantage].latest for vote in verdict.votes if vote.status is Status.DOWN]
    return any(newest.status is Status.DOWN and "role" in newest.evidence for newest in failing)


def other_ends(scene: Scene, system: System, part: Component, center: str) -> Iterator[str]:
    """What a system's replication needs besides its end in this center (subjects), the largest first; maybe nothing."""
    flow = system.replication
    ends = () if flow is None else tuple(flow.to) if center == flow.source else (flow.source,)
    for end in ends if flow and center in (flow.source, *flow.to) else ():
        yield subject.center(end)
        yield from (subject.link(link.id) for link in scene.index.estate.links if set(link.between) == {center, end})
        if end in part.placement:
            yield from map(subject.host, part.placement[end].hosts)
            yield subject.component(system.id, part.id, end)


def _blamed(scene: Scene, verdict: Verdict, center: str, above: list[Verdict]) -> Verdict:
    able = [each for each in above if each.cause != verdict.subject] if _answers(scene, verdict, center) else []
    why = next((each for each in able if each.status is Status.DOWN), None)
    why = why or next((each for each in able if _wavers(scene, each)), None)
    if why is None:
        return under_recovered(scene, verdict, above)
    facts = {**verdict.because.facts, "what": subject.name(verdict.subject), "cause": subject.name(why.subject)}
    fault = why.fault if why.status is Status.DOWN else verdict.fault
    return replace(verdict, fault=fault, because=Reason(REPLICATION, facts), cause=why.cause or why.subject)


def _wavers(scene: Scene, above: Verdict) -> bool:
    """Whether something that is taken to work just failed: replication often notices before the checks confirm it."""
    kind, name = subject.kind(above.subject), subject.name(above.subject)
    if kind == "host":
        return wavers(scene, name)
    checks = scene.index.of(above.subject) if kind in ("link", "component") else ()
    signals = (scene.signals.get((check.id, vantage)) for check in checks for vantage in check.vantages)
    return any(signal.wavers(scene.now) for signal in signals if signal)
