"""The guard, with real processes: nothing is left, however a run ends. No Ansible here."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runbooks import guard

ROOT = Path(guard.__file__).parent.parent
#: leaves a daemon in a session of its own, as ssh's shared connection does, and one that ignores SIGTERM; then goes on
BROOD = """
import os, subprocess, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        stubborn = "import sys, time; from signal import *; signal(15, SIG_IGN); open(sys.argv[1], 'w'); time.sleep(99)"
        subprocess.Popen([sys.executable, "-c", stubborn, sys.argv[1]], start_new_session=True)
        time.sleep(600)
    os._exit(0)
os.wait()
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
time.sleep(float(sys.argv[2]))
"""


class Started:
    """A guard at work, and the mark that all its processes carry."""

    def __init__(self, folder: Path, program_seconds: float, limit: float) -> None:
        self.marker = f"TRICENTER_TEST={secrets.token_hex(8)}"
        self.ready, self.scratch = folder / "ready", folder / "scratch"
        self.scratch.mkdir()
        name, value = self.marker.split("=")
        program = [sys.executable, "-c", BROOD, str(self.ready), str(program_seconds)]
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "runbooks.guard", str(limit), str(self.scratch), *program],
            stdin=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), name: value},
        )

    def wait_until_there(self) -> None:
        until(self.ready.exists)
        assert len(guard.marked(self.marker)) >= 4

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "waited 20 s"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("program_seconds", "limit", "ending"),
    [
        (0, 60, guard.Ending.ITSELF),
        (600, 1, guard.Ending.TIMEOUT),
        (600, 60, guard.Ending.STOPPED),
    ],
)
def test_nothing_is_left_and_the_ending_is_told(
    tmp_path: Path, program_seconds: float, limit: float, ending: guard.Ending
) -> None:
    started = Started(tmp_path, program_seconds, limit)
    if ending is guard.Ending.STOPPED:
        started.wait_until_there()
        started.close()
    assert started.process.wait(timeout=30) == ending
    assert guard.marked(started.marker) == set()
    assert not started.scratch.exists()
    started.close()


def test_signals_to_the_guard_do_not_end_the_run(tmp_path: Path) -> None:
    started = Started(tmp_path, 600, 60)
    started.wait_until_there()
    started.process.terminate()
    started.process.send_signal(2)
    assert len(guard.marked(started.marker)) >= 4
    started.close()
    assert started.process.wait(timeout=30) == guard.Ending.STOPPED


def test_when_the_guard_is_killed_too_the_caller_can_sweep(tmp_path: Path) -> None:
    started = Started(tmp_path, 600, 60)
    started.wait_until_there()
    started.process.kill()
    started.process.wait(timeout=30)
    guard.sweep(started.marker)
    assert guard.marked(started.marker) == set()
    started.close()
