"""The nouns of this package: a proposal to act, and the run that came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from state.verdict import Reason


class Outcome(StrEnum):
    """How a run ended; only the verify check makes it ``repaired``."""

    REPAIRED = "repaired"  #: ran, and the verify check is ok
    NOT_REPAIRED = "not_repaired"  #: ran, and the verify check is not ok
    FAILED = "failed"  #: Ansible said it failed, or reached no host
    CANCELED = "canceled"  #: a person or a shutdown stopped it
    TIMEOUT = "timeout"  #: took longer than the card allows
    UNKNOWN = "unknown"  #: we cannot tell how far it came


@dataclass(frozen=True, slots=True)
class Proposal:
    """What could be done about an incident: allowed, or not now; the reason either way."""

    runbook: str
    inputs: Mapping[str, str]  #: typed and validated against the card; hostile text stays text
    incident: int | None
    subject: str
    allowed: bool
    because: Reason


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a runbook. Times are Unix seconds; ``took`` is measured on the monotonic clock."""

    id: str
    runbook: str
    inputs: Mapping[str, str]
    incident: int | None
    subject: str
    started: float
    took: float
    outcome: Outcome
    sentence: str
    check_mode: bool = False
    changed: int = 0  #: tasks that changed something
    artifacts: str = ""  #: folder with what Ansible wrote
    tasks: tuple[Mapping[str, str], ...] = field(default_factory=tuple)
