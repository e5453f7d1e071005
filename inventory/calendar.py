"""What the calendar says of a moment, each effect with the entry it comes from. Pure: the time comes in as an argument.

Unknown is never fine: an occasion whose days of this year nobody has entered is told as such, and whoever must not act
in a guard period cannot be sure that there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from inventory.base import Name
from inventory.calendar_model import Calendar, Drill, Freeze, Guard, Mode, Occurrence, Window
from inventory.model import Estate
from inventory.scope import covered

_DAY = timedelta(days=1)


class Kind(StrEnum):
    """What an entry is."""

    MAINTENANCE = "maintenance"
    DRILL = "drill"
    GUARD = "guard"


class Rest(StrEnum):
    """Whether people work on a day."""

    WORKING = "working"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"
    EXCHANGED = "exchanged"  #: a day of rest on which people work (调休)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the calendar at one time, ``[start, end)`` in Unix seconds: the because of every effect."""

    kind: Kind
    id: str
    name: Name
    start: float
    end: float
    said: Window | Guard  #: as it was written
    days: Occurrence | None = None  #: what a guard period leans on

    @property
    def counts(self) -> bool:
        """Whether it has any effect: planned work has one only when it was approved before."""
        return not isinstance(self.said, Window) or self.said.approved is not None

    @property
    def verified(self) -> bool:
        """Whether its days were compared with their source."""
        return self.days is None or self.days.verified

    def holds(self, instant: float) -> bool:
        """Whether the entry is in force."""
        return self.start <= instant < self.end


@dataclass(frozen=True, slots=True)
class Due:
    """A daily report (零报告) that a guard period asks for."""

    because: Entry
    at: float


@dataclass(frozen=True, slots=True)
class DayKind:
    """Whether people work on a day, because of which occasion, and whether that is known for sure."""

    day: date
    rest: Rest
    because: Name | None
    certain: bool


@dataclass(frozen=True, slots=True)
class Effects:
    """All that the calendar says of one moment."""

    instant: float
    entries: tuple[Entry, ...]  #: in force and counting
    unknown: tuple[Guard, ...]  #: guard periods of which nobody knows when they are this year
    today: DayKind
    zero_reports: tuple[Due, ...]  #: due today, whether or not the time has come

    def planned(self, subject: str, estate: Estate) -> Entry | None:
        """The planned work or drill that covers a subject; work before drills."""
        windows = (one for one in self.entries if isinstance(one.said, Window))
        found = (one for one in windows if subject in covered(estate, one.said.subjects))  # type: ignore[union-attr]
        return next(iter(sorted(found, key=lambda one: (one.kind is Kind.DRILL, one.end))), None)

    @property
    def guards(self) -> tuple[Entry, ...]:
        """The guard periods in force."""
        return tuple(one for one in self.entries if one.kind is Kind.GUARD)

    @property
    def faster(self) -> tuple[float, Entry | None]:
        """How many times as often checks are asked, and because of what."""
        found = [(one.said.faster, one) for one in self.guards if isinstance(one.said, Guard)]
        return max(found, key=lambda pair: pair[0], default=(1.0, None))

    @property
    def freeze(self) -> tuple[Freeze, Entry | None]:
        """What of the runbooks does not start by itself, and because of what; the strictest guard period decides."""
        strict = list(Freeze)
        found = [(one.said.runbooks, one) for one in self.guards if isinstance(one.said, Guard)]
        return min(found, key=lambda pair: strict.index(pair[0]), default=(Freeze.NOTHING, None))

    @property
    def refuses_full_drills(self) -> tuple[Entry, ...]:
        """The guard periods in which no full drill may begin; none while a drill is due that two persons agreed to."""
        if any(isinstance(one.said, Drill) and one.said.mode is Mode.FULL and one.said.despite for one in self.entries):
            return ()
        return tuple(one for one in self.guards if isinstance(one.said, Guard) and not one.said.full_drills)


