"""Which checks decide whether a run helped, and what their answers say together. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from checks.check import Check
from checks.result import Status
from runbooks.card import Card

_WORST_FIRST = (Status.DOWN, Status.UNKNOWN, Status.DEGRADED, Status.OK)


def to_ask(card: Card, subject: str, host: str, checks: Iterable[Check]) -> tuple[Check, ...]:
    """The checks that verify a run: those the card names, or else those of the subject that ask the target host."""
    if pattern := card.verify.check:
        return tuple(check for check in checks if fnmatchcase(check.id, pattern))
    return tuple(check for check in checks if check.subject == subject and check.host and check.host.id == host)


def together(answers: Iterable[Status]) -> Status:
    """The worst answer; without any answer nobody can tell."""
    return min(answers, key=_WORST_FIRST.index, default=Status.UNKNOWN)
