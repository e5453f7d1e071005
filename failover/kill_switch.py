"""The kill switch of the estate: a file. While it is there no run acts on any host, whatever else works or does not."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Thrown:
    """Who threw it, and why."""

    by: str
    because: str
    wall: float


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """The switch in the desk's state folder. ``touch <folder>/KILL`` throws it, too."""

    folder: Path

    @property
    def file(self) -> Path:
        """The file that is the switch."""
        return self.folder / "KILL"

    def on(self) -> bool:
        """Whether it is thrown; when that cannot be told, it is."""
        try:
            self.file.lstat()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    def read(self) -> Thrown | None:
        """Who threw it and why; None when it is not thrown."""
        if not self.on():
            return None
        try:
            with self.file.open("rb") as file:
                said = json.loads(file.read(10_000))
            return Thrown(str(said["by"])[:100], str(said["because"])[:300], float(said["wall"]))
        except (OSError, ValueError, KeyError, TypeError):
            return Thrown("", "", 0.0)

    def throw(self, by: str, because: str, wall: float) -> None:
        """From now on nothing acts."""
        self.folder.mkdir(parents=True, exist_ok=True)
        made = self.folder / f".KILL.{os.getpid()}"
        made.write_text(json.dumps({"by": by, "because": because, "wall": wall}, ensure_ascii=False), encoding="utf-8")
        made.replace(self.file)

    def clear(self) -> bool:
        """Runs may act again when a person resumes them; False when it was not thrown."""
        try:
            self.file.unlink()
        except FileNotFoundError:
            return False
        return True
