"""Carrying out one task in a process of its own, which can be ended with all that it started."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from failover.remote.carry_out import carry_out, told
from failover.remote.task import Facts

_PDEATHSIG = 1
_MOST = 64 * 1024  #: bytes of a reply
_GRACE = 0.15  #: seconds a task gets beyond its end to say so itself


@dataclass
class Child:
    """A task at work. ``pipe`` becomes readable when it has something to say, or has ended."""

    pid: int
    pipe: int
    end: float  #: monotonic seconds
    said: bytes = b""

    @classmethod
    def start(cls, given: Mapping[str, Any], end: float, parent: int) -> Child:
        """Begin."""
        ours, theirs = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(ours)
                _work(given, end, theirs, parent)
            finally:
                os._exit(0)
        with contextlib.suppress(OSError):  # on both sides: whoever kills the group next must find it there
            os.setpgid(pid, pid)
        os.close(theirs)
        return cls(pid, ours, end)

    def read(self) -> bool:
        """Take what there is; True when no more will come."""
        more = os.read(self.pipe, 65536)
        self.said += more
        return not more or len(self.said) > _MOST

    def overdue(self) -> bool:
        """Whether it had its time, and a moment more."""
        return time.monotonic() > self.end + _GRACE

    def finish(self) -> Facts:
        """Its reply; ends it and whatever it left behind."""
        self.kill()
        if not self.said:
            return told("unknown", "was ended before it could say how far it came", {})
        try:
            reply: Facts = json.loads(self.said)
        except ValueError:
            return told("unknown", "the program on the host ended in mid-sentence", {})
        return reply

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        with contextlib.suppress(OSError):
            os.close(self.pipe)


def _work(given: Mapping[str, Any], end: float, pipe: int, parent: int) -> None:
    """In the child: its own group, gone with its parent, nothing of its own on the parent's line."""
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        return
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    data = json.dumps(carry_out(given, end), default=str).encode()
    if len(data) > _MOST:
        data = json.dumps(told("unknown", "the reply was too long", {})).encode()
    while data:
        data = data[os.write(pipe, data) :]
