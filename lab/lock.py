"""Only one ``up``, ``down`` or fault at a time on one lab: a lock that leaves no file and dies with its holder."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.errors import LabError


@contextmanager
def held(folder: Path, purpose: str, patience: float = 0.0) -> Iterator[None]:
    """Hold the lab's lock for a purpose (``life`` or ``faults``), waiting up to ``patience`` seconds.

    The lock is a name in Linux's abstract socket space: the kernel frees it when the holder ends, however it ends.
    Raises LabError when another process keeps it.
    """
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:32]
    limit = time.monotonic() + patience
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as lock:
        while not _bound(lock, f"\0tricenter-lab-{purpose}-{digest}"):
            if time.monotonic() >= limit:
                raise LabError(f"another command is at work on the lab in {folder}; wait until it ends")
            time.sleep(0.1)
        yield


def _bound(lock: socket.socket, name: str) -> bool:
    try:
        lock.bind(name)
    except OSError:
        return False
    return True
