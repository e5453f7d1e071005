"""The baseline as data: which settings a machine can check, for which level, and what was found. Pure but for its file.

Unknown is an outcome of its own: a setting that could not be read is never taken to be right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from checks.sentence import clean
from inventory.document import load_document
from inventory.model import Document, Identifier, Name

FILE = Path(__file__).parent / "baselines" / "mlps.yml"
Source = Literal["sshd", "accounts", "login_defs", "pwquality", "faillock"]
Facts = Mapping[str, Mapping[str, str]]  #: source -> settings; what is missing could not be read


class Outcome(StrEnum):
    """What became of one item on one host."""

    HOLDS = "holds"
    FAILS = "fails"
    UNKNOWN = "unknown"


class Item(Document):
    """One setting that can be read."""

    id: Identifier
    level: int = Field(ge=1, le=4)  #: MLPS level from which on it counts
    clause: str  #: the part of the standard it is about
    verified: bool  #: whether the clause was compared with the standard's text
    name: Name
    source: Source
    key: str = Field(pattern=r"^[a-z0-9_]+$")
    allow: tuple[str, ...] = ()  #: one of these words
    forbid: tuple[str, ...] = ()  #: none of these in a comma-separated list
    at_least: int | None = None
    at_most: int | None = None

    @model_validator(mode="after")
    def _can_fail(self) -> Self:
        if not (self.allow or self.forbid or self.at_least is not None or self.at_most is not None):
            raise ValueError("needs allow, forbid, at_least or at_most — it could never fail")
        return self

    def judge(self, value: str) -> Outcome:
        """What a value means; a number that is none is unknown."""
        if self.allow:
            return _outcome(value.lower() in self.allow)
        if self.forbid:
            return _outcome(not set(value.lower().split(",")) & set(self.forbid))
        if not value.removeprefix("-").isdecimal():
            return Outcome.UNKNOWN
        low = self.at_least is None or int(value) >= self.at_least
        return _outcome(low and (self.at_most is None or int(value) <= self.at_most))


class Baseline(Document):
    """All items, and what they rest on."""

    edition: str
    source: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """One item on one host."""

    item: Item
    outcome: Outcome
    value: str  #: what was read, bounded; empty where nothing was


@cache
def baseline() -> Baseline:
    """The baseline that ships."""
    return load_document(FILE, Baseline)


def judge(items: Iterable[Item], level: int, facts: Facts) -> list[Found]:
    """Every item that counts at ``level``: what fails first, then what is not known, then what holds."""
    found = [_found(item, facts) for item in items if item.level <= level]
    order = [Outcome.FAILS, Outcome.UNKNOWN, Outcome.HOLDS]
    return sorted(found, key=lambda one: order.index(one.outcome))


def _found(item: Item, facts: Facts) -> Found:
    value = facts.get(item.source, {}).get(item.key)
    if value is None:
        return Found(item, Outcome.UNKNOWN, "")
    return Found(item, item.judge(value), clean(value, 120))


def _outcome(holds: bool) -> Outcome:
    return Outcome.HOLDS if holds else Outcome.FAILS


def read_sshd(text: str) -> dict[str, str]:
    """The output of ``sshd -T``: every setting in effect, one a line."""
    return _first_words(text.splitlines())


def read_sshd_config(text: str) -> dict[str, str]:
    """A configuration file, where ``sshd -T`` may not be asked: the first value counts.

    What stands behind an ``Include`` may be overruled by another file, and what stands in a ``Match`` is not for all:
    from there on nothing is known. Nor are defaults.
    """
    lines = []
    for line in text.splitlines():
        if line.strip().lower().startswith(("include", "match")):
            break
        lines.append(line.replace("=", " ", 1))
    return _first_words(lines)


def read_assignments(text: str) -> dict[str, str]:
    """Files of ``name value`` or ``name = value``; what is commented out is not set."""
    return _first_words(line.replace("=", " ", 1) for line in text.splitlines())


def read_accounts(text: str) -> dict[str, str]:
    """``/etc/passwd``: who has user id 0. A text without any account is no answer."""
    rows = [line.split(":") for line in text.splitlines()]
    accounts = [row for row in rows if len(row) == 7]
    return {"uid0": ",".join(sorted({row[0] for row in accounts if row[2] == "0"}))} if accounts else {}


def _first_words(lines: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition("#")[0].strip().partition(" ")
        if name and value.strip():
            found.setdefault(name.lower(), value.strip().strip('"'))
    return found
