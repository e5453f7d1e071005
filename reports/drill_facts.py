"""The noun that goes into a drill report: one run as it is on record, and nothing computed from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from failover.drill_record import DrillRecord, Track
from failover.findings import Finding
from failover.plan import Plan
from inventory.model import Estate


@dataclass(frozen=True, slots=True)
class DrillFacts:
    """What is known of a run when its report is made."""

    record: DrillRecord
    estate: Estate  #: as it was when the run began
    plan: Plan | None = None
    tracks: tuple[Track, ...] = ()
    findings: tuple[Finding, ...] = ()  #: of this run, as they stand in the register
    manifest: Mapping[str, Any] = field(default_factory=dict)  #: of the bundle; nothing: not sealed yet
    manifest_hash: str = ""

    @property
    def zone(self) -> ZoneInfo:
        """The estate's time zone."""
        return ZoneInfo(self.estate.timezone)
