"""What ends a run from outside its steps: people, the kill switch, and the plan's conditions on what clients see.

Watched by tasks of their own, so that a step that hangs hides nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from failover.backward import beyond_return
from failover.engine_work import Work
from failover.human import weigh
from failover.plan import AbortWhen
from failover.ports import Pulse
from failover.records import Kind, State

PERIOD = 0.5  #: seconds between two looks
_PATIENCE = 5.0  #: seconds for the meters to say what they see
_ACTING = (State.RUNNING, State.SOAKING, State.COMMIT_WAIT)


@dataclass(slots=True)
class Silence:
    """Since when the meters say nothing."""

    since: float | None = None

    def seconds(self, pulse: Pulse | None, now: float) -> float:
        """How long no vantage has measured."""
        if pulse is not None and any(not why for why in pulse.vantages.values()):
            self.since = None
            return 0.0
        self.since = now if self.since is None else self.since
        return now - self.since


def tripped(conditions: tuple[AbortWhen, ...], pulse: Pulse | None, silent: float) -> tuple[str, str] | None:
    """The first condition that holds, and why. Pure."""
    for each in conditions:
        because = _holds(each, pulse, silent)
        if because:
            return each.when, because
    return None


def _holds(condition: AbortWhen, pulse: Pulse | None, silent: float) -> str:
    limit = condition.limit or 0.0
    if condition.when == "meters-silent" and silent > limit:
        return f"no vantage has measured for {silent:.1f} s"
    if pulse is None:
        return ""
    if condition.when == "outage-over" and pulse.down_for is not None and pulse.down_for > limit:
        return f"clients have been without service for {pulse.down_for:.1f} s"
    if condition.when == "old-writer-acks" and pulse.acked_at_old > limit:
        return f"the fenced writer acknowledged {pulse.acked_at_old} writes"
    return ""


async def watch_people(work: Work) -> None:
    """Take in what people say, and see the kill switch."""
    while True:
        hear(work)
        if work.standing.state in (*_ACTING, State.ROLLING_BACK) and not work.ordered.is_set() and work.kill.on():
            thrown = work.kill.read()
            who = f"by {thrown.by}: {thrown.because}" if thrown and thrown.by else "by a file"
            _order(work, "kill-switch", f"thrown {who}", "pause")
        await work.clock.sleep(PERIOD)


def hear(work: Work) -> None:
    """Take in what was said since."""
    for word in work.says.new(work.standing.taken):
        why_not = weigh(work.plan.plan, work.standing, word)
        said = {"what": word.what, "step": word.step, "by": word.by, "reason": word.reason, "file": word.file}
        work.note(Kind.SAID, {**said, "counts": not why_not, "because": why_not}, actor=word.by or "nobody")


async def watch_meters(work: Work) -> None:
    """See what clients see, and order the way back when a condition of the plan holds."""
    silence = Silence()
    while True:
        pulse = await _pulse(work)
        silent = silence.seconds(pulse, work.now())
        if work.standing.state in _ACTING and not work.ordered.is_set():
            found = tripped(work.plan.plan.abort, pulse, silent)
            if found:
                automatic = not (work.standing.real or work.choices.real or beyond_return(work.plan, work.standing))
                _order(work, *found, "roll-back" if automatic else "pause")
        await work.clock.sleep(PERIOD)


async def _pulse(work: Work) -> Pulse | None:
    try:
        async with asyncio.timeout(_PATIENCE):
            return await work.meters.pulse()
    except Exception:  # whatever is wrong with the meters is silence, and never the end of a run
        return None


def _order(work: Work, condition: str, because: str, order: str) -> None:
    work.note(Kind.ABORT, {"condition": condition, "because": because, "order": order}, actor="watcher")
