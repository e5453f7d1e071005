"""What a subject is called in a sentence: ``component:marriage/app@cloud`` is said with the names of the estate."""

from __future__ import annotations

from collections.abc import Sequence

from checks.sentence import clean
from inventory import subject as subjects
from inventory.model import Center, Estate, Grade, Link, System
from reports.language import Language

LONGEST = 100  #: characters of a name


def subject_name(estate: Estate, subject: str, say: Language) -> str:
    """The name of a subject, cut to a line; one that the estate no longer knows is called by its id."""
    return clean(_name(estate, subject, say), LONGEST)


def _name(estate: Estate, subject: str, say: Language) -> str:
    kind, name = subjects.kind(subject), subjects.name(subject)
    if kind == "component":
        return _component(estate, name, say)
    if kind == "service":
        return " @ ".join(reversed(name.split("/", 1)))
    if kind == "watch":
        return (
            say("watch.notices")
            if subject == subjects.notices()
            else f"{say('watch.prober')} {_named(estate.centers, name, say)}"
        )
    if kind == "province":
        partners = estate.exchange.provinces if estate.exchange else ()
        return next((province.name.said(say.code) for province in partners if province.code == name), name)
    if kind == "estate":
        return estate.name.said(say.code)
    groups: dict[str, Sequence[System | Center | Link]] = {
        "system": estate.systems,
        "center": estate.centers,
        "link": estate.links,
    }
    return _named(groups[kind], name, say) if kind in groups else name


def grade(grade_: Grade, say: Language) -> str:
    """How much a system matters, in one line."""
    level = "零一二三四五"[grade_.mlps] if say.code == "zh" else str(grade_.mlps)
    parts = [say("availability.grade", mlps=level)]
    return " · ".join([*parts, say("availability.critical")] if grade_.critical else parts)


def _component(estate: Estate, name: str, say: Language) -> str:
    path, _, center = name.partition("@")
    system, _, part = path.partition("/")
    return f"{_named(estate.systems, system, say)} · {part} @ {_named(estate.centers, center, say)}"


def _named(things: Sequence[System | Center | Link], id_: str, say: Language) -> str:
    return next((thing.name.said(say.code) for thing in things if thing.id == id_), id_)
