"""Grading and reporting rules as data: editions with source and ``verified``, strictly read, no constants in code."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from inventory import notation
from inventory.document import load_document
from inventory.model import Document, Identifier, Name, Seconds
from state.incident_act import Grade

_FOLDER = Path(__file__).parent / "standards"

Measure = Literal["portal", "critical-whole", "critical-main"]
_grade = Annotated[str, AfterValidator(notation.one_of(*(grade.value for grade in Grade)))]


class Edition(Document):
    """One edition of a text: what it is called, since when it is in force, where it was read, and who compared it."""

    title: Name
    effective: str
    source: str
    verified: bool
    verified_by: str = ""

    @property
    def sure(self) -> bool:
        """Whether somebody compared the figures with the text, and said who."""
        return self.verified and bool(self.verified_by)


class GradingRule(Document):
    """From when on an outage of a kind makes an incident that grave."""

    grade: _grade
    measure: Measure
    after: Seconds
    edition: Identifier


class Grading(Document):
    """``grading.yml``."""

    editions: dict[Identifier, Edition]
    rules: tuple[GradingRule, ...] = Field(min_length=1)
    people_judge: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _editions_are_there(self) -> Grading:
        _known(self.editions, (rule.edition for rule in self.rules))
        return self


class Clock(Document):
    """A report that is due within a time."""

    id: Identifier
    who: Literal["critical", "central-organ", "other", "anyone"]
    grade: _grade
    within: Seconds
    start: str = Field(alias="from")
    to: Name
    edition: Identifier


class Reporting(Document):
    """``reporting.yml``."""

    editions: dict[Identifier, Edition]
    clocks: tuple[Clock, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _references_are_there(self) -> Reporting:
        _known(self.editions, (clock.edition for clock in self.clocks))
        ids = {clock.id for clock in self.clocks}
        if wrong := {clock.start for clock in self.clocks} - ids - {"noticed", "closed"}:
            raise ValueError(f"has clocks that start from {', '.join(sorted(wrong))}, which is no clock: name one")
        return self


@cache
def grading(file: Path = _FOLDER / "grading.yml") -> Grading:
    """The rules for grades; raises InvalidEstate with every mistake in the file."""
    return load_document(file, Grading)


@cache
def reporting(file: Path = _FOLDER / "reporting.yml") -> Reporting:
    """The reporting clocks, likewise."""
    return load_document(file, Reporting)


def _known(editions: dict[str, Edition], named: Iterable[str]) -> None:
    if wrong := set(named) - set(editions):
        raise ValueError(f"names editions that are not described: {', '.join(sorted(wrong))}")
