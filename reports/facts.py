"""The noun that goes into a report: what was recorded about one estate in one window, and nothing computed from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from zoneinfo import ZoneInfo

from inventory import subject as subjects
from inventory.calendar import between
from inventory.model import Estate
from runbooks.run_record import Proposal, Run
from state.verdict import Change, Incident, Interval


@dataclass(frozen=True, slots=True)
class Facts:
    """What was recorded. Times are Unix seconds; the window is ``[start, end)`` and may not have ended yet."""

    estate: Estate
    start: float
    end: float
    now: float  #: when the report is made; nothing after it counts
    changes: tuple[Change, ...] = ()  #: up to the window's end, with those before its start that still held then
    incidents: tuple[Incident, ...] = ()  #: open at some instant of the window
    watched: tuple[tuple[float, float], ...] = ()  #: when the watch ran
    filled: Mapping[str, tuple[Interval, ...]] = field(default_factory=dict)  #: learnt later, by subject
    runs: tuple[Run, ...] = ()  #: runbook runs started in the window
    decisions: tuple[Proposal, ...] = ()  #: what was thought of doing about incidents, and why (not); oldest first
    revision: int = 1  #: counts reports of the same window

    @property
    def until(self) -> float:
        """Where the part of the window that can be spoken of ends; the future is never counted.

        A report made while the window runs ends where the watch last looked, if that is not long ago: moments that
        nobody has had time to judge are not a gap.
        """
        until = max(self.start, min(self.end, self.now))
        looked = max((end for _, end in self.watched if end <= until), default=self.start)
        settling = 2 * self.estate.defaults.interval + self.estate.defaults.timeout
        return looked if self.now <= self.end and until - looked < settling and looked > self.start else until

    @property
    def zone(self) -> ZoneInfo:
        """The estate's time zone."""
        return ZoneInfo(self.estate.timezone)

    @property
    def digest(self) -> str:
        """SHA-256 over everything the report is computed from: equal digests, equal figures."""
        recorded: dict[str, object] = {
            "estate": self.estate.digest,
            "window": [self.start, self.until],
            "changes": [asdict(change) for change in self.changes],
            "incidents": [asdict(incident) for incident in self.incidents],
            "watched": self.watched,
            "runs": [asdict(run) for run in self.runs],
            "decisions": [asdict(decision) for decision in self.decisions],
        }
        if plans := planned_digest(self.estate, self.start, self.until):
            recorded["planned"] = plans
        if self.filled:  # where nothing was learnt later, a digest is what it was before anything could be
            recorded["filled"] = {about: [asdict(part) for part in parts] for about, parts in self.filled.items()}
        text = json.dumps(recorded, sort_keys=True, ensure_ascii=True, default=dict)
        return hashlib.sha256(text.encode()).hexdigest()


def planned_digest(estate: Estate, start: float, end: float) -> list[object]:
    """What the calendar says of a window, as plain values; the calendar is no part of the estate's own digest."""
    found = between(estate.calendar, start, end) if estate.calendar else ()
    return [[one.kind, one.id, one.start, one.end, one.said.model_dump(mode="json", exclude={"mark"})] for one in found]


def reported_subjects(estate: Estate) -> tuple[str, ...]:
    """Every subject that a report speaks of."""
    partners = estate.exchange.provinces if estate.exchange else ()
    return (
        *(subjects.system(system.id) for system in estate.systems),
        *(subjects.center(center.id) for center in estate.centers),
        *(subjects.watch(center.id) for center in estate.centers),
        *(subjects.link(link.id) for link in estate.links),
        *(subjects.province(province.code) for province in partners),
    )
