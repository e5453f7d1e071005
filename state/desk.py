"""The watch's own look at each center, as checks like any other: does the center's Prometheus answer the desk?

That answer is confirmed, remembered and stale like every answer, so that one lost request never counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from pydantic import BaseModel

from checks.check import Check
from checks.result import Result, Status
from inventory import subject
from inventory.model import Estate

DESK = "desk"  #: the vantage where the watch itself runs; no center has this id in the votes about centers


class NoParams(BaseModel):
    """The desk's look has no parameters: the collector has already looked."""


@cache
def check_id(center: str) -> str:
    """The id of the desk's look at a center."""
    return f"watch/{center}/reach"


def desk_checks(estate: Estate) -> tuple[Check, ...]:
    """One look per center."""
    return tuple(_check(estate, center.id) for center in estate.centers)


def desk_results(reach: Mapping[str, bool], now: float) -> list[Result]:
    """What the desk saw at ``now`` (Unix seconds): center id -> whether its Prometheus answered."""
    return [_result(center, answered, now) for center, answered in reach.items()]


def _check(estate: Estate, center: str) -> Check:
    return Check(
        id=check_id(center),
        subject=subject.watch(center),
        kind="reach",
        params=NoParams(),
        vantages=(DESK,),
        interval=estate.defaults.interval,
        timeout=estate.defaults.timeout,
        confirm=estate.defaults.confirm,
        host=None,
        center=center,
    )


def _result(center: str, answered: bool, now: float) -> Result:
    status = Status.OK if answered else Status.DOWN
    sentence = "the center's Prometheus answers" if answered else "the center's Prometheus does not answer"
    return Result(check_id(center), DESK, status, sentence, now, 0.0)
