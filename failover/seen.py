"""What is looked at before a run, and what a gate says of it. Only nouns; who asked is the engine's business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from checks.result import Status
from failover.ports import Reply
from inventory.base import Name
from state.verdict import Reason


class Passed(StrEnum):
    """How a gate stands: unknown is never fine."""

    PASS = "pass"  # noqa: S105 -- a verdict, not a secret
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Judged:
    """One gate's answer with its reason; ``hard``: fail and unknown are no-go."""

    gate: str
    hard: bool
    result: Passed
    because: Reason  #: its text is in ``failover/reasons.py``

    @property
    def stops(self) -> bool:
        """Whether the run must not begin."""
        return self.hard and self.result is not Passed.PASS


@dataclass(frozen=True, slots=True)
class ClockOff:
    """How far a host's clock is from the desk's, in seconds."""

    offset: float
    error: float


@dataclass(frozen=True, slots=True)
class Vantage:
    """Whether a vantage measures, and how finely; ``says`` is empty when it does."""

    says: str = ""
    period: float = 0.0
    timeout: float = 0.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What the watch remembers of the old writer; seconds before the run began. None: not known."""

    synchronous: frozenset[str] | None = (
        None  #: hosts that it waited for when it last answered, right before its silence
    )
    ago: float | None = None  #: since it last answered as a writer that acknowledges
    #: since nothing on its host has answered any vantage: it acknowledged nothing more from then on, or before
    silent_for: float | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """Replies by host, taken when the run began. What nobody looked at is None, and judged unknown."""

    alive: Mapping[str, Reply] = field(default_factory=dict)  #: opening the connection
    databases: Mapping[str, Reply] = field(default_factory=dict)  #: ``pg-state``
    entries: Mapping[str, Reply] = field(default_factory=dict)  #: ``entry-state``
    capacity: Mapping[str, Reply] = field(default_factory=dict)  #: ``capacity``
    clocks: Mapping[str, ClockOff] = field(default_factory=dict)
    verdicts: Mapping[str, Status] | None = None  #: the watch's, by subject
    heard: Heard = Heard()
    other_runs: tuple[str, ...] | None = None  #: runs that are under way
    vantages: Mapping[str, Vantage] | None = None
    freezes: tuple[Name, ...] | None = None  #: guard periods in force now; None: the estate has no calendar
    undated: tuple[Name, ...] = ()  #: guard periods of which nobody knows when they are this year
