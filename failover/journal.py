"""The journal of a run on disk: one line appended, then synced, before anything else happens.

A last line torn by a crash is cut off; a disk that is full raises before anything is done that would not be on record.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from failover import chain
from failover.ports import Clock
from failover.records import Kind, Record
from inventory.errors import OperatorError

_RESERVE = 1 << 16  #: bytes kept back so that a full disk can still be put on record
#: What a crash may lose, since looking again brings it back; what was meant is always synced before it is done.
_LAZY = frozenset({Kind.REPLY, Kind.RESULT, Kind.INVARIANT})


class JournalFailed(OperatorError):
    """Nothing can be put on record, so nothing may be done."""


@dataclass(frozen=True, slots=True)
class Disk:
    """How bytes reach the disk; the tests put a disk here that fails or dies at a given moment."""

    write: Callable[[int, bytes], int] = os.write
    sync: Callable[[int], None] = os.fsync


class Journal:
    """The journal of one run, open for appending by the one engine that holds the lock."""

    def __init__(
        self, path: Path, run: str, epoch: int, clock: Clock, *, disk: Disk | None = None, boot: str = ""
    ) -> None:
        """Open or create it. Raises JournalFailed when it is altered (a torn last line is not) or cannot be written."""
        self.run, self.epoch, self._clock, self._disk = run, epoch, clock, disk or Disk()
        self.path, self._boot = path, boot or boot_id()
        self._reserve = path.with_name("journal.reserve")
        try:
            self.records, self.torn, size = _whole(path)
            self._fd = _opened(path, self._disk)
            os.ftruncate(self._fd, size)
            self._reserve.write_bytes(b"\0" * _RESERVE)
        except OSError as error:
            raise _failed(path, error) from None
        self._last: Record | None = self.records[-1] if self.records else None
        self._size = size

    @property
    def last(self) -> Record | None:
        """The newest record."""
        return self._last

    def append(self, kind: Kind, payload: Mapping[str, Any], actor: str = "engine") -> Record:
        """Put one record on disk, or raise JournalFailed with the journal as it was."""
        values = {
            "run": self.run,
            "epoch": self.epoch,
            "mono_ns": self._clock.mono_ns(),
            "boot_id": self._boot,
            "wall": datetime.fromtimestamp(self._clock.wall(), UTC).isoformat(timespec="microseconds"),
            "actor": actor,
            "kind": kind,
            "payload": dict(payload),
        }
        record = chain.link(values, self._last)
        try:
            self._put(chain.line(record), lazy=kind in _LAZY)
        except OSError as error:
            self._give_way()
            raise _failed(self.path, error) from None
        self._last = record
        return record

    def free_reserve(self) -> None:
        """Give back what was kept for this moment: there is room for the record that says why the run pauses."""
        self._reserve.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file; the reserve is of no more use."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self.free_reserve()

    def _put(self, text: bytes, *, lazy: bool) -> None:
        written = 0
        while written < len(text):
            written += self._disk.write(self._fd, text[written:])
        if not lazy:
            self._disk.sync(self._fd)
        self._size += len(text)

    def _give_way(self) -> None:
        """What was written of a record that is not whole must not stand before the next one."""
        os.ftruncate(self._fd, self._size)


def boot_id() -> str:
    """Which start of this machine the monotonic clock counts from."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


def records(path: Path) -> chain.Checked:
    """The records of a journal that somebody else may be writing: a torn last line is not yet a record."""
    return chain.check(_read(path)[0])


def _read(path: Path) -> tuple[list[bytes], bytes]:
    """Whole lines, and what a crash left of the last one."""
    lines = path.read_bytes().split(b"\n") if path.exists() else [b""]
    return [text + b"\n" for text in lines[:-1]], lines[-1]


def _whole(path: Path) -> tuple[tuple[Record, ...], str, int]:
    lines, torn = _read(path)
    found = chain.check(lines)
    if found.broken:
        raise JournalFailed(
            f"{path}: {found.broken}. Nothing is done on a journal that was altered; keep it as evidence."
        )
    return found.records, torn[:200].decode(errors="replace"), sum(map(len, lines))


def _opened(path: Path, disk: Disk) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        disk.sync(folder)
    finally:
        os.close(folder)
    return fd


def _failed(path: Path, error: OSError) -> JournalFailed:
    return JournalFailed(f"cannot write the journal {path}: {error.strerror or error}. Nothing is done without it.")
