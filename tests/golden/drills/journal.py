"""Journals as the engine writes them, for tests of what is made of them: a chain of records with the times of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from failover.records import Kind, Record
from failover.run_folder import RunFolder
from failover.verify_bundle import FIRST, canonical, digest

BEGAN = datetime(2026, 9, 12, 1, 0, 0, tzinfo=UTC)  # 09:00 in Beijing
ORIGIN = 5_000_000_000_000  #: the desk's monotonic clock when the run began
SECOND = 1_000_000_000


@dataclass
class Script:
    """Says what happened when, in seconds of the run; knows nothing of hashes."""

    run: str
    alg: str = "sha256"
    lines: list[dict[str, Any]] = field(default_factory=list)

    def at(self, seconds: float, kind: Kind, payload: Mapping[str, Any], actor: str = "engine") -> None:
        """One record."""
        record = {
            "seq": len(self.lines),
            "run": self.run,
            "epoch": 1,
            "mono_ns": ORIGIN + round(seconds * SECOND),
            "boot_id": "6e1f0a52-0000-4000-8000-000000000000",
            "wall": (BEGAN + timedelta(seconds=seconds)).isoformat(timespec="microseconds"),
            "actor": actor,
            "kind": str(kind),
            "payload": dict(payload),
            "alg": self.alg,
        }
        record["prev"] = self.lines[-1]["hash"] if self.lines else FIRST
        record["hash"] = digest(self.alg, str(record["prev"]).encode() + b"\n" + canonical(record))
        self.lines.append(record)

    def records(self) -> tuple[Record, ...]:
        """What replaying the journal gives."""
        return tuple(Record(**{**line, "kind": Kind(line["kind"])}) for line in self.lines)

    def text(self) -> bytes:
        """The journal's bytes."""
        return b"".join(canonical(line) + b"\n" for line in self.lines)


def written(folder: Path, script: Script, files: Iterable[tuple[str, bytes]] = ()) -> RunFolder:
    """A run's folder with this journal and these further files."""
    run = RunFolder(folder / script.run)
    run.folder.mkdir(parents=True)
    run.journal.write_bytes(script.text())
    for name, data in files:
        (run.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (run.folder / name).write_bytes(data)
    return run


def small(alg: str = "sha256") -> Script:
    """A journal of a few records, with Chinese text in it."""
    script = Script("20260912T010000Z-metro-switchover-a1b2", alg)
    script.at(0, Kind.OPENED, {"plan": "metro-switchover", "drill": "switchover", "people": {"commander": "wang.wei"}})
    script.at(1.5, Kind.INTENT, {"step": "fence", "part": "do", "attempt": 1, "calls": ["pg-fence"]})
    script.at(
        2.25, Kind.RESULT, {"step": "fence", "outcome": "done", "because": "写入已被拒绝", "facts": {"lsn": 50332}}
    )
    script.at(3, Kind.CLOSED, {"state": "completed", "because": ""})
    return script
