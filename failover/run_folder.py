"""Where a run's files lie. One folder a run, below ``var/drills`` unless said otherwise.

```
<run>/journal.jsonl          the chain of records, fsynced one by one
<run>/plan.yml               the plan as it was when the run began
<run>/concrete.json          the plan bound to the estate, as it ran
<run>/estate/                the estate's files as they were
<run>/says/                  what people answer, one file each, taken in by the engine (and then journalled)
<run>/meters/<vantage>/      head.json, probes.jsonl, canaries.jsonl, readback.jsonl, fenced.jsonl
<run>/runs/                  ansible-runner's artifacts
<run>/manifest.json          names, sizes and hashes of all the files above, and the journal's head
```
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

RUN_ID = re.compile(r"\d{8}T\d{6}Z-[a-z0-9-]{1,60}-[0-9a-f]{4}")


def new_id(plan: str, wall: float) -> str:
    """A run's id: sorts by time, names the plan, and is a folder's name."""
    return f"{datetime.fromtimestamp(wall, UTC):%Y%m%dT%H%M%SZ}-{plan}-{secrets.token_hex(2)}"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The paths of one run; nothing is created by asking."""

    folder: Path

    @property
    def run(self) -> str:
        """The run's id."""
        return self.folder.name

    @property
    def journal(self) -> Path:
        """The chain of records."""
        return self.folder / "journal.jsonl"

    @property
    def plan(self) -> Path:
        """The plan as it was."""
        return self.folder / "plan.yml"

    @property
    def concrete(self) -> Path:
        """The plan bound to the estate."""
        return self.folder / "concrete.json"

    @property
    def estate(self) -> Path:
        """The estate's files."""
        return self.folder / "estate"

    @property
    def says(self) -> Path:
        """What people answered."""
        return self.folder / "says"

    @property
    def meters(self) -> Path:
        """The meters' logs, a folder a vantage."""
        return self.folder / "meters"

    @property
    def runs(self) -> Path:
        """Artifacts of ansible-runner."""
        return self.folder / "runs"

    @property
    def manifest(self) -> Path:
        """Names, sizes and hashes of everything else."""
        return self.folder / "manifest.json"
