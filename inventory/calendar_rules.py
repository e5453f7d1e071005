"""What must hold for the calendar: approved before, about what is there, not against a guard period. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from inventory import subject as subjects
from inventory.almanac import almanac, names
from inventory.calendar import guard_days
from inventory.calendar_model import Almanac, Calendar, Guard, Override, Window
from inventory.errors import Problem
from inventory.node import shown
from inventory.parts import Item, Parts, sound
from inventory.reference import Problems, Rule
from inventory.wording import nearest

_KINDS = ("estate", "center", "host", "service", "system", "component", "link", "province", "watch")
_LONGEST = timedelta(days=14)


def almanac_is_known(parts: Parts) -> Problems:
    """The almanac is one that ships."""
    head = parts.calendar
    if head is not None and head.almanac not in names():
        yield Problem(parts.calendar_mark("almanac"), head.almanac, "is no almanac", nearest(head.almanac, names()))


def windows_are_in_order(parts: Parts) -> Problems:
    """Each ends after it begins, was approved before it began, and every later end was agreed before the former."""
    for item, window in _windows(parts):
        if window.end <= window.start:
            yield Problem(
                item.mark("end"), f"{window.end:%Y-%m-%dT%H:%M}", "is not after the start", "write a later end"
            )
        elif window.end - window.start > _LONGEST:
            yield Problem(item.mark("end"), window.id, "lasts longer than 14 days", "plan it in parts")
        if window.approved and window.approved.at > window.start:
            message = "is approved after it began: such time counts as unplanned"
            yield Problem(item.mark("approved"), window.id, message, "begin it after its approval, or remove it")
        yield from _extensions(item, window)


def _extensions(item: Item[Window], window: Window) -> Problems:
    end = window.end
    for at, one in enumerate(window.extended):
        mark = item.mark("extended", at)
        if one.end <= end:
            yield Problem(mark, f"{one.end:%Y-%m-%dT%H:%M}", "is not after the former end", "write a later end")
        if one.at > end:
            message = "was agreed after the former end: an over-run counts as unplanned"
            yield Problem(mark, f"{one.at:%Y-%m-%dT%H:%M}", message, "remove it")
        end = one.end


def windows_speak_of_what_is_there(parts: Parts) -> Problems:
    """Every selector means something."""
    known = _known(parts)
    for item, window in _windows(parts):
        for at, selector in enumerate(window.subjects):
            kind = subjects.kind(selector)
            mark = item.mark("subjects", at)
            if kind not in _KINDS and "*" not in kind:
                yield Problem(mark, shown(selector), "begins with no kind of subject", nearest(f"{kind}:", _kinds()))
            elif known is not None and not any(fnmatchcase(one, selector) for one in known):
                yield Problem(mark, shown(selector), "means nothing in this estate", nearest(selector, known))


def guards_have_days(parts: Parts) -> Problems:
    """An occasion of the almanac, or days of its own; never both, never neither."""
    book = _almanac(parts)
    for item in parts.guards.values():
        guard = item.value
        if guard is None:
            continue
        own = guard.first is not None
        if own == (guard.occasion is not None):
            message = "has an occasion and days of its own" if own else "has neither an occasion nor days"
            yield Problem(item.mark(), guard.id, message, "give `occasion`, or `first` and `last`")
        elif guard.occasion is not None and book is not None and book.occasion(guard.occasion) is None:
            known = [one.id for one in book.occasions]
            yield Problem(
                item.mark("occasion"), guard.occasion, "is not in the almanac", nearest(guard.occasion, known)
            )
        if guard.last is not None and (guard.first is None or guard.last < guard.first):
            yield Problem(item.mark("last"), f"{guard.last}", "is not after a first day", "write `first`, then `last`")
        if own and (guard.before or guard.after):
            message = "has days of its own and days around them"
            yield Problem(item.mark(), guard.id, message, "`before` and `after` are for an occasion")


def nothing_is_planned_in_a_guard_period(parts: Parts) -> Problems:
    """Planned work in an important time needs two persons and a reason."""
    for item, window in _windows(parts):
        if window.despite is not None:
            yield from _two_persons(item, window, window.despite)
            continue
        for guard, first, last in _guard_spans(parts):
            if window.start.date() <= last and window.until.date() >= first:
                message = f"lies in the guard period `{guard.id}`, from {first} to {last}"
                instead = "move it, or write `despite: {by: [two persons], because: ...}`"
                yield Problem(item.mark("start"), window.id, message, instead)
                break


def _two_persons(item: Item[Window], window: Window, despite: Override) -> Problems:
    if len({name.strip() for name in despite.by if name.strip()}) < 2:
        message = "goes on despite a guard period by fewer than two persons"
        yield Problem(item.mark("despite"), window.id, message, "write `by: [one, another]`")


def moments_exist(parts: Parts) -> Problems:
    """No moment lies in an hour that the clock of the estate leaps over."""
    zone = _zone(parts)
    for item, window in _windows(parts):
        for key, moment in (("start", window.start), ("end", window.end)):
            if zone and _leapt(moment, zone):
                message = f"does not exist in {zone.key}: the clock leaps over it"
                yield Problem(item.mark(key), f"{moment:%Y-%m-%dT%H:%M}", message, "write a moment an hour later")


def _leapt(moment: datetime, zone: ZoneInfo) -> bool:
    there = moment.replace(tzinfo=zone).timestamp()
    return datetime.fromtimestamp(there, zone).replace(tzinfo=None) != moment


def _windows(parts: Parts) -> Iterator[tuple[Item[Window], Window]]:
    for item in parts.maintenance.values():
        if item.value is not None:
            yield item, item.value
    for drill in parts.drills.values():
        if drill.value is not None:
            yield Item(drill.id, drill.value, drill.node, drill.hurt), drill.value


def _guard_spans(parts: Parts) -> Iterator[tuple[Guard, date, date]]:
    book = _almanac(parts)
    if book is None:
        return
    calendar = Calendar(timezone="UTC", almanac=book)
    for guard in sound(parts.guards):
        for first, last, _ in guard_days(calendar, guard):
            yield guard, first, last


def _almanac(parts: Parts) -> Almanac | None:
    name = parts.calendar.almanac if parts.calendar else ""
    return almanac(name) if name in names() else None


def _zone(parts: Parts) -> ZoneInfo | None:
    try:
        return ZoneInfo(parts.head.timezone) if parts.head else None
    except (KeyError, ValueError, OSError):
        return None  # has a problem of its own


def _kinds() -> list[str]:
    return [f"{kind}:" for kind in _KINDS]


def _known(parts: Parts) -> set[str] | None:
    """Every subject by its written name; None when some system could not be read, and what it holds is not known."""
    if any(item.value is None for item in parts.systems.values()) or (parts.exchange and parts.exchange.value is None):
        return None
    found = {subjects.ESTATE}
    for center in parts.centers:
        found |= {subjects.center(center), subjects.watch(center)}
    found |= {subjects.host(host) for host in parts.hosts} | {subjects.link(link) for link in parts.links}
    for system in sound(parts.systems):
        found.add(subjects.system(system.id))
        for part in system.components:
            for center, placement in part.placement.items():
                found.add(subjects.component(system.id, part.id, center))
                found |= {subjects.service(host, part.service) for host in placement.hosts if part.service}
    if parts.exchange and parts.exchange.value:
        found |= {subjects.province(one.code) for one in parts.exchange.value.provinces}
    return found


RULES: tuple[Rule, ...] = (
    almanac_is_known,
    windows_are_in_order,
    moments_exist,
    windows_speak_of_what_is_there,
    guards_have_days,
    nothing_is_planned_in_a_guard_period,
)
