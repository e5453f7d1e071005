"""What the engine needs of the world, as protocols: hands that act on hosts, meters that see what clients see, a clock.

The engine knows nothing else of the outside, so the same engine runs on three simulated centers and on real ones.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from failover.concrete import Call, Value


class Outcome(StrEnum):
    """How an action on a host ended."""

    DONE = "done"  #: it is so now (also when it already was)
    REFUSED = "refused"  #: surely nothing was done, and why
    FAILED = "failed"  #: it was tried and is not so
    UNKNOWN = "unknown"  #: no answer in time: it may or may not have happened


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one call."""

    outcome: Outcome
    says: str = ""  #: one bounded line for people
    facts: Mapping[str, Any] = field(default_factory=dict)  #: bounded plain JSON, by the action's card
    took: float = 0.0  #: seconds on the desk's monotonic clock


@dataclass(frozen=True, slots=True)
class Token:
    """Who may act: hosts remember the highest epoch they have seen and refuse an older one (rule R17)."""

    run: str
    epoch: int
    act: str = ""  #: which act of the run: the same when it is asked again, and then it answers the same ``before``


class Hands(Protocol):
    """Carries out calls on hosts. Never raises for what a host does or does not do: that is a Reply."""

    async def warm(self, hosts: Collection[str]) -> Mapping[str, Reply]:
        """Open connections and load interpreters, so that an urgent call costs one round trip; a Reply by host."""
        ...

    async def act(self, call: Call, give: Mapping[str, Value], token: Token, *, timeout: float, urgent: bool) -> Reply:
        """Carry out one call within ``timeout`` seconds; ``give`` are its inputs with every Found filled in.

        ``urgent``: over the open connection; else as an Ansible runbook. Canceling it leaves no process behind.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


@dataclass(frozen=True, slots=True)
class Pulse:
    """What the meters say at this moment, for gates and abort conditions."""

    vantages: Mapping[str, str]  #: vantage -> "" when it measures, else why not
    down_for: float | None  #: seconds since the last good probe of the vantage that is worst off; None: not known
    acked_at_old: int  #: canary writes that the old writer acknowledged after its fence (0 is what must be)


class Meters(Protocol):
    """Measures what clients see while a run goes on; the logs lie at the vantages until they are collected."""

    async def start(self) -> Mapping[str, str]:
        """Start probes and canary writers at every vantage; vantage -> "" or why it does not measure."""
        ...

    async def pulse(self) -> Pulse:
        """What is seen now."""
        ...

    async def fenced(self, address: str) -> None:
        """From now on also try to write straight at the old writer: every attempt must be refused."""
        ...

    async def stop(self) -> Mapping[str, str]:
        """Read the canaries back from the writer, stop, collect all logs into the run's folder.

        Vantage -> "" or why its logs are not complete.
        """
        ...


class Clock(Protocol):
    """The one clock of a run."""

    def mono_ns(self) -> int:
        """Nanoseconds of the monotonic clock; all durations are differences of these."""
        ...

    def wall(self) -> float:
        """Unix seconds; only to print."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...
