"""Judging the estate as a whole: one line for the top of the page. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from checks.result import Status
from inventory import subject
from state.scene import Scene
from state.verdict import Fault, Reason, Verdict


def judge_estate(scene: Scene, found: Mapping[str, Verdict]) -> Verdict:
    """Down if most systems are; degraded if anything is wrong anywhere; unknown if most systems or the watch are.

    It always only suffers: its cause is the gravest root below it.
    """
    systems = [found[subject.system(system.id)] for system in scene.index.estate.systems]
    wrong = [each for each in found.values() if each.status in (Status.DOWN, Status.DEGRADED)]
    counts = {status: sum(each.status is status for each in systems) for status in Status}
    facts = {f"{status}": str(count) for status, count in counts.items()} | {"systems": str(len(systems))}
    if systems and 2 * counts[Status.DOWN] > len(systems):
        return _verdict(scene, Status.DOWN, "estate.down", facts, wrong)
    if not systems or 2 * counts[Status.UNKNOWN] > len(systems):
        return _verdict(scene, Status.UNKNOWN, "estate.unseen", facts, [])
    if wrong:
        return _verdict(scene, Status.DEGRADED, "estate.trouble", facts, wrong)
    if counts[Status.UNKNOWN]:
        return _verdict(scene, Status.UNKNOWN, "estate.partly_unseen", facts, [])
    return _verdict(scene, Status.OK, "estate.ok", facts, list(found.values()))


def _verdict(scene: Scene, status: Status, code: str, facts: dict[str, str], behind: list[Verdict]) -> Verdict:
    roots = [each for each in behind if not each.cause and each.status in (Status.DOWN, Status.DEGRADED)]
    gravest = min(roots, key=lambda each: (each.status is not Status.DOWN, each.since), default=None)
    facts["which"] = ", ".join(sorted(each.subject for each in roots)[:5])
    dates = [each.since for each in behind]
    since = scene.now if not dates else max(dates) if status is Status.OK else min(dates)
    fault = gravest.fault if gravest else Fault.NONE if status is Status.OK else Fault.WATCH
    cause = gravest.subject if gravest else None
    return Verdict(subject.ESTATE, status, fault, Reason(code, facts), since, scene.now, cause=cause)
