"""Whether people can be told at all: a verdict on the path of the notices, as part of the watch itself. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from checks.result import Status
from checks.sentence import clean
from inventory import subject
from state.verdict import Fault, Reason, Verdict


@dataclass(frozen=True, slots=True)
class Stuck:
    """A channel that takes nothing: since when, how much waits, and what it said last."""

    channel: str
    since: float
    rows: int
    error: str


def judge_path(
    started: float, arrived: float | None, watched: bool, silence: float, stuck: Sequence[Stuck], now: float
) -> Verdict | None:
    """The verdict at ``now``, or None while nothing can be said yet.

    Args:
        started: since when the heartbeat has been sent.
        arrived: when it was sent that last came back; None: none did.
        watched: whether a heartbeat is sent at all.
        silence: seconds without it, or of a channel taking nothing, that are too long.
        stuck: the channels that take nothing.
        now: seconds on the same clock as the others, which should be one that never jumps.
    """
    heard = started if arrived is None else arrived
    if watched and now - heard > silence:
        return _verdict(Status.DOWN, "notices.silent", {"time": f"{now - heard:.0f} s"}, heard, now)
    worst = min((one for one in stuck if now - one.since > silence), key=lambda one: one.since, default=None)
    if worst is not None:
        facts = {"channel": worst.channel, "rows": str(worst.rows), "said": clean(worst.error)}
        return _verdict(Status.DEGRADED, "notices.stuck", facts, worst.since, now)
    if watched and arrived is None:
        return None
    return _verdict(Status.OK, "notices.ok", {}, heard, now)


def _verdict(status: Status, code: str, facts: dict[str, str], since: float, now: float) -> Verdict:
    fault = Fault.NONE if status is Status.OK else Fault.WATCH
    return Verdict(subject.notices(), status, fault, Reason(code, facts), since, now)
