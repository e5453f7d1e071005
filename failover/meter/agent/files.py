"""A meter's files: lines that are only ever added, and small files that are replaced as a whole."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

MOST_BYTES = 256 * 1024 * 1024  #: of one log


class Full(Exception):
    """The log has reached its bound, or the disk has."""


class Log:
    """A file of JSON lines, for several threads. What is ``firm`` is on the disk before the call returns."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        self._size = os.fstat(self._file).st_size
        self._held: list[bytes] = []
        self._lock = threading.Lock()
        if self._size and os.pread(self._file, 1, self._size - 1) != b"\n":
            self._held.append(b"\n")  # a line torn by a sudden end stays alone

    def add(self, line: dict[str, Any], *, firm: bool = False) -> None:
        """Add a line; raises Full."""
        with self._lock:
            self._held.append(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        if firm:
            self.flush()
            _to_disk(self._file)

    def flush(self) -> None:
        """Hand everything to the kernel; raises Full."""
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        if not self._held:
            return
        data = b"".join(self._held)
        self._held.clear()
        if self._size + len(data) > MOST_BYTES:
            raise Full(f"a log has reached {MOST_BYTES} bytes")
        try:
            while data:
                written = os.write(self._file, data)
                self._size += written
                data = data[written:]
        except OSError as error:
            raise Full(f"a log cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Everything to the disk."""
        try:
            self.flush()
            _to_disk(self._file)
        finally:
            os.close(self._file)


def _to_disk(file: int) -> None:
    try:
        os.fdatasync(file)
    except OSError as error:
        raise Full(f"a log cannot be written: {error.strerror}") from error


def replace(path: Path, content: dict[str, Any], *, firm: bool = False) -> None:
    """Write a small JSON file so that readers see the old one or the new one."""
    new = path.with_name(path.name + ".new")
    with new.open("w", encoding="utf-8") as file:
        json.dump(content, file, separators=(",", ":"))
        if firm:
            file.flush()
            os.fsync(file.fileno())
    new.replace(path)


def read_small(path: Path, most: int = 4096) -> str:
    """The beginning of a small file; empty when it is not there."""
    try:
        with path.open("rb") as file:
            return file.read(most).decode(errors="replace")
    except OSError:
        return ""
