"""Judging the past: answers of long ago go through the cycle in the order and at the times of then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from checks.result import Result
from state.cycle import Cycle
from state.verdict import Change

STEP = 5.0  #: seconds from one judgement of the past to the next; no status is known more exactly than its checks ask


def moments(results: Sequence[Result], start: float, end: float, step: float) -> Iterator[tuple[float, list[Result]]]:
    """When the cycle is turned in ``(start, end]``, and the answers that are new by then. Pure.

    Answers from before ``start`` come with the first turn. There are no moments if there are no answers: a time that
    nobody speaks of is left as it is, unwatched.
    """
    waiting = sorted((result for result in results if result.at <= end), key=_asked, reverse=True)
    if not waiting:
        return
    count = 0
    while (now := min(start + (count := count + 1) * step, end)) > start:
        due = []
        while waiting and waiting[-1].at <= now:
            due.append(waiting.pop())
        yield now, due
        if now >= end:
            return


def replay(cycle: Cycle, results: Sequence[Result], start: float, end: float, step: float = STEP) -> list[Change]:
    """Turn the cycle through ``(start, end]`` on answers that are already there; returns the changes it recorded.

    Nobody at the desk looked at the centers then, so the desk has no vote. Each turn is one transaction: whoever is
    interrupted goes on from where the store says that the watch was last.
    """
    changes: list[Change] = []
    for now, due in moments(results, start, end, step):
        changes += cycle.turn(due, {}, now)
    return changes


def _asked(result: Result) -> float:
    return result.at