def at(calendar: Calendar, instant: float) -> Effects:
    """What holds at an instant (Unix seconds)."""
    day = datetime.fromtimestamp(instant, ZoneInfo(calendar.timezone)).date()
    entries = tuple(one for one in _entries(calendar) if one.counts and one.holds(instant))
    return Effects(instant, entries, unknown(calendar, day.year), day_kind(calendar, day), _due(calendar, day))


def between(calendar: Calendar, start: float, end: float) -> tuple[Entry, ...]:
    """All entries that touch ``[start, end)``, also those without an effect, in the order of time."""
    found = (one for one in _entries(calendar) if one.start < end and one.end > start)
    return tuple(sorted(found, key=lambda one: (one.start, one.end, one.kind, one.id)))


def planned(calendar: Calendar, estate: Estate, start: float, end: float) -> Iterator[tuple[Entry, frozenset[str]]]:
    """Planned work and drills that touch ``[start, end)`` and were approved before, each with what it covers."""
    for one in between(calendar, start, end):
        if isinstance(one.said, Window) and one.counts:
            yield one, covered(estate, one.said.subjects)


def unknown(calendar: Calendar, year: int) -> tuple[Guard, ...]:
    """The guard periods whose occasion has no days in a year."""
    return tuple(one for one in calendar.guards if one.occasion and not _in_year(calendar, one, year))


def day_kind(calendar: Calendar, day: date) -> DayKind:
    """Whether people work on a day; certain only in years whose exchange of days was announced."""
    certain = day.year in calendar.almanac.announced
    for occasion in calendar.almanac.occasions:
        for one in occasion.occurrences:
            if day in one.workdays:
                return DayKind(day, Rest.EXCHANGED, occasion.name, one.verified)
            if occasion.holiday and one.first <= day <= one.last:
                return DayKind(day, Rest.HOLIDAY, occasion.name, one.verified)
    return DayKind(day, Rest.WEEKEND if day.weekday() >= 5 else Rest.WORKING, None, certain)


def instant(calendar: Calendar, moment: datetime) -> float:
    """A moment of the estate's wall clock in Unix seconds."""
    return moment.replace(tzinfo=ZoneInfo(calendar.timezone)).timestamp()


def guard_days(calendar: Calendar, guard: Guard) -> list[tuple[date, date, Occurrence | None]]:
    """First and last day of a guard period, each time it comes."""
    if guard.first is not None:
        return [(guard.first, guard.last or guard.first, None)]
    occasion = calendar.almanac.occasion(guard.occasion or "")
    before, after = guard.before * _DAY, guard.after * _DAY
    return [(one.first - before, one.last + after, one) for one in (occasion.occurrences if occasion else ())]


def _in_year(calendar: Calendar, guard: Guard, year: int) -> bool:
    occasion = calendar.almanac.occasion(guard.occasion or "")
    return any(year in (one.first.year, one.last.year) for one in (occasion.occurrences if occasion else ()))


def _entries(calendar: Calendar) -> Iterator[Entry]:
    for kind, windows in ((Kind.MAINTENANCE, calendar.maintenance), (Kind.DRILL, calendar.drills)):
        for window in windows:
            start, end = instant(calendar, window.start), instant(calendar, window.until)
            yield Entry(kind, window.id, window.name, start, end, window)
    for guard in calendar.guards:
        for first, last, days in guard_days(calendar, guard):
            start, end = _midnight(calendar, first), _midnight(calendar, last + _DAY)
            yield Entry(Kind.GUARD, guard.id, guard.name, start, end, guard, days)


def _midnight(calendar: Calendar, day: date) -> float:
    return instant(calendar, datetime.combine(day, time()))


def _due(calendar: Calendar, day: date) -> tuple[Due, ...]:
    found = []
    for one in _entries(calendar):
        if isinstance(one.said, Guard) and one.said.zero_report:
            due = instant(calendar, datetime.combine(day, one.said.zero_report))
            if one.holds(due):
                found.append(Due(one, due))
    return tuple(found)
