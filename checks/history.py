"""What a center answered while nobody listened: the past of its prober, from its own Prometheus, in bounded pieces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from checks.fetch import place
from checks.prometheus import NoAnswer, ahead, read_history
from checks.result import Result
from inventory.model import Center

AHEAD = 5.0  #: seconds that a center's clock may differ from ours before its past is not merged with others'


@dataclass(frozen=True, slots=True)
class History:
    """What one center says of its own vantage in a stretch of time; without ``answered`` it could not be asked."""

    answered: bool
    sentence: str  #: how much there is, or why there is none
    results: tuple[Result, ...] = ()  #: oldest first


Read = Callable[[Center, float, float], History]  #: center, start and end (Unix seconds) -> its past; never raises


def read(center: Center, start: float, end: float, *, now: Callable[[], float], timeout: float) -> History:
    """The past of one center in ``[start, end]``; takes at most ``timeout`` seconds and never raises.

    An answer with a warning counts as none: data that a part of a cluster kept back may yet come.
    """
    if center.prometheus is None:
        return History(False, "the estate names no Prometheus for it")
    try:
        off = ahead(center.prometheus, now(), timeout / 2)
        if abs(off) > AHEAD:
            return History(False, f"the clock at {place(center.prometheus)} is {off:+.0f} s off ours")
        reading = read_history(center.prometheus, center.id, start, end, timeout / 2)
    except NoAnswer as error:
        return History(False, str(error))
    if reading.partial:
        return History(False, f"Prometheus has only part of the data: {reading.partial}")
    return History(True, f"{len(reading.results)} answers", reading.results)
