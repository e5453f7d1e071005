"""Errors whose text is meant for the operator: shown as it is, without a traceback."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file the operator wrote; lines count from 1."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where it is, the offending text, what is wrong and what to write instead."""

    mark: Mark
    text: str
    message: str
    instead: str = ""

    def __str__(self) -> str:
        shown = f" `{self.text}`" if self.text else ""
        hint = f" — {self.instead}" if self.instead else ""
        return f"{self.mark}:{shown} {self.message}{hint}"


class OperatorError(Exception):
    """Something the operator can mend; the message says how."""


class InvalidEstate(OperatorError):
    """The files are wrong; carries every problem found, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
