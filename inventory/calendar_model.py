"""The words of the calendar as frozen values: maintenance, drills, guard periods, and the almanac they lean on.

Moments are those of the estate's wall clock; ``inventory/calendar.py`` makes instants of them.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from inventory.base import Day, Document, Identifier, Moment, Name, TimeOfDay
from inventory.errors import Mark


class Approval(Document):
    """Who agreed, and when."""

    by: str = Field(min_length=1, max_length=60)
    at: Moment


class Extension(Document):
    """A later end, agreed before the former end had come."""

    end: Moment
    by: str = Field(min_length=1, max_length=60)
    at: Moment


class Override(Document):
    """Why something goes on although a guard period forbids it: two persons agreed."""

    by: tuple[str, ...]
    because: str = Field(min_length=1, max_length=300)


class Window(Document):
    """Planned work on some subjects. Only what was approved before it began is planned time."""

    keyed_by: ClassVar[str] = "id"

    id: Identifier
    name: Name
    subjects: tuple[str, ...] = Field(min_length=1)  #: such as ``system:marriage``, ``center:dr``, ``host:cloud-*``
    start: Moment
    end: Moment
    approved: Approval | None = None
    extended: tuple[Extension, ...] = ()
    despite: Override | None = None  #: in a guard period nothing is planned without it
    mark: Mark

    @property
    def until(self) -> datetime:
        """When planned time ends; whatever is still down then is unplanned."""
        return self.extended[-1].end if self.extended else self.end


class Mode(StrEnum):
    """What a drill does to the estate."""

    TABLETOP = "tabletop"  #: only people talk
    REHEARSAL = "rehearsal"  #: nothing that people use is moved
    FULL = "full"  #: what people use is moved


class Drill(Window):
    """A declared drill: its scope and its time."""

    mode: Mode
    plan: str = ""  #: the failover plan that is drilled


class Freeze(StrEnum):
    """What of the runbooks still starts by itself in a guard period."""

    ALL = "all"  #: none
    RISKY = "risky"  #: those that touch only what is broken already
    NOTHING = "nothing"  #: all


class Guard(Document):
    """An important time (重保): an occasion of the almanac with days around it, or days of its own."""

    keyed_by: ClassVar[str] = "id"

    id: Identifier
    name: Name
    occasion: str | None = None
    first: Day | None = None
    last: Day | None = None
    before: int = Field(default=0, ge=0, le=30)  #: days
    after: int = Field(default=0, ge=0, le=30)
    runbooks: Freeze = Freeze.ALL
    full_drills: bool = False  #: whether full drills may be run
    faster: float = Field(default=2.0, ge=1.0, le=10.0)  #: checks are asked so many times as often
    zero_report: TimeOfDay | None = None  #: when a report is due every day, also when there is nothing to report
    mark: Mark


class Occurrence(Document):
    """An occasion in one year."""

    first: Day
    last: Day
    workdays: tuple[Day, ...] = ()  #: days of rest on which people work instead (调休)
    source: str = Field(min_length=1)
    edition: str = Field(min_length=1)
    verified: bool  #: whether somebody compared the days with the source
    note: str = ""


class Occasion(Document):
    """Something that comes every year, on days that must be looked up."""

    keyed_by: ClassVar[str] = "id"

    id: Identifier
    name: Name
    holiday: bool = False  #: whether people rest
    occurrences: tuple[Occurrence, ...]


class Almanac(Document):
    """The days of a country, from a data file."""

    announced: tuple[int, ...]  #: years whose holidays and working days in exchange are all known
    occasions: tuple[Occasion, ...]

    def occasion(self, name: str) -> Occasion | None:
        """The occasion of that id."""
        return next((one for one in self.occasions if one.id == name), None)


class Calendar(Document):
    """What is planned, and the times that are important."""

    timezone: str
    almanac: Almanac
    maintenance: tuple[Window, ...] = ()
    drills: tuple[Drill, ...] = ()
    guards: tuple[Guard, ...] = ()
