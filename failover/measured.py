"""What was measured in a run, as values: the recovery time that clients saw, and the writes that were lost.

Made by ``failover/meter/`` from the meters' logs; printed by the drill report. Times of one run are nanoseconds of the
desk's monotonic clock; ``failover/meter/clocks.py`` brings each vantage's clock to it, with its error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """A measurement against its target."""

    PASS = "pass"  # noqa: S105 -- a verdict, not a secret
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"  #: the interval holds the target, or too little was measured


@dataclass(frozen=True, slots=True)
class Interval:
    """A duration in seconds known to lie between two bounds; ``high`` None: no end was seen."""

    low: float
    high: float | None


@dataclass(frozen=True, slots=True)
class Outage:
    """What one stream of probes at one vantage saw (drill-anchors 4.2)."""

    vantage: str
    stream: str  #: ``fresh``: a new connection each time; ``kept``: one long-lived connection
    sent: int
    failed: int
    period: float  #: seconds between probes
    timeout: float
    rto: Interval | None  #: None: no outage was seen, which is at most ``resolution``
    resolution: float  #: period + timeout
    last_ok: int | None = None  #: ns sent, of the last good probe before
    first_fail: int | None = None  #: ns finished
    last_fail: int | None = None  #: ns sent
    first_ok: int | None = None  #: ns finished, of the first of the stable run
    stable: int | None = None  #: ns when it had been good for k probes and W seconds
    down: float = 0.0  #: seconds of failing in all, when it flapped
    longest: float = 0.0  #: longest single gap, seconds
    notes: tuple[str, ...] = ()  #: codes: ``prober-gap``, ``no-end``, ``clock-jump``, ``wrong-content``


@dataclass(frozen=True, slots=True)
class Phase:
    """One part of the outage, between two stamps (ns); the phases of a run add up to the whole."""

    name: str  #: occur, detect, decide, mobilise, execute, propagate, settle
    start: int
    end: int
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Writes:
    """What became of the canary writes of one channel (drill-anchors 4.3)."""

    channel: str
    vantage: str
    acked: int
    rejected: int
    unknown: int
    kept: int
    lost: tuple[int, ...] = ()  #: sequence numbers
    recovered: int = 0  #: unknown, seen afterwards
    dropped: int = 0  #: unknown, not seen afterwards
    phantom: tuple[int, ...] = ()  #: rejected, seen afterwards
    duplicate: tuple[int, ...] = ()
    holes: tuple[int, ...] = ()  #: lost although a later one was kept
    rpo: Interval | None = None  #: None: nothing was lost among ``acked``
    loss_bound: float | None = None  #: upper 95 % bound on the share lost, 3/N; None: nothing was acknowledged
    after_fence: int = 0  #: attempts straight at the old writer after its fence
    acked_after_fence: int = 0  #: of these acknowledged: must be 0
    read_back: bool = True  #: False: nobody could read to the end, so nothing is known of what was kept or lost
    period: float = 0.0  #: seconds between writes
    exchange: bool = False  #: envelopes delivered as partners deliver: a channel with an objective of its own
    waiting: int = 0  #: of those kept or recovered: in the inbox, not yet loaded


@dataclass(frozen=True, slots=True)
class Judged:
    """One objective, what was measured, and what that means."""

    objective: str  #: rto, rpo, doo, nro; ``rpo:exchange`` is that of one channel
    target: float
    measured: Interval | None
    verdict: Verdict
    because: str  #: code, said by the report in both languages


@dataclass(frozen=True, slots=True)
class Measured:
    """All that was measured in a run."""

    outages: tuple[Outage, ...]
    writes: tuple[Writes, ...]
    phases: tuple[Phase, ...]
    judged: tuple[Judged, ...]
    worst: Outage | None  #: the headline
    offsets: Mapping[str, tuple[int, int]] = field(default_factory=dict)  #: vantage -> (offset ns, error ns)
    missing: Mapping[str, str] = field(default_factory=dict)  #: vantage -> why its logs are not there

    @property
    def of_databases(self) -> tuple[Writes, ...]:
        """The writes that the plan's recovery point objective is about."""
        return tuple(one for one in self.writes if not one.exchange)
