"""Which checks decide whether a run helped, and what their answers say together. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from checks.check import Check
from checks.result import Status
from inventory import subject as subjects
from inventory.model import Estate
from inventory.services import users
from runbooks.card import Card

_WORST_FIRST = (Status.DOWN, Status.UNKNOWN, Status.DEGRADED, Status.OK)


def told_by(estate: Estate, subject: str) -> tuple[str, ...]:
    """The subjects whose checks tell of this one: itself, or for a service the components that run in it."""
    if subjects.kind(subject) != "service":
        return (subject,)
    host, _, service = subjects.name(subject).partition("/")
    return users(estate).get((host, service), ())


def to_ask(card: Card, about: Collection[str], host: str, checks: Iterable[Check]) -> tuple[Check, ...]:
    """The checks that verify a run: those the card names, or else those about the subjects that ask the target host."""
    if pattern := card.verify.check:
        return tuple(check for check in checks if fnmatchcase(check.id, pattern))
    return tuple(check for check in checks if check.subject in about and check.host and check.host.id == host)


def together(answers: Iterable[Status]) -> Status:
    """The worst answer; without any answer nobody can tell."""
    return min(answers, key=_WORST_FIRST.index, default=Status.UNKNOWN)
