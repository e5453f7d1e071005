"""The hands on real hosts: urgent calls over lines that are open already, all others as Ansible runbooks."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from failover import hands_runbook, host_tasks, replies
from failover.actions import ACTIONS
from failover.concrete import Call, Value
from failover.ports import Reply, Token
from failover.warm import WarmHost
from inventory.model import Estate

_THREADS = 96  #: each open line blocks one for a moment; one that cannot be opened, for seconds
_PLAYBOOKS = 2  #: at a time: starting Ansible is all CPU
_BEAT = 5.0  #: seconds between two words to an agent that has nothing to do


class RealHands:
    """Implements ``failover.ports.Hands``; to be used on one event loop."""

    def __init__(self, estate: Estate, runs: Path) -> None:
        self._estate = estate
        self._runs = runs
        self._threads = ThreadPoolExecutor(_THREADS, "hands")
        self._warm: dict[str, WarmHost] = {}
        self._playbooks = asyncio.Semaphore(_PLAYBOOKS)
        self._beating: asyncio.Task[None] | None = None

    async def warm(self, hosts: Collection[str]) -> Mapping[str, Reply]:
        """Open the lines, side by side; a host that is off costs the others nothing."""
        known = {host.id for host in self._estate.hosts}
        found = [host for host in dict.fromkeys(hosts) if host in known]
        answers = await asyncio.gather(*(self._host(host).warm() for host in found))
        unknown = {host: replies.refused(f"the estate has no host {host}") for host in hosts if host not in known}
        return {**dict(zip(found, answers, strict=True)), **unknown}

    async def act(self, call: Call, give: Mapping[str, Value], token: Token, *, timeout: float, urgent: bool) -> Reply:
        """Carry out one call; see ``failover.ports.Hands``."""
        if wrong := host_tasks.mistakes(call, give, self._estate):
            return replies.refused("; ".join(wrong))
        task = host_tasks.task(call, give, token, self._estate)
        if urgent:
            changes = ACTIONS[call.action].changes
            return await self._host(call.host).act(task, changes=changes, timeout=timeout)
        return await self._runbook(task, timeout)

    async def close(self) -> None:
        """Close every line; nothing of ours stays on the hosts."""
        if self._beating is not None:
            self._beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._beating
        await asyncio.gather(*(host.close() for host in self._warm.values()))
        self._threads.shutdown(wait=True)

    async def _runbook(self, task: Mapping[str, object], timeout: float) -> Reply:
        """On a thread, waited for even when canceled: its guard ends all its processes within moments."""
        began, stop = time.monotonic(), threading.Event()
        async with self._playbooks:
            left = timeout - (time.monotonic() - began)
            if left <= 0:
                return replies.refused("no playbook could be started in time: nothing was done", timeout)
            offset = self._host(str(task["host"])).offset_ns
            working = asyncio.get_running_loop().run_in_executor(
                self._threads, hands_runbook.act, task, self._estate, self._runs, left, offset, stop
            )
            try:
                return await asyncio.shield(working)
            except asyncio.CancelledError:
                stop.set()
                await asyncio.wait([working])
                raise

    def _host(self, host: str) -> WarmHost:
        if self._beating is None:
            self._beating = asyncio.create_task(self._beat())
        if host not in self._warm:
            self._warm[host] = WarmHost(self._estate.host(host), self._threads)
        return self._warm[host]

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_BEAT)
            await asyncio.gather(*(host.beat() for host in self._warm.values()))


def open_hands(estate: Estate, runs_folder: Path) -> RealHands:
    """Hands for an estate; artifacts of runbooks are kept below ``runs_folder``. Opens nothing yet."""
    return RealHands(estate, runs_folder)
