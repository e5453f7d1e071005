"""What the lab's folder says about the lab: written before anything is created, read by everything else."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast

from lab.errors import LabError
from lab.layout import Layout, Mode

Phase = Literal["starting", "up", "stopping"]


@dataclass(frozen=True, slots=True)
class State:
    """How a lab was started and how far it came."""

    mode: Mode
    net: str
    phase: Phase
    started: float  #: when ``up`` began, Unix seconds


def write(layout: Layout, state: State) -> None:
    """Put the state in its file, at once or not at all."""
    replace(layout.state, json.dumps(asdict(state), indent=1) + "\n")


def read(layout: Layout) -> State | None:
    """The state, or None when no lab stands in this folder. Raises LabError when the file is not a lab's."""
    try:
        document = json.loads(layout.state.read_text())
        return State(**document)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise LabError(f"{layout.state} is not the state of a lab: {error}") from error


def replace(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file by rename, so that a reader sees the old text or the new one and never a half."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    fresh.replace(path)


def read_json(path: Path, default: object) -> Any:
    """What a JSON file of the lab holds; the default when there is none."""
    try:
        return cast(Any, json.loads(path.read_text()))
    except FileNotFoundError:
        return default
