"""How the desk speaks to a running meter: small files in its folder, because a file costs no program and no port."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from failover.meter.agent.clock import Clock
from failover.meter.agent.files import read_small

_LEASE = re.compile(r"(\d{1,9}) ([0-9a-f]{1,32})")
_ADDRESS = re.compile(r"([A-Za-z0-9.:-]{1,253}) (\d{1,5})")


@dataclass(slots=True)
class Lease:
    """The desk's word that it still wants the meter. Only that it changes counts, so the wall clock has no say."""

    folder: Path
    length: int  #: ns
    clock: Clock
    epoch: int  #: of the desk's engine; an older one is not listened to
    _word: str = ""
    _since: int = 0

    def __post_init__(self) -> None:
        self._since = self.clock.mono_ns()

    def left(self) -> int:
        """Nanoseconds that remain."""
        told = _LEASE.fullmatch(read_small(self.folder / "lease", 100).strip())
        if told and int(told[1]) >= self.epoch and told[0] != self._word:
            self._word, self._since, self.epoch = told[0], self.clock.mono_ns(), int(told[1])
        return max(0, self._since + self.length - self.clock.mono_ns())


def fenced(folder: Path) -> tuple[str, int] | None:
    """The old writer that must refuse from now on."""
    told = _ADDRESS.fullmatch(read_small(folder / "fence", 300).strip())
    return (told[1], int(told[2])) if told and 0 < int(told[2]) <= 65535 else None


def stopped(folder: Path) -> bool:
    """Whether the desk wants it to end."""
    return (folder / "stop").exists()


def read_from(folder: Path) -> tuple[str, int] | None:
    """Where the desk wants the canaries to be read; None: through the entries."""
    told = _ADDRESS.fullmatch(read_small(folder / "stop", 300).strip())
    return (told[1], int(told[2])) if told and 0 < int(told[2]) <= 65535 else None


def last_numbers(folder: Path) -> dict[str, int]:
    """The last sequence number of each channel in a folder where a meter has been before: none is given twice."""
    last: dict[str, int] = {}
    for name in ("canaries.jsonl", "fenced.jsonl"):
        if not (folder / name).exists():
            continue
        with (folder / name).open("rb") as file:
            for line in file:
                try:
                    told = json.loads(line)
                    key = f"{name}:{told['ch']}"
                    last[key] = max(last.get(key, 0), int(told["n"]))
                except (ValueError, TypeError, KeyError):
                    continue
    return last
