"""One open line to a host with the agent at its other end: frames out, frames in, answers by number.

Blocking calls, made on threads by ``failover/warm.py``; a thread of its own listens.
"""

from __future__ import annotations

import json
import shlex
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from checks.deadline import Deadline
from checks.ssh_connection import Connection, connect
from checks.ssh_target import Attempt, Lost, Target, Unreached
from failover import host_tasks

_LARGEST = 256 * 1024  #: bytes of a frame from a host
_PINGS = 4
_REACH = 2.5  #: seconds to log in; a host that is off must not hold up the others
_LOAD = 10.0  #: seconds to load the programs

Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Offset:
    """The host's monotonic clock: its time is the desk's plus ``offset_ns``, give or take ``error_ns``."""

    offset_ns: int
    error_ns: int
    boot_id: str


class Channel:
    """Opened by :meth:`open`; dead for good once the line ends."""

    def __init__(self, connection: Connection, command: str, deadline: Deadline) -> None:
        self._connection = connection
        self._line = connection.converse(command, deadline)
        self._waiting: dict[int, Future[Answer]] = {}
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._next = 0
        self._dead = ""
        self.offset = Offset(0, 0, "")
        self.epoch: int | None = None
        threading.Thread(target=self._listen, name="warm", daemon=True).start()

    @classmethod
    def open(cls, target: Target, greeting: Mapping[str, Any]) -> Channel:
        """Log in, ship the programs, and compare clocks. Raises :class:`Unreached` or ``Unasked``."""
        connection = connect(target, Deadline.after(_REACH), Attempt())
        deadline = Deadline.after(_LOAD)  # it answers, so it lives: a busy host may take its time to load
        try:
            channel = cls(connection, f"exec /usr/bin/python3 -I -c {shlex.quote(host_tasks.boot())}", deadline)
            channel._greet(greeting, deadline)
        except BaseException:
            connection.retire()
            raise
        return channel

    @property
    def dead(self) -> str:
        """Why nothing can be asked any more; empty while it can."""
        return self._dead

    def ask(self, frame: Mapping[str, Any]) -> tuple[int, Future[Answer]]:
        """Send a question; the answer comes to the future, or :class:`Lost`."""
        answer: Future[Answer] = Future()
        with self._lock:
            if self._dead:
                raise Lost(self._dead)
            self._next += 1
            number = self._next
            self._waiting[number] = answer
        self.tell({"id": number, **frame})
        return number, answer

    def tell(self, frame: Mapping[str, Any]) -> None:
        """Send what needs no answer. Raises :class:`Lost`."""
        data = json.dumps(frame).encode()
        with self._sending:
            self._line.send(len(data).to_bytes(4, "big") + data)

    def ping(self, seconds: float, greeting: Mapping[str, Any] | None = None) -> None:
        """Exchange times once; the exchange that took least says most. Raises :class:`Lost`."""
        sent = time.monotonic_ns()
        _, answer = self.ask({"ping": greeting or {}})
        try:
            said = answer.result(max(seconds, 0.001))
        except TimeoutError as error:
            raise Lost("the agent does not answer: the host may be frozen") from error
        back = time.monotonic_ns()
        try:
            measured = Offset(
                int(said["mono_ns"]) - (sent + back) // 2, (back - sent) // 2 + 1, str(said["boot_id"])[:40]
            )
        except (KeyError, TypeError, ValueError) as error:
            raise Lost("the agent makes no sense") from error
        if not self.offset.boot_id or measured.error_ns < self.offset.error_ns:
            self.offset = measured
        if isinstance(said.get("epoch"), int):
            self.epoch = said["epoch"]

    def close(self, why: str = "was closed") -> None:
        """End the line; whoever waits hears why."""
        with self._lock:
            self._dead = self._dead or why
            waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_exception(Lost(self._dead))
        self._connection.abort()
        self._line.close()
        self._connection.retire()

    def _greet(self, greeting: Mapping[str, Any], deadline: Deadline) -> None:
        self._line.send(host_tasks.shipment("failover.remote.agent").encode())
        self.ping(deadline.left(), greeting)
        for _ in range(_PINGS - 1):
            self.ping(deadline.left())

    def _listen(self) -> None:
        buffer = b""
        while data := self._line.receive():
            buffer += data
            while len(buffer) >= 4 and len(buffer) >= 4 + (size := int.from_bytes(buffer[:4], "big")):
                self._hear(buffer[4 : 4 + size])
                buffer = buffer[4 + size :]
            if len(buffer) > _LARGEST:
                break
        self.close(f"the line to the host ended. {self._line.complaint()}".strip())

    def _hear(self, text: bytes) -> None:
        try:
            frame = json.loads(text)
            number, said = int(frame["id"]), dict(frame["reply"])
        except (ValueError, KeyError, TypeError):
            return
        with self._lock:
            answer = self._waiting.pop(number, None)
        if answer is not None and answer.set_running_or_notify_cancel():
            answer.set_result(said)


__all__ = ["Channel", "Lost", "Offset", "Unreached"]
