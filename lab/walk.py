"""A walk that a person could do by hand: commands typed one after another, progress shown, patience bounded."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from lab.client import Lab
from lab.errors import LabError
from lab.faults import active, undo
from lab.layout import Layout

T = TypeVar("T")
OPS = Path(__file__).parent.parent / "ops.py"
_GOOD = (0, 1, 3)  #: exit codes of commands that did what was asked, whatever they found


@dataclass
class Walk:
    """Where the walk goes: the lab's folder, a folder for what it writes, and where it is shown."""

    folder: Path
    work: Path
    out: Console
    _started: float = field(default_factory=time.monotonic)

    @property
    def estate(self) -> Path:
        """The lab's estate."""
        return Layout(self.folder).estate

    def say(self, line: str) -> None:
        """Show a line with the seconds since the walk began."""
        self.out.print(f"[{time.monotonic() - self._started:6.1f} s] {line}", markup=False, soft_wrap=True)

    def ops(self, *words: str, environment: Mapping[str, str] | None = None) -> None:
        """Run one command as a person would; its output is shown. Raises LabError when it fails."""
        done = subprocess.run(self.argv(*words), check=False, env=environment)
        if done.returncode not in _GOOD:
            raise LabError(f"`ops {' '.join(words)}` ended with {done.returncode}")

    def argv(self, *words: str) -> list[str]:
        """The command line of ``ops``."""
        return [sys.executable, str(OPS), *words]

    def heal(self) -> None:
        """A lab that stood before may carry faults."""
        lab = Lab.open(self.folder)
        for fault in active(lab):
            undo(lab, fault.name, fault.arguments)

    def until(self, look: Callable[[], T | None], what: str, patience: float) -> T:
        """The first answer that is not empty, or LabError after ``patience`` seconds."""
        limit = time.monotonic() + patience
        while not (seen := look()):
            if time.monotonic() > limit:
                raise LabError(f"waited {patience:g} s in vain for {what}; look into {self.work}")
            time.sleep(0.5)
        return seen
