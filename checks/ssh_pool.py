"""One open SSH connection a host, shared by all checks that ask it, on a bounded number of threads.

Two sets of threads: connecting may hang until its deadline, so hosts that do not answer wait among themselves and
never stand in the way of hosts that do.
"""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar
from weakref import WeakKeyDictionary

from checks.deadline import Deadline
from checks.ssh_connection import Connection, connect
from checks.ssh_target import Attempt, Lost, Target, Unasked, Unreached
from inventory.model import Host

Answer = TypeVar("Answer")
Question = Callable[[Connection, Deadline], Answer]

_CONNECTORS = 64  #: connections opened at the same time
_WORKERS = 32  #: questions asked at the same time
_PER_HOST = 8  #: questions to one host at the same time; OpenSSH allows 10 channels a connection (MaxSessions)
_KEPT = 512  #: open connections, each a file descriptor and a thread; beyond that the longest unused are closed,
_UNUSED = 60.0  #: but only if nobody has asked for them for so many seconds
_GRACE = 0.1  #: seconds after its deadline at which a question that still hangs is torn out


@dataclass(slots=True)
class _Slot:
    future: Future[Connection]
    attempt: Attempt
    used: float = field(default_factory=time.monotonic)

    @property
    def useful(self) -> bool:
        """Open, or being opened."""
        if not self.future.done():
            return True
        return not self.future.cancelled() and self.future.exception() is None and self.future.result().alive


class Pool:
    """Open connections by target. Safe to use from several event loops and threads."""

    def __init__(self) -> None:
        self._connectors = ThreadPoolExecutor(_CONNECTORS, thread_name_prefix="ssh-connect")
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="ssh-ask")
        self._slots: dict[Target, _Slot] = {}
        self._lock = threading.Lock()
        self._gates: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Target, asyncio.Semaphore]] = WeakKeyDictionary()

    async def ask(self, host: Host, timeout: float, question: Question[Answer]) -> Answer:
        """Run ``question(connection, deadline)`` in a thread; the whole ends within ``timeout`` seconds.

        A connection that turns out to be dead is opened anew once. Raises Unasked, Unreached.
        """
        target, deadline = Target.of(host), Deadline.after(timeout)
        while True:
            connection, fresh = await self._connection(target, deadline)
            try:
                return await self._put(target, connection, question, deadline)
            except Lost:
                connection.retire()
                if fresh or deadline.passed:
                    raise

    def close(self) -> None:
        """Close every connection; the pool can be used again."""
        with self._lock:
            slots, self._slots = list(self._slots.values()), {}
        for slot in slots:
            if slot.useful and slot.future.done():
                slot.future.result().abort()  # questions under way end now
            _give_up(slot)

    async def _connection(self, target: Target, deadline: Deadline) -> tuple[Connection, bool]:
        """The host's connection and whether it was opened for this question."""
        slot, fresh = self._slot(target, deadline)
        waiting = asyncio.wrap_future(slot.future)
        waiting.add_done_callback(lambda done: done.cancelled() or done.exception())  # it may end after we left
        try:
            return await asyncio.wait_for(asyncio.shield(waiting), deadline.left()), fresh
        except TimeoutError:
            if not slot.future.running():
                raise Unasked("all workers were busy with other hosts") from None
            raise Unreached(f"{slot.attempt.stage} (waited {deadline.seconds:.3g} s)") from None

    def _slot(self, target: Target, deadline: Deadline) -> tuple[_Slot, bool]:
        """Whoever comes first opens the connection, the others wait for it without a thread."""
        with self._lock:
            slot = self._slots.get(target)
            if slot is not None and slot.useful:
                slot.used = time.monotonic()
                return slot, False
            attempt = Attempt()
            slot = _Slot(self._connectors.submit(connect, target, deadline, attempt), attempt)
            self._slots[target] = slot
            self._make_room()
            return slot, True

    def _make_room(self) -> None:
        surplus = sorted(self._slots.items(), key=lambda item: item[1].used)[: max(0, len(self._slots) - _KEPT)]
        for target, slot in surplus:
            if slot.used <= time.monotonic() - _UNUSED:
                del self._slots[target]
                _give_up(slot)

    async def _put(
        self, target: Target, connection: Connection, question: Question[Answer], deadline: Deadline
    ) -> Answer:
        loop = asyncio.get_running_loop()
        gate = self._gates.setdefault(loop, {}).setdefault(target, asyncio.Semaphore(_PER_HOST))
        try:
            async with asyncio.timeout(deadline.left()):
                await gate.acquire()
        except TimeoutError:
            raise Unasked(f"{_PER_HOST} other questions to {target} were still waiting") from None
        began = threading.Event()
        asking = loop.run_in_executor(self._workers, _asked, began, connection, question, deadline)
        alarm = loop.call_later(deadline.left() + _GRACE, _tear, began, connection, asking)
        asking.add_done_callback(functools.partial(_done, alarm, gate))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            if asking.cancelled():
                raise Unasked("all workers were busy with other hosts") from None
            raise


def _asked(began: threading.Event, connection: Connection, question: Question[Answer], deadline: Deadline) -> Answer:
    began.set()
    if deadline.passed:
        raise Unasked("all workers were busy with other hosts")
    with connection.used():
        return question(connection, deadline)


def _tear(began: threading.Event, connection: Connection, asking: asyncio.Future[Answer]) -> None:
    """The deadline has passed: a question still in line leaves it, one that hangs loses its connection."""
    if began.is_set():
        connection.abort()
    else:
        asking.cancel()


def _done(alarm: asyncio.TimerHandle, gate: asyncio.Semaphore, asking: asyncio.Future[Answer]) -> None:
    alarm.cancel()
    gate.release()
    if not asking.cancelled():
        asking.exception()  # seen, also when the asker was cancelled and left


def _give_up(slot: _Slot) -> None:
    def close(done: Future[Connection]) -> None:
        if not done.cancelled() and done.exception() is None:
            done.result().retire()

    slot.future.add_done_callback(close)


POOL = Pool()  #: the process's one pool: connections outlive a single round of checks
