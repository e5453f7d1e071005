"""Where a trigger's inputs come from: the incident's subject, the check that fails, its host. Pure."""

from __future__ import annotations

from fnmatch import fnmatchcase

from checks.check import Check
from inventory import subject as subjects
from inventory.model import Component, Estate
from runbooks.card import CheckFilter, Trigger


def component(estate: Estate, subject: str) -> Component | None:
    """The component a subject like ``component:marriage/app@cloud`` speaks of; None for any other subject."""
    if subjects.kind(subject) != "component":
        return None
    system, _, part = subjects.name(subject).partition("@")[0].partition("/")
    parts = (part for owner in estate.systems if owner.id == system for part in owner.components)
    return next((found for found in parts if found.id == part), None)


def _fact(source: str, subject: str, check: Check, estate: Estate) -> str | None:
    whose, _, what = source.partition(".")
    kind, _, name = what.partition(".")
    if whose == "subject":
        return subjects.name(subject)
    if whose == "component":
        part = component(estate, check.subject)
        return part.service if part else None
    if whose == "host":
        return check.host.labels.get(name) if check.host else None
    if kind == "host":
        return check.host.id if check.host else None
    return check.id if kind == "id" else _parameter(check, name)


def _parameter(check: Check, name: str) -> str | None:
    value = getattr(check.params, name, None)
    return None if value is None else str(value)


def fill(trigger: Trigger, subject: str, check: Check, estate: Estate) -> dict[str, str]:
    """The inputs as far as the incident and one failing check can tell; what they cannot tell is left out."""
    facts = {key: _fact(source, subject, check, estate) for key, source in trigger.fill.items()}
    return {key: fact for key, fact in facts.items() if fact is not None}


def meant(wanted: CheckFilter, check: Check) -> bool:
    """Whether the filter means this check."""
    return (
        (not wanted.kind or check.kind in wanted.kind)
        and fnmatchcase(check.id, wanted.id)
        and all(_parameter(check, name) == value for name, value in wanted.where.items())
    )
