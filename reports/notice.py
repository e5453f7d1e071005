"""What people are told of incidents: alerts for Alertmanager, one digest for a mail, however much happened. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from checks.sentence import clean
from inventory import subject as subjects
from inventory.model import Estate
from reports.alertmanager import Alert
from reports.formats import duration, moment
from reports.language import Language, language
from reports.names import subject_name
from reports.watchdog import NAME
from state.outbox import Batch, Queued
from state.reasons import say as say_reason
from state.verdict import Incident

MOST = 20  #: incidents told one by one in a mail
_HOLD = (
    86400.0  #: seconds for which an open incident keeps firing when nobody posts it again: a dead watch repairs nothing
)
_SENTENCE = 300
_NEWS = ("opened", "grade", "due", "closed", "merged")


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """One incident in a digest: every text said, every moment written."""

    number: int
    subject: str
    events: tuple[str, ...]
    because: str
    opened: str
    noticed: str
    lasted: str  #: empty while it goes on
    affects: int


@dataclass(frozen=True, slots=True)
class Digest:
    """What a mail says."""

    title: str
    estate: str
    at: str
    lines: tuple[NoticeLine, ...]
    more: int  #: incidents that are only counted


def alerts(incidents: Iterable[Incident], estate: Estate, now: float) -> list[Alert]:
    """Incidents as alerts: open ones fire, the others are resolved.

    Labels never change in an incident's life, for an alert is known by its labels; what does change are annotations.
    """
    return [_alert(incident, estate, now) for incident in incidents]


def heartbeat(estate: Estate, watch: str, beat: str, began: float, now: float, silence: float) -> Alert:
    """The alert that always fires. It ends by itself soon after the last posting: its silence tells of a dead watch."""
    return {
        "labels": {"alertname": NAME, "estate": estate.id, "watch": watch},
        "annotations": {"beat": beat},
        "startsAt": _rfc3339(began),
        "endsAt": _rfc3339(now + silence),
    }


def digest(batch: Batch, estate: Estate, lang: str, now: float) -> Digest | None:
    """One mail of everything in the batch; None when nothing in it is worth a mail any more."""
    say = language(lang)
    told = [rows for rows in _by_incident(batch.rows) if not _vanished(rows)]
    if not told:
        return None
    told.sort(key=lambda rows: (min(_NEWS.index(row.event) for row in rows), rows[0].incident.id))
    lines = tuple(_line(rows, estate, say) for rows in told[:MOST])
    title = clean(_title(told, lines, estate, say), 200)
    at = moment(now, ZoneInfo(estate.timezone))
    return Digest(title, estate.name.said(lang), at, lines, len(told) - len(lines))


def _alert(incident: Incident, estate: Estate, now: float) -> Alert:
    about = incident.subject
    labels = {
        "alertname": "Incident",
        "estate": estate.id,
        "incident": str(incident.id),
        "subject": about,
        "kind": subjects.kind(about),
        "place": _place(estate, about),
    }
    annotations = {
        "summary_zh": _summary(incident, estate, "zh"),
        "summary_en": _summary(incident, estate, "en"),
        "fault": incident.fault.value,
        "affects": str(len(incident.affects)),
        "acknowledged_by": clean(incident.acknowledged_by or "", 60),
        "assigned_to": clean(incident.assigned_to or "", 60),
        "grade": incident.grade or incident.suggested or "",
    }
    end = now + _HOLD if incident.closed is None else max(incident.opened, min(incident.closed, now))
    return {
        "labels": {key: clean(value, 200) for key, value in labels.items() if value},
        "annotations": {key: value for key, value in annotations.items() if value},
        "startsAt": _rfc3339(incident.opened),
        "endsAt": _rfc3339(end),
    }


def _place(estate: Estate, about: str) -> str:
    """The center that a subject stands in, to route by; empty for what stands in none."""
    kind, name = subjects.kind(about), subjects.name(about)
    if kind in ("center", "watch"):
        return name
    if kind == "component":
        return name.rpartition("@")[2]
    host = name.partition("/")[0] if kind in ("host", "service") else ""
    return next((one.center for one in estate.hosts if one.id == host), "")


def _summary(incident: Incident, estate: Estate, lang: str) -> str:
    name = subject_name(estate, incident.subject, language(lang))
    return f"{name}: {clean(say_reason(incident.because, lang), _SENTENCE)}"


def _by_incident(rows: Sequence[Queued]) -> list[list[Queued]]:
    groups: dict[int, list[Queued]] = {}
    for row in rows:
        groups.setdefault(row.incident.id, []).append(row)
    return list(groups.values())


def _vanished(rows: list[Queued]) -> bool:
    """Opened and found to be part of something larger before anybody was told: its root is told of."""
    events = {row.event for row in rows}
    return {"opened", "merged"} <= events


def _line(rows: list[Queued], estate: Estate, say: Language) -> NoticeLine:
    last = rows[-1].incident
    zone = ZoneInfo(estate.timezone)
    events = {row.event for row in rows}
    brief = (say("told.brief"),) if {"opened", "closed"} <= events else ()
    said = [_event(row, say) for row in rows if not (brief and row.event in ("opened", "closed"))]
    return NoticeLine(
        number=last.id,
        subject=subject_name(estate, last.subject, say),
        events=(*brief, *said),
        because=clean(say_reason(last.because, say.code), _SENTENCE),
        opened=moment(last.opened, zone),
        noticed=moment(last.noticed, zone),
        lasted="" if last.closed is None else duration(last.closed - last.opened, say.code),
        affects=len(last.affects),
    )


def _event(row: Queued, say: Language) -> str:
    facts = {key.removesuffix(f"_{say.code}"): clean(text, 200) for key, text in row.facts.items()}
    if row.event == "merged":
        return say("told.merged", root=row.incident.merged)
    if row.event == "grade":
        return say("told.grade", grade=say(f"grade.{facts['grade']}"))
    if row.event == "due":
        return say("told.due", said=say(f"told.due_{facts['stage']}", to=facts["to"], at=facts["at"]))
    return say(f"told.{row.event}")


def _title(told: list[list[Queued]], lines: tuple[NoticeLine, ...], estate: Estate, say: Language) -> str:
    name = estate.name.said(say.code)
    if len(told) == 1:
        return say("mail.subject_one", estate=name, event=lines[0].events[0], subject=lines[0].subject)
    firsts = (next(event for event in _NEWS if any(row.event == event for row in rows)) for rows in told)
    counts = Counter(event if event in ("opened", "closed") else "other" for event in firsts)
    parts = [say(f"mail.count_{event}", n=counts[event]) for event in ("opened", "closed", "other") if counts[event]]
    return say("mail.subject_many", estate=name, counts=say("report.list").join(parts))


def _rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
