"""``ops watch`` as a process of its own: started, ended in every way, and observed through its store alone."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runbooks import guard
from state.store import Store

OPS = Path(guard.__file__).parent.parent / "ops.py"
MARK = "TRICENTER_TEST_WATCH"


@dataclass
class Watch:
    """A watch on an estate; its store, its log and its working directory are in ``folder``."""

    folder: Path
    estate: Path
    options: tuple[str, ...] = ("--embedded", "--every", "0.3")
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0  #: Unix time of the last start
    starts: int = 0

    @property
    def store(self) -> Path:
        return self.folder / "state.sqlite"

    @property
    def log(self) -> str:
        """What all its lives have said."""
        file = self.folder / "watch.log"
        return file.read_text(errors="replace") if file.exists() else ""

    @property
    def marker(self) -> str:
        """What every process that this watch starts has in its environment, runs of runbooks excepted."""
        return f"{MARK}={self.folder}"

    def start(self) -> None:
        """Begin a life; returns at once."""
        assert self.process is None
        name, _, value = self.marker.partition("=")
        argv = [sys.executable, str(OPS), "watch", "--estate", str(self.estate)]
        argv += ["--store", f"sqlite:///{self.store}", *self.options]
        self.began = time.time()
        self.starts += 1
        with (self.folder / "watch.log").open("ab") as log:
            self.process = subprocess.Popen(
                argv, cwd=self.folder, stdout=log, stderr=log, env=os.environ | {name: value}, start_new_session=True
            )

    def kill(self) -> None:
        """kill -9. It must still be alive, or something else has ended it before."""
        assert self.process is not None
        assert self.process.poll() is None, self.log[-3000:]
        self.process.kill()
        assert self.process.wait() == -signal.SIGKILL
        self.process = None

    def end(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(60)
        self.process = None
        return code

    def alive(self) -> bool:
        """Whether this life has written a cycle; a watch that has ended by itself is an error."""
        assert self.process is not None
        assert self.process.poll() is None, self.log[-3000:]
        return (self.ask("SELECT max(ended) FROM watch_spans") or 0.0) > self.began

    def status(self, subject: str) -> str | None:
        """The stored verdict on a subject."""
        return str(self.ask("SELECT status FROM verdicts WHERE subject = ?", subject))

    def ask(self, query: str, *values: object) -> Any:
        """One value from the store, by a connection that is gone when this returns; None while there is no store.

        The killed watch must find its store as it left it: an open connection would keep its log from being recovered.
        """
        try:
            with closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True, timeout=30)) as connection:
                row = connection.execute(query, values).fetchone()
        except sqlite3.OperationalError as error:
            if "unable to open" in str(error) or "no such table" in str(error):
                return None
            raise
        return row[0] if row else None

    def opened(self) -> Store:
        """The store as the product opens it."""
        return Store.open(f"sqlite:///{self.store}")

    def examine(self) -> None:
        """Open a copy of what a killed watch left, as the next one will, and let the database look itself over."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            for file in self.folder.glob("state.sqlite*"):
                if not file.name.endswith("-shm"):  # only the processes' shared memory: gone after a power cut, too
                    shutil.copyfile(file, Path(folder) / file.name)
            copy = Path(folder) / "state.sqlite"
            Store.open(f"sqlite:///{copy}").close()
            with closing(sqlite3.connect(copy)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@contextmanager
def watching(folder: Path, estate: Path, *options: str) -> Iterator[Watch]:
    """A watch that is started by the test, and is gone when the block ends, however that ends."""
    watch = Watch(folder, estate, options) if options else Watch(folder, estate)
    try:
        yield watch
    finally:
        if watch.process is not None:
            watch.process.kill()
            watch.process.wait()
        guard.sweep(watch.marker)


def until(condition: Callable[[], object], what: str, watch: Watch, patience: float = 60.0) -> None:
    """Wait until something is true; the watch's last words are the test's when it never is."""
    limit = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < limit, f"never in {patience:g} s: {what}\n{watch.log[-3000:]}"
        time.sleep(0.03)
