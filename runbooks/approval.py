"""A person's agreement to one runbook for one incident: who, when, why, and how long it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

LASTS = 3600.0  #: seconds; whoever agreed an hour ago agreed to another situation


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's agreement. ``at`` is Unix seconds."""

    runbook: str
    incident: int
    by: str
    at: float
    because: str = ""

    def holds(self, now: float) -> bool:
        """Whether it still counts."""
        return 0 <= now - self.at < LASTS


def to_record(approval: Approval) -> dict[str, Any]:
    """The approval as plain JSON values, for the store."""
    return asdict(approval)


def from_record(record: Mapping[str, Any]) -> Approval:
    """The inverse of :func:`to_record`; keys that a later version added are ignored."""
    return Approval(**{key: record[key] for key in ("runbook", "incident", "by", "at", "because")})
