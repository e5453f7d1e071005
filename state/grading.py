"""How grave an incident is by the rules, why, and when it would become graver: a suggestion, never a decision. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from checks.result import Status
from inventory import subject
from inventory.model import Estate
from state.facts import named
from state.incident_act import Grade
from state.rulebook import Edition, Grading, GradingRule
from state.verdict import Change, Incident, Reason

#: reasons for which a system that is degraded turns some of its users away
_FELT = frozenset({"system.journey_fails", "system.journey_degraded", "system.dependency_ill", "system.cut_off"})
_GRAVEST_FIRST = tuple(Grade)
COLOURS = {Grade.EXTREME: "red", Grade.MAJOR: "orange", Grade.LARGER: "yellow", Grade.GENERAL: "blue"}

#: code -> (Chinese, English)
TEXTS = {
    "grade.portal": (
        "门户系统 {system} 中断满 {limit}（自 {start} 起）",
        "the portal {system} is out for {limit} or longer (since {start})",
    ),
    "grade.critical-whole": (
        "关键信息基础设施 {system} 整体中断满 {limit}（自 {start} 起）",
        "{system}, critical infrastructure, is out as a whole for {limit} or longer (since {start})",
    ),
    "grade.critical-main": (
        "关键信息基础设施 {system} 主要功能中断满 {limit}（自 {start} 起）",
        "a main function of {system}, critical infrastructure, is out for {limit} or longer (since {start})",
    ),
    "grade.felt": (
        "{system} 的用户受到影响，尚未达到更高等级的时限",
        "users of {system} are affected, no limit is reached",
    ),
    "grade.none": (
        "没有业务系统的用户受到影响，未达到分级标准",
        "no users of any system are affected: below all grades",
    ),
}


@dataclass(frozen=True, slots=True)
class Outage:
    """The longest time on end in which an incident kept users from a system. ``end`` None: it goes on."""

    system: str
    whole: bool  #: for all its users
    start: float
    end: float | None


@dataclass(frozen=True, slots=True)
class Crossing:
    """When, if nothing changes, an incident reaches a grade, and because of what."""

    grade: Grade
    at: float
    because: Reason
    edition: Edition


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the rules say now. ``grade`` None: below all grades."""

    grade: Grade | None
    because: tuple[Reason, ...]
    editions: tuple[Edition, ...]  #: those that the grade rests on
    next: Crossing | None

    @property
    def sure(self) -> bool:
        """Whether all figures behind the grade were compared with the text in force."""
        return all(edition.sure for edition in self.editions)


def graver(one: Grade, other: Grade | None) -> bool:
    """Whether one grade is graver than another (None: below all)."""
    return other is None or _GRAVEST_FIRST.index(one) < _GRAVEST_FIRST.index(other)


def suggest(
    outages: Sequence[Outage], estate: Estate, portals: Sequence[str], rules: Grading, now: float
) -> Suggestion:
    """What the rules say at ``now`` about an incident with these outages; ``portals`` are ids of systems."""
    if not outages:
        return Suggestion(None, (Reason("grade.none"),), (), None)
    met, ahead = [], []
    for outage in outages:
        for rule in _that_speak_of(outage, estate, portals, rules):
            reached = outage.start + rule.after
            if reached <= (now if outage.end is None else min(now, outage.end)):
                met.append((rule, outage))
            elif outage.end is None:
                ahead.append((reached, rule, outage))
    grade = min((Grade(rule.grade) for rule, _ in met), key=_GRAVEST_FIRST.index, default=Grade.GENERAL)
    behind = [(rule, outage) for rule, outage in met if rule.grade == grade.value]
    because = tuple(_reason(rule, outage, estate) for rule, outage in behind)
    felt = tuple(Reason("grade.felt", _system(outage, estate)) for outage in outages)
    editions = dict.fromkeys(rule.edition for rule, _ in behind)
    graver_ahead = [one for one in ahead if graver(Grade(one[1].grade), grade)]
    return Suggestion(
        grade,
        because or felt,
        tuple(rules.editions[name] for name in editions),
        _crossing(min(graver_ahead, key=lambda one: one[0]), estate, rules) if graver_ahead else None,
    )


def outages(incident: Incident, histories: Mapping[str, Sequence[Change]], now: float) -> tuple[Outage, ...]:
    """The outages of the systems that an incident concerns.

    ``histories`` are the changes of each system (id) in order, the one in force at the beginning included. Unknown
    after an outage is no end of it: only what is known to work again ended it.
    """
    end = now if incident.closed is None else incident.closed
    found = []
    for system, changes in histories.items():
        for whole in (True, False):
            spans = _spans(changes, whole, incident.opened, end)
            if spans:
                start, over = max(spans, key=lambda span: (end if span[1] is None else span[1]) - span[0])
                found.append(Outage(system, whole, start, over if over is not None else incident.closed))
    return tuple(found)


def concerned(incident: Incident) -> tuple[str, ...]:
    """The ids of the systems that an incident speaks of, itself or as what it affects."""
    subjects = (incident.subject, *incident.affects)
    return tuple(subject.name(each) for each in subjects if subject.kind(each) == "system")


def _spans(changes: Sequence[Change], whole: bool, begin: float, end: float) -> list[tuple[float, float | None]]:
    """The stretches in ``[begin, end)`` that count as an outage; the last may be open."""
    spans: list[tuple[float, float | None]] = []
    since: float | None = None
    for change in changes:
        if change.since >= end:
            break
        if since is None and _out(change, whole):
            since = max(change.since, begin)
        elif since is not None and change.new is not Status.UNKNOWN and not _out(change, whole):
            spans += [(since, change.since)] if change.since > begin else []
            since = None
    return spans if since is None else [*spans, (since, None)]


def _out(change: Change, whole: bool) -> bool:
    felt = change.new is Status.DEGRADED and change.because.code in _FELT
    return change.new is Status.DOWN or (not whole and felt)


def _that_speak_of(outage: Outage, estate: Estate, portals: Sequence[str], rules: Grading) -> list[GradingRule]:
    critical = any(system.id == outage.system and system.grade.critical for system in estate.systems)
    measures = set()
    if critical:
        measures.add("critical-whole" if outage.whole else "critical-main")
    if outage.whole and outage.system in portals:
        measures.add("portal")
    return [rule for rule in rules.rules if rule.measure in measures]


def _crossing(found: tuple[float, GradingRule, Outage], estate: Estate, rules: Grading) -> Crossing:
    at, rule, outage = found
    return Crossing(Grade(rule.grade), at, _reason(rule, outage, estate), rules.editions[rule.edition])


def _reason(rule: GradingRule, outage: Outage, estate: Estate) -> Reason:
    start = f"{datetime.fromtimestamp(outage.start, ZoneInfo(estate.timezone)):%m-%d %H:%M:%S}"
    limit = {"limit_zh": _length(rule.after, "小时", "分钟"), "limit_en": _length(rule.after, " h", " min")}
    return Reason(f"grade.{rule.measure}", {**_system(outage, estate), **limit, "start": start})


def _system(outage: Outage, estate: Estate) -> dict[str, str]:
    name = next((system.name for system in estate.systems if system.id == outage.system), None)
    return named("system", outage.system, name) if name else {"system": outage.system}


def _length(seconds: float, hours: str, minutes: str) -> str:
    return f"{seconds / 3600:g}{hours}" if seconds >= 3600 else f"{seconds / 60:g}{minutes}"
