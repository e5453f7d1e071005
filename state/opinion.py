"""Folding the votes of several vantages on one check into one opinion. Pure.

The vantage in the target's own center is the inside one. Somebody's success outweighs everybody's failure, because a
failure may be the path's; a failure only counts from where the path is known to work. A success that is older than the
failure is not held against it once its vantage has gone silent, and is waited for otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from checks.check import Check
from checks.result import Status
from state.scene import Scene
from state.signals import speaks_for
from state.verdict import Vote

_WORKING = (Status.OK, Status.DEGRADED)


class How(StrEnum):
    """What the opinion rests on."""

    AGREED = "agreed"  #: nobody who knows says otherwise
    PATH_NOTED = "path_noted"  #: it works, some vantages cannot reach it
    INSIDE_FAILS = "inside_fails"  #: it works from outside only
    FAILS = "fails"  #: nobody who could reach it finds it working
    PATH = "path"  #: those who fail cannot reach the center either: nothing is known
    STALE = "stale"  #: there were answers, they no longer speak
    NEVER = "never"  #: there was no answer yet
    UNSURE = "unsure"  #: the answers themselves were "unknown", or are not yet confirmed


@dataclass(frozen=True, slots=True)
class Opinion:
    """One check, all vantages taken together."""

    check: Check
    status: Status
    how: How
    since: float
    votes: tuple[Vote, ...]
    failing: tuple[str, ...] = ()  #: vantages that find it down
    sentence: str = ""  #: what the most telling vote said

    @property
    def calm(self) -> bool:
        """Whether nobody finds it down: then it stays as it is until a vote changes."""
        return not any(vote.status is Status.DOWN for vote in self.votes)


def opinion(scene: Scene, check: Check) -> Opinion:
    """The opinion on one check at the scene's moment."""
    votes = scene.votes(check)
    working = [vote for vote in votes if vote.status in _WORKING]
    failed = [vote for vote in votes if vote.status is Status.DOWN and not scene.outdated(vote, working)]
    return _contested(scene, check, votes, failed) if failed else _uncontested(scene, check, votes)


def onset(check: Check, votes: Sequence[Vote]) -> float:
    """When trouble began that several vantages saw: the first of the failures that belong to the latest one.

    A vantage that failed long before the others had a trouble of its own; its date is not the outage's.
    """
    latest = max(vote.since for vote in votes)
    return min(vote.since for vote in votes if vote.since >= latest - speaks_for(check))


def _uncontested(scene: Scene, check: Check, votes: tuple[Vote, ...]) -> Opinion:
    working = [vote for vote in votes if vote.status in _WORKING]
    if not working:
        return _unknown(scene, check, votes)
    telling = _telling(check, working)
    return Opinion(check, telling.status, How.AGREED, telling.since, votes, (), telling.sentence)


def _telling(check: Check, working: Sequence[Vote]) -> Vote:
    """The inside vote if there is one, else the best: what one outside vantage finds slow may be its path."""
    return min(working, key=lambda vote: (vote.vantage != check.center, vote.status is not Status.OK, -vote.since))


def _unknown(scene: Scene, check: Check, votes: tuple[Vote, ...]) -> Opinion:
    if all(vote.age == float("inf") for vote in votes):
        return Opinion(check, Status.UNKNOWN, How.NEVER, scene.now, votes)
    spoken = [vote for vote in votes if vote.age != float("inf")]
    telling = max(spoken, key=lambda vote: vote.since)
    stale = all(scene.signals[vote.check, vote.vantage].stale(scene.now) for vote in spoken)
    how = How.STALE if stale else How.UNSURE
    return Opinion(check, Status.UNKNOWN, how, telling.since, votes, (), telling.sentence)


def _contested(scene: Scene, check: Check, votes: tuple[Vote, ...], failed: list[Vote]) -> Opinion:
    first = min(vote.since for vote in failed)
    failing = tuple(vote.vantage for vote in failed)
    backing = [vote for vote in votes if vote.status in _WORKING and _counts(scene, vote, first)]
    inside = next((vote for vote in failed if vote.vantage == check.center), None)
    proven = [vote for vote in failed if scene.proves(vote, check.center)]
    told = (inside or failed[0]).sentence
    heard = [scene.works_again(vote, inside.since) for vote in backing] if inside else []
    # What recovers is often seen from outside first: inside must go on failing to be the exception.
    if inside and any(again is not None and scene.renewed_after(inside, again) for again in heard):
        return Opinion(check, Status.DEGRADED, How.INSIDE_FAILS, inside.since, votes, failing, told)
    if backing and not (inside and len(proven) > 1):
        telling = _telling(check, backing)
        return Opinion(check, telling.status, How.PATH_NOTED, telling.since, votes, failing, told)
    if proven:
        return Opinion(check, Status.DOWN, How.FAILS, onset(check, proven), votes, failing, told)
    return Opinion(check, Status.UNKNOWN, How.PATH, onset(check, failed), votes, failing, told)


def _counts(scene: Scene, vote: Vote, first_failure: float) -> bool:
    """A success counts if it is newer than the failure, or its vantage is still there to answer again."""
    return scene.works_after(vote, first_failure) or not scene.silent(vote.vantage)
