"""The host's supervisor: stop a service so that it stays stopped, through a reboot too; and start it again.

runit is spoken to through its own files (what ``sv`` does, without a process each time); systemd through ``systemctl``.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Protocol

from failover.remote.task import Failed, Refused, Task, Unknown

_LOOK = 0.005  #: seconds between two looks


class Supervisor(Protocol):
    """One supervised service."""

    def down(self) -> bool:
        """Whether it surely is stopped, and will not be started by itself."""
        ...

    def marked(self) -> bool:
        """Whether a reboot leaves it stopped."""
        ...

    def mark(self) -> None:
        """From now on nothing starts it by itself; it is not stopped by this."""
        ...

    def stop(self) -> None:
        """Ask it to stop; does not wait."""
        ...

    def start(self) -> None:
        """Take the mark away and start it; does not wait."""
        ...


class Runit:
    """A service in a folder of runit's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if not (folder / "run").exists():
            raise Refused(f"there is no service {folder}")

    def _status(self) -> bytes:
        try:
            return (self._folder / "supervise" / "status").read_bytes()
        except OSError:
            return b""

    def _say(self, word: bytes) -> None:
        try:
            pipe = os.open(self._folder / "supervise" / "control", os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            raise Failed(f"runit does not look after {self._folder.name}: {error.strerror}") from error
        with open(pipe, "wb", 0) as control:  # noqa: PTH123 -- a descriptor
            control.write(word)

    def down(self) -> bool:
        """State 0 is down; wanted down, or runit would start it again in a moment."""
        status = self._status()
        return len(status) >= 20 and status[19] == 0 and status[17:18] == b"d" and not any(status[12:16])

    def marked(self) -> bool:
        """The file ``down`` keeps it stopped when runit starts."""
        return (self._folder / "down").exists()

    def mark(self) -> None:
        """Write the file ``down`` so that it outlives a loss of power."""
        with (self._folder / "down").open("wb") as file:
            os.fsync(file.fileno())
        _sync(self._folder)

    def stop(self) -> None:
        """What ``sv down`` says."""
        self._say(b"d")

    def start(self) -> None:
        """What ``sv up`` says."""
        (self._folder / "down").unlink(missing_ok=True)
        _sync(self._folder)
        self._say(b"u")


class Systemd:
    """A unit of systemd's."""

    def __init__(self, unit: str, task: Task) -> None:
        self._unit, self._task = unit, task

    def _ask(self, *words: str) -> str:
        argv = ["systemctl", *words, "--", self._unit]
        try:
            done = subprocess.run(argv, capture_output=True, check=False, timeout=self._task.left(), text=True)
        except subprocess.TimeoutExpired as error:
            raise Unknown("systemd does not answer") from error
        except OSError as error:
            raise Refused(f"there is no systemd: {error.strerror}") from error
        return done.stdout.strip()

    def down(self) -> bool:
        """Inactive or failed, and masked: nothing can start it."""
        return self._ask("is-active") in ("inactive", "failed") and self.marked()

    def marked(self) -> bool:
        """Whether it is masked."""
        return self._ask("is-enabled") == "masked"

    def mark(self) -> None:
        """Mask it: neither a reboot nor another unit starts it."""
        self._ask("mask")

    def stop(self) -> None:
        """Ask for a stop."""
        self._ask("stop", "--no-block")

    def start(self) -> None:
        """Unmask and start."""
        self._ask("unmask")
        self._ask("start", "--no-block")


def supervisor(task: Task) -> Supervisor:
    """Who looks after the database on this host."""
    service = task.label("pg-service", "postgresql")
    return Runit(Path(task.services_dir) / service) if task.services_dir else Systemd(service, task)


def stop(service: Supervisor, task: Task) -> None:
    """Stop and wait until it surely is stopped."""
    service.mark()
    service.stop()
    while not service.down():
        if task.over:
            raise Unknown("the server was told to stop, and has not stopped in time")
        time.sleep(_LOOK)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
