"""Waits on a host for tasks that come over the line, carries them out side by side, and goes when the line does.

Frames both ways: a length (4 bytes) and that much JSON. From the desk: ``{"id", "ping"}``, ``{"id", "task", "until"}``
(nanoseconds of this host's monotonic clock: what comes later is refused, so that a host that was frozen does not act
on what nobody waits for any more), ``{"cancel"}``. To the desk: ``{"id", "reply"}``.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from failover.remote import epoch, memory
from failover.remote.carry_out import told
from failover.remote.child import Child
from failover.remote.host import boot_id
from failover.remote.task import Ended, Task

_SILENCE = 30.0  #: seconds without a word from the desk after which there is no desk
_MOST_CHILDREN = 32
_LARGEST = 256 * 1024
_TICK = 0.05


class Agent:
    """The loop and what is at work."""

    def __init__(self) -> None:
        self._children: dict[int, Child] = {}
        self._buffer = b""
        self._heard = time.monotonic()
        self._pid = os.getpid()

    def run(self) -> None:
        """Until the line ends."""
        try:
            while time.monotonic() - self._heard < _SILENCE:
                pipes = {child.pipe: number for number, child in self._children.items()}
                wait = _TICK if pipes else 1.0
                ready, _, _ = select.select([0, *pipes], [], [], wait)
                if 0 in ready and not self._hear():
                    return
                for pipe in ready:
                    if pipe in pipes:
                        self._look(pipes[pipe])
                self._end_overdue()
        finally:
            for child in self._children.values():
                child.kill()

    def _hear(self) -> bool:
        data = os.read(0, 65536)
        if not data:
            return False
        self._heard = time.monotonic()
        self._buffer += data
        for frame in self._frames():
            self._obey(frame)
        return True

    def _frames(self) -> Iterator[Mapping[str, Any]]:
        while len(self._buffer) >= 4:
            size = int.from_bytes(self._buffer[:4], "big")
            if size > _LARGEST:
                sys.exit(4)
            if len(self._buffer) < 4 + size:
                return
            text, self._buffer = self._buffer[4 : 4 + size], self._buffer[4 + size :]
            yield json.loads(text)

    def _obey(self, frame: Mapping[str, Any]) -> None:
        if "cancel" in frame:
            if child := self._children.pop(int(frame["cancel"]), None):
                child.kill()
        elif "task" in frame:
            self._start(int(frame["id"]), frame["task"], int(frame["until"]) / 1e9)
        else:
            self._say(int(frame["id"]), {"mono_ns": time.monotonic_ns(), "boot_id": boot_id(), **self._known(frame)})

    def _known(self, frame: Mapping[str, Any]) -> dict[str, Any]:
        """What the desk wants to know beforehand: the highest epoch obeyed here."""
        if not frame.get("ping"):
            return {}
        try:
            task = Task.read(frame["ping"], self._heard + 5)
            memory.make_room(task)
            return {"epoch": epoch.seen(task)["epoch"]}
        except Ended as error:
            return {"epoch": None, "says": str(error)}

    def _start(self, number: int, task: Mapping[str, Any], end: float) -> None:
        if len(self._children) >= _MOST_CHILDREN:
            self._say(number, told("refused", "this host is busy with too many tasks", {}))
        elif time.monotonic() >= end:
            self._say(number, told("refused", "came too late: nothing was done", {}))
        else:
            self._children[number] = Child.start(task, end, self._pid)

    def _look(self, number: int) -> None:
        child = self._children.get(number)
        if child and child.read():
            del self._children[number]
            self._say(number, child.finish())

    def _end_overdue(self) -> None:
        for number, child in list(self._children.items()):
            if child.overdue():
                del self._children[number]
                self._say(number, child.finish())

    def _say(self, number: int, reply: Mapping[str, Any]) -> None:
        data = json.dumps({"id": number, "reply": reply}).encode()
        data = len(data).to_bytes(4, "big") + data
        while data:
            data = data[os.write(1, data) :]


def main() -> None:
    """Serve the line."""
    Agent().run()
