"""Which faults are active and since when; written before a fault is injected, so that it can always be undone."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from lab.client import Lab
from lab.state import read_json, replace


@dataclass(frozen=True, slots=True)
class Active:
    """A fault that was injected and not undone. Times are Unix seconds."""

    name: str
    arguments: tuple[str, ...]
    at: float  #: when the injection began: nothing was wrong before
    done: float | None = None  #: when it was complete: from now on all of it is wrong; None: interrupted

    @property
    def key(self) -> tuple[str, tuple[str, ...]]:
        """What tells one fault from another."""
        return self.name, self.arguments


def active(lab: Lab) -> tuple[Active, ...]:
    """The lab's active faults, the oldest first."""
    rows = read_json(lab.layout.faults, [])
    return tuple(Active(row["name"], tuple(row["arguments"]), row["at"], row["done"]) for row in rows)


def write(lab: Lab, faults: tuple[Active, ...]) -> None:
    """Replace the record."""
    replace(lab.layout.faults, json.dumps([asdict(fault) for fault in faults], indent=1) + "\n")
