"""Checks as one lone place asks them, where no prober stands in the centers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from checks.check import Check
from inventory import subject


def seen_from(checks: Iterable[Check], vantage: str) -> tuple[Check, ...]:
    """The checks with ``vantage`` as their only one. Links are left out: only their ends can speak of them."""
    return tuple(replace(check, vantages=(vantage,)) for check in checks if subject.kind(check.subject) != "link")
