"""The noun of this package: one answer to one check from one vantage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """What an answer, or a conclusion from answers, says."""

    OK = "ok"  #: as it should be
    DEGRADED = "degraded"  #: works, but not as it should
    DOWN = "down"  #: does not work
    UNKNOWN = "unknown"  #: nobody could tell; never fine, and never down either

    @property
    def number(self) -> int:
        """The value of the metric ``tricenter_check_status``: ok 0, degraded 1, down 2, unknown 3."""
        return list(Status).index(self)

    @classmethod
    def from_number(cls, number: float) -> Status:
        """The inverse of :attr:`number`; anything that is not 0, 1, 2 or 3 (NaN too) is unknown."""
        members = list(cls)
        return members[int(number)] if number in range(len(members)) else cls.UNKNOWN


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a probe function returns: the caller adds who asked, when and how long it took."""

    status: Status
    sentence: str  #: for people; plain text, may quote the target: hostile, escape where it is shown
    value: float | None = None  #: the number judged (seconds, bytes, days ...), in ``unit``
    unit: str = ""
    evidence: Mapping[str, str | float | int | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """One answer. ``at`` is Unix seconds when the question was sent, ``took`` is seconds on the monotonic clock."""

    check: str  #: Check.id
    vantage: str  #: center id it was asked from
    status: Status
    sentence: str
    at: float
    took: float
    value: float | None = None
    unit: str = ""
    evidence: Mapping[str, str | float | int | bool] = field(default_factory=dict)
