"""What an act found before it changed it, kept on this host: asked again after a crash, it answers as the first time.

A desk that died between an act and its reply has it done again. Looked up then, ``before`` would be what the act itself
had made, and its undo would lead nowhere.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from failover.remote.epoch import folder
from failover.remote.task import Done, Refused, Task, Unknown

SLOTS, SLOT = 16, 1024  #: acts remembered, bytes each: the file has its full size from the start, for a full disk


def make_room(task: Task) -> None:
    """Make the file, so that there is room for it when it is needed."""
    with _Memory(task):
        pass


def first(task: Task, now: Any) -> Any:
    """What this act of this run found the first time; ``now`` is that, when it was never here. To call before it acts.

    Raises :class:`Refused` when that cannot be kept: what cannot be undone is not begun.
    """
    if not task.act:
        return now
    with _Memory(task) as memory:
        known = memory.find(task.run, task.act)
        if known is None:
            memory.keep(task.run, task.act, now)
    return now if known is None else known["found"]


def recall(task: Task) -> Done:
    """Action ``recall``: what an act of this run found ``before``; not ``known``: it surely changed nothing."""
    act = str(task.give["act"])
    with _Memory(task) as memory:
        known, forgets = memory.find(task.run, act), memory.forgets(task.run)
    if known is not None:
        return Done("what was there before is known", {"known": True, "before": known["found"]})
    if forgets:
        raise Unknown("this host may have forgotten what was there before")
    return Done("the act never began here", {"known": False})


class _Memory:
    """The file, locked."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._file = -1

    def __enter__(self) -> _Memory:
        with _kept_or_refused():
            self._file = os.open(folder(self._task) / "found", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
            if (size := os.fstat(self._file).st_size) < SLOTS * SLOT:
                _overwrite(self._file, b" " * (SLOTS * SLOT - size), size)
            self._slots = [_read(os.pread(self._file, SLOT, at * SLOT)) for at in range(SLOTS)]
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def find(self, run: str, act: str) -> dict[str, Any] | None:
        """The slot of an act."""
        return next((slot for slot in self._slots if (slot.get("run"), slot.get("act")) == (run, act)), None)

    def forgets(self, run: str) -> bool:
        """Whether an act of the run may have had to make room: the oldest that is left is of that run itself."""
        return min(self._slots, key=_age).get("run") == run

    def keep(self, run: str, act: str, found: Any) -> None:
        """Write it in place of the oldest, and see it on the disk."""
        at = min(range(SLOTS), key=lambda each: _age(self._slots[each]))
        slot = {"run": run, "act": act, "found": found, "number": 1 + max(map(_age, self._slots))}
        data = json.dumps({"slot": slot, "sum": _sum(slot)}).encode()
        if len(data) > SLOT:
            raise Refused("what was found is too much to remember: nothing was done")
        with _kept_or_refused():
            _overwrite(self._file, data.ljust(SLOT), at * SLOT)


@contextmanager
def _kept_or_refused() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Refused(f"this host cannot remember what it finds: {error.strerror}: nothing was done") from error


def _overwrite(file: int, data: bytes, at: int) -> None:
    if os.pwrite(file, data, at) != len(data):
        raise OSError(28, "No space left on device")
    os.fsync(file)


def _read(data: bytes) -> dict[str, Any]:
    """One slot. Half written means that the host died before that act began: it is as good as empty."""
    try:
        said = json.loads(data)
        slot: dict[str, Any] = said["slot"] if said["sum"] == _sum(said["slot"]) else {}
    except (ValueError, KeyError, TypeError):
        return {}
    return slot


def _age(slot: dict[str, Any]) -> int:
    """The larger, the younger; an empty slot is the oldest."""
    return int(slot.get("number", 0))


def _sum(slot: Any) -> str:
    return hashlib.sha256(json.dumps(slot).encode()).hexdigest()[:16]
