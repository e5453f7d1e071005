"""A small process around each run that leaves nothing behind, however the run or its caller ends.

``python -m runbooks.guard SECONDS SCRATCH PROGRAM ARG...`` runs the program until it ends, until SECONDS are over, or
until standard input is closed. The caller holds the other end of that pipe, so its own death, kill -9 too, closes it.
Then every descendant is ended and the folder SCRATCH deleted. Process groups would not do: Ansible's workers, its ssh
and ssh's shared connection each start a session of their own. As subreaper the guard becomes the parent of all that
they leave, and finds it.

Only the standard library: this file must start fast and must not fail.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import time
from enum import IntEnum
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_GRACE = 1.0  #: seconds between SIGTERM and SIGKILL
_GIVE_UP = 10.0  #: seconds of SIGKILL after which what cannot be killed (a dead disk holds it) is left to the kernel
_OURS_TO_IGNORE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LARGEST_FILE = 64 * 1024 * 1024  #: bytes a run may write into one file; a host may answer without end


class Ending(IntEnum):
    """The guard's exit code: how the program ended."""

    ITSELF = 0
    TIMEOUT = 124
    STOPPED = 130


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def _before_exec() -> None:
    """In the child: die with the guard, obey signals again (to ignore them is inherited), write no file without end."""
    for number in _OURS_TO_IGNORE:
        signal.signal(number, signal.SIG_DFL)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST_FILE, _LARGEST_FILE))


def _wait(program: subprocess.Popen[bytes], deadline: float) -> Ending:
    """Wait for the program, the deadline (monotonic seconds) or the end of standard input, whichever is first."""
    ended = os.pidfd_open(program.pid)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(sys.stdin.fileno(), select.POLLIN | select.POLLHUP)
    ready = {fd for fd, _ in poll.poll(max(0.0, deadline - time.monotonic()) * 1000)}
    os.close(ended)
    if ended in ready:
        return Ending.ITSELF
    return Ending.STOPPED if ready else Ending.TIMEOUT


def _parents() -> dict[int, int]:
    """Each process's parent, as /proc says at this moment."""
    found: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                found[int(entry.name)] = int((entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    return found


def descendants(of: int) -> set[int]:
    """All processes below ``of``; zombies too, until their parent has collected them."""
    parents = _parents()
    below = {of}
    while more := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= more
    return below - {of}


def _collect() -> None:
    """Collect every child that has ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _signal(pids: set[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def end_descendants(grace: float = _GRACE) -> None:
    """End everything below this process: politely, and after ``grace`` seconds by SIGKILL. Returns when all is gone."""
    deadline = time.monotonic() + grace
    asked: set[int] = set()
    while (left := descendants(os.getpid())) and time.monotonic() < deadline + _GIVE_UP:
        if time.monotonic() < deadline:
            _signal(left - asked, signal.SIGTERM)
            asked |= left
        else:
            _signal(left, signal.SIGKILL)
        _collect()
        time.sleep(0.01)


def marked(marker: str) -> set[int]:
    """The processes whose environment holds ``marker`` (``NAME=value``), as far as we may read them."""
    wanted = marker.encode()
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.add(int(entry.name))
    return found


def sweep(marker: str) -> None:
    """Kill what carries ``marker``: the caller's last resort when the guard itself was killed."""
    deadline = time.monotonic() + _GIVE_UP
    while (left := marked(marker) - {os.getpid()}) and time.monotonic() < deadline:
        _signal(left, signal.SIGKILL)
        time.sleep(0.01)


def main(argv: list[str]) -> int:
    """Run ``argv[2:]`` for at most ``argv[0]`` seconds; the exit code says how it ended (:class:`Ending`)."""
    deadline = time.monotonic() + float(argv[0])
    for number in _OURS_TO_IGNORE:
        signal.signal(number, signal.SIG_IGN)  # only the pipe ends a run: a Ctrl-C must not end its warden
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    program = subprocess.Popen(  # this process has one thread: a function before exec is safe
        argv[2:],
        stdin=subprocess.DEVNULL,
        preexec_fn=_before_exec,  # noqa: PLW1509
    )
    try:
        return int(_wait(program, deadline))
    finally:
        end_descendants()
        shutil.rmtree(argv[1], ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
