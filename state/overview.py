"""What `status` shows, as data: centers, systems by centers, links, provinces, incidents, and how old everything is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from checks.result import Result, Status
from inventory import subject
from inventory.model import Estate, Name, System
from state.reasons import say
from state.verdict import Fault, Incident, Reason, Verdict

_GRAVITY = (Status.DOWN, Status.UNKNOWN, Status.DEGRADED, Status.OK)


@dataclass(frozen=True, slots=True)
class Line:
    """One subject: how it is, since when, why, and how old the newest word about it is (None: there is none)."""

    subject: str
    name: Name | None
    status: Status
    fault: Fault
    because: Reason
    since: float
    cause: str | None
    age: float | None  #: seconds


@dataclass(frozen=True, slots=True)
class Row:
    """A system: as its users see it, and its parts in each center."""

    line: Line
    cells: Mapping[str, Line | None]  #: center id -> its worst part there; None: the system is not placed there


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything on the page, at one moment."""

    at: float  #: Unix time of this view
    watched_at: float | None  #: Unix time of the watch's last cycle; None: there never was one
    estate: Line
    centers: tuple[Line, ...]
    watch: tuple[Line, ...]
    hosts: tuple[Line, ...]
    systems: tuple[Row, ...]
    links: tuple[Line, ...]
    provinces: Mapping[Status, int]
    province_lines: tuple[Line, ...]  #: those that are not ok
    incidents: tuple[Incident, ...]

    def to_json(self, lang: str = "en") -> dict[str, Any]:
        """Plain JSON values; every reason also as a sentence in ``lang``."""
        return {
            "at": self.at,
            "watched_at": self.watched_at,
            "estate": _json(self.estate, lang),
            "centers": [_json(line, lang) for line in self.centers],
            "watch": [_json(line, lang) for line in self.watch],
            "hosts": [_json(line, lang) for line in self.hosts],
            "systems": [
                {**_json(row.line, lang), "centers": {at: line and _json(line, lang) for at, line in row.cells.items()}}
                for row in self.systems
            ],
            "links": [_json(line, lang) for line in self.links],
            "provinces": {status.value: count for status, count in self.provinces.items()},
            "provinces_not_ok": [_json(line, lang) for line in self.province_lines],
            "incidents": [{**asdict(each), "sentence": say(each.because, lang)} for each in self.incidents],
        }


def overview(
    estate: Estate,
    verdicts: Iterable[Verdict],
    latest: Iterable[Result],
    incidents: Sequence[Incident],
    *,
    subjects: Mapping[str, str],
    watched_at: float | None,
    now: float,
) -> Overview:
    """The page at ``now``.

    Args:
        estate: what should exist; a subject without a verdict is shown as unknown, never left out.
        verdicts: what is stored.
        latest: the newest answers, for the ages.
        incidents: the open ones.
        subjects: check id -> subject, to know which answer speaks of what.
        watched_at: when the watch last turned (the end of its last span).
        now: Unix time.
    """
    lines = _Lines({each.subject: each for each in verdicts}, _newest(latest, subjects), now)
    provinces = estate.exchange.provinces if estate.exchange else ()
    of_provinces = [lines.line(subject.province(each.code), each.name) for each in provinces]
    return Overview(
        at=now,
        watched_at=watched_at,
        estate=lines.line(subject.ESTATE, estate.name),
        centers=tuple(lines.line(subject.center(each.id), each.name) for each in estate.centers),
        watch=tuple(lines.line(subject.watch(each.id), each.name) for each in estate.centers),
        hosts=tuple(lines.line(subject.host(each.id), None) for each in estate.hosts),
        systems=tuple(_row(estate, lines, system) for system in estate.systems),
        links=tuple(lines.line(subject.link(each.id), each.name) for each in estate.links),
        provinces=dict(Counter(line.status for line in of_provinces)),
        province_lines=tuple(line for line in of_provinces if line.status is not Status.OK),
        incidents=tuple(each for each in incidents if each.closed is None),
    )


@dataclass(frozen=True, slots=True)
class _Lines:
    verdicts: Mapping[str, Verdict]
    newest: Mapping[str, float]
    now: float

    def line(self, about: str, name: Name | None) -> Line:
        newest = self.newest.get(about)
        age = None if newest is None else max(0.0, self.now - newest)
        known = self.verdicts.get(about)
        if known is None:
            return Line(about, name, Status.UNKNOWN, Fault.WATCH, Reason("any.unjudged"), self.now, None, age)
        return Line(about, name, known.status, known.fault, known.because, known.since, known.cause, age)


def _newest(latest: Iterable[Result], subjects: Mapping[str, str]) -> dict[str, float]:
    newest: dict[str, float] = {}
    for result in latest:
        about = subjects.get(result.check)
        if about is not None:
            newest[about] = max(result.at, newest.get(about, result.at))
    return newest


def _row(estate: Estate, lines: _Lines, system: System) -> Row:
    cells: dict[str, Line | None] = {}
    for center in estate.centers:
        parts = [
            lines.line(subject.component(system.id, part.id, center.id), None)
            for part in system.components
            if center.id in part.placement
        ]
        cells[center.id] = min(parts, key=lambda line: _GRAVITY.index(line.status), default=None)
    return Row(lines.line(subject.system(system.id), system.name), cells)


def _json(line: Line, lang: str) -> dict[str, Any]:
    return {
        "subject": line.subject,
        "name": line.name.said(lang) if line.name else subject.name(line.subject),
        "status": line.status.value,
        "fault": line.fault.value,
        "code": line.because.code,
        "sentence": say(line.because, lang),
        "since": line.since,
        "cause": line.cause,
        "age": line.age,
    }
