"""One run at a time on the whole estate: a lock that dies with its holder, and an epoch that only ever grows.

The lock (flock) says that an engine lives. The file beside it says which run is open: that stays when the engine dies,
so that nobody starts another run on top of a half-done one. Hosts refuse an epoch older than they have seen (rule R17).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inventory.errors import OperatorError

_MOST = 2**53  #: JSON numbers are exact up to here


class Taken(OperatorError):
    """Another run is open."""

    def __init__(self, run: str, holder: str, alive: bool) -> None:
        self.run, self.holder, self.alive = run, holder, alive
        does = "is running" if alive else "was left open: `ops drill resume` or `ops drill abort` it first"
        super().__init__(f"run {run or '(unknown)'} of {holder or '(unknown)'} {does}; nothing was started")


class LockLost(OperatorError):
    """This engine no longer holds the lock: it must not act."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What the file says: the newest epoch, and the run that is open."""

    epoch: int = 0
    run: str = ""
    holder: str = ""


class Lock:
    """The lock of an estate, held by this engine until it is released or the process ends."""

    def __init__(self, folder: Path, fd: int, opened: Opened, sync: Callable[[int], None]) -> None:
        self._folder, self._fd, self._opened, self._sync = folder, fd, opened, sync
        self._lock, self._file = folder / "lock", folder / "open.json"
        self._seen = (0, 0, 0)  #: of the file, when it was last read

    @property
    def epoch(self) -> int:
        """The epoch of this holder: higher than every one before."""
        return self._opened.epoch

    def check(self) -> None:
        """Raises LockLost when the lock is not ours any more, e.g. because its file was removed and taken anew."""
        try:
            ours, there = os.fstat(self._fd), self._lock.stat()
            same = (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino) and self._unchanged()
        except (OSError, OperatorError):
            same = False
        if not same:
            raise LockLost("the lock of the estate was taken by another: this engine acts no more")

    def _unchanged(self) -> bool:
        """Whether the file is as we wrote it; it is read again only when it was written since."""
        now = self._file.stat()
        seen = (now.st_ino, now.st_mtime_ns, now.st_size)
        if seen != self._seen:
            if read(self._folder) != self._opened:
                return False
            self._seen = seen
        return True

    def raise_epoch(self, above: int) -> None:
        """Go above an epoch that hosts have already seen: the desk that gave it is lost (``--take-over``)."""
        self.check()
        self._write(Opened(max(self.epoch, min(above, _MOST)) + 1, self._opened.run, self._opened.holder))

    def close_run(self) -> None:
        """The run has ended: another may start."""
        self.check()
        self._write(Opened(self.epoch, "", ""))

    def release(self) -> None:
        """Let the lock go; an open run stays open."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _write(self, opened: Opened) -> None:
        _written(self._folder, opened, self._sync)
        self._opened = opened


def acquire(
    folder: Path, run: str, holder: str, *, resume: bool = False, sync: Callable[[int], None] = os.fsync
) -> Lock:
    """Take the lock for a run, with a new epoch. Raises Taken, naming who has it.

    ``resume``: only a run that is open (or, when the file was lost, any) may go on.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise OperatorError(f"cannot lock the estate in {folder}: {error.strerror}") from None
    try:
        return Lock(folder, fd, _entered(folder, fd, run, holder, resume, sync), sync)
    except BaseException:
        os.close(fd)
        raise


def _entered(folder: Path, fd: int, run: str, holder: str, resume: bool, sync: Callable[[int], None]) -> Opened:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        there = read(folder)
        raise Taken(there.run, there.holder, True) from None
    there = read(folder)
    if there.run and not (resume and there.run == run):
        raise Taken(there.run, there.holder, False)
    opened = Opened(there.epoch + 1, run, holder)
    _written(folder, opened, sync)
    return opened


def read(folder: Path) -> Opened:
    """What the file says; an empty Opened when there is none. Raises OperatorError when it cannot be read."""
    file = folder / "open.json"
    try:
        with file.open("rb") as opened:
            said: Mapping[str, Any] = json.loads(opened.read(10_000))
        return Opened(int(said["epoch"]), str(said["run"])[:100], str(said["holder"])[:100])
    except FileNotFoundError:
        return Opened()
    except (OSError, ValueError, KeyError, TypeError):
        raise OperatorError(
            f"{file} cannot be read. Move it away; the next run may then need `--take-over`, since its epoch is lost."
        ) from None


def holds(folder: Path) -> bool:
    """Whether an engine holds the lock now."""
    try:
        fd = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def _written(folder: Path, opened: Opened, sync: Callable[[int], None]) -> None:
    content = {"epoch": opened.epoch, "run": opened.run, "holder": opened.holder}
    made = folder / "open.json.new"
    try:
        with made.open("w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False)
            file.flush()
            sync(file.fileno())
        made.replace(folder / "open.json")
        _sync_folder(folder, sync)
    except OSError as error:
        with contextlib.suppress(OSError):
            made.unlink()
        raise OperatorError(f"cannot write {folder / 'open.json'}: {error.strerror}; nothing was done") from None


def _sync_folder(folder: Path, sync: Callable[[int], None]) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        sync(fd)
    finally:
        os.close(fd)
