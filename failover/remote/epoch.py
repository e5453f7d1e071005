"""The highest epoch this host has obeyed; whoever comes with an older one is refused (rule R17)."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from failover.remote.task import Refused, Task

_SIZE = 256  #: one sector: overwritten in place, so that it works on a full disk and never is half written


def folder(task: Task) -> Path:
    """Where this host keeps what failovers must remember."""
    path = Path(task.label("failover-folder", "/var/lib/tricenter"))
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def seen(task: Task) -> dict[str, Any]:
    """The epoch and its run, as far as any was seen; makes the file, so that later there is room for it."""
    with _Kept(task) as kept:
        return kept.value


def obey(task: Task) -> None:
    """Remember the task's epoch before anything is changed. Raises :class:`Refused` for an older one."""
    with _Kept(task) as kept:
        epoch, run = int(kept.value.get("epoch", 0)), str(kept.value.get("run", ""))
        facts = {"epoch": epoch, "run": run}
        if task.epoch < epoch:
            raise Refused(f"epoch {task.epoch} is older than {epoch}, which this host obeys (run {run})", facts)
        if task.epoch == epoch and run != task.run:
            raise Refused(f"epoch {epoch} belongs to run {run}", facts)
        if task.epoch > epoch:
            kept.put({"epoch": task.epoch, "run": task.run[:120]})


class _Kept:
    """The file, locked."""

    def __init__(self, task: Task) -> None:
        try:
            path = folder(task) / "epoch"
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
            data = os.pread(self._file, _SIZE, 0)
            if not data:
                self.put({"epoch": 0, "run": ""})
                data = os.pread(self._file, _SIZE, 0)
        except OSError as error:
            raise Refused(f"this host cannot remember an epoch: {error.strerror}") from error
        try:
            self.value: dict[str, Any] = json.loads(data)
            int(self.value["epoch"])
        except (ValueError, KeyError, TypeError) as error:
            os.close(self._file)
            raise Refused(f"{path} is damaged: which epoch this host obeys is not known") from error

    def __enter__(self) -> _Kept:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def put(self, value: dict[str, Any]) -> None:
        """Write it and see it on the disk."""
        os.pwrite(self._file, json.dumps(value).encode().ljust(_SIZE), 0)
        os.fsync(self._file)
