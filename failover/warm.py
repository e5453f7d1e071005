"""A host kept warm: its line is open, its interpreter has loaded all programs, a call costs one round trip."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Any

from checks.ssh_target import Target, Unasked, Unreached
from failover import host_tasks, replies
from failover.ports import Outcome, Reply
from failover.warm_channel import Channel, Lost
from inventory.model import Host

_MARGIN = 0.25  #: seconds the host ends before the desk stops waiting, so that it can say how it ended
_SILENT = 10.0  #: seconds without an answer to a ping after which the line is given up


class WarmHost:
    """One host's line, opened when needed, and opened again when it was lost."""

    def __init__(self, host: Host, threads: Executor) -> None:
        self._host = host
        self._threads = threads
        self._opening: asyncio.Task[Channel] | None = None
        self._channel: Channel | None = None

    @property
    def offset_ns(self) -> int | None:
        """The host's clock minus the desk's, as far as a living line tells."""
        channel = self._channel
        return None if channel is None or channel.dead else channel.offset.offset_ns

    async def warm(self) -> Reply:
        """Open the line if it is not; facts: the host's clock, and the highest epoch it obeys."""
        began = time.monotonic()
        try:
            channel = await self._open()
        except (Unreached, Unasked) as error:
            return Reply(Outcome.REFUSED, str(error), {}, time.monotonic() - began)
        offset = channel.offset
        facts = {"offset_ns": offset.offset_ns, "error_ns": offset.error_ns, "boot_id": offset.boot_id}
        return Reply(Outcome.DONE, "warm", {**facts, "epoch": channel.epoch}, time.monotonic() - began)

    async def act(self, task: Mapping[str, Any], *, changes: bool, timeout: float) -> Reply:
        """Carry out a task. Lost on the way: asked once more if it only reads, else nobody knows."""
        began = time.monotonic()
        end = began + timeout
        try:
            return await self._once(task, began, end)
        except Lost as lost:
            if changes:
                return replies.unknown(str(lost), time.monotonic() - began)
        try:
            return await self._once(task, began, end)
        except Lost as lost:
            return replies.unknown(str(lost), time.monotonic() - began)

    async def beat(self) -> None:
        """Let the agent know that there is still a desk; give up a line that is silent."""
        channel = self._channel
        if channel is None or channel.dead:
            return
        try:
            await self._thread(channel.ping, _SILENT)
        except Unreached as error:
            await self._drop(channel, str(error))

    async def close(self) -> None:
        """End the line."""
        if self._opening is not None:
            await asyncio.wait([self._opening])
        if self._channel is not None:
            await self._drop(self._channel, "the desk is done")

    async def _once(self, task: Mapping[str, Any], began: float, end: float) -> Reply:
        try:
            async with asyncio.timeout(max(0.0, end - time.monotonic())):
                channel = await self._open()
        except (Unreached, Unasked, TimeoutError) as error:
            return self._not_sent(task, str(error) or "no connection in time", time.monotonic() - began)
        limit = end - min(_MARGIN, (end - began) / 4)
        until = int(limit * 1e9) + channel.offset.offset_ns
        number = 0
        try:
            async with asyncio.timeout(max(0.0, end - time.monotonic())):
                number, answer = await self._thread(channel.ask, {"task": task, "until": until})
                return replies.reply(await asyncio.wrap_future(answer), time.monotonic() - began)
        except TimeoutError:
            await self._drop(channel, "an answer did not come in time")
            return replies.unknown(f"no answer within {end - began:.3g} s", time.monotonic() - began)
        except asyncio.CancelledError:
            self._cancel(channel, number)
            raise

    def _not_sent(self, task: Mapping[str, Any], why: str, took: float) -> Reply:
        """Surely nothing was done; of a question, that is no answer."""
        says = f"{self._host.id} cannot be reached, nothing was sent: {why}"
        return (replies.refused if task["action"] in host_tasks.changing() else replies.unknown)(says, took)

    def _cancel(self, channel: Channel, number: int) -> None:
        """End it on the host too; when its number is not known yet, by ending the line."""
        if number:
            self._threads.submit(channel.tell, {"cancel": number})
        else:
            self._threads.submit(channel.close, "was canceled")

    async def _open(self) -> Channel:
        """The line; all who want it meanwhile wait for the same one, and nobody's leaving stops its opening."""
        if self._channel is not None and not self._channel.dead:
            return self._channel
        if self._opening is not None and not self._opening.done():
            with contextlib.suppress(Unreached):  # that try may have begun long ago, when the host was still frozen
                return await asyncio.shield(self._opening)
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._really_open())
            self._opening.add_done_callback(lambda done: done.cancelled() or done.exception())  # heard, also by nobody
        return await asyncio.shield(self._opening)

    async def _really_open(self) -> Channel:
        target, greeting = Target.of(self._host), host_tasks.greeting(self._host)
        channel: Channel = await self._thread(Channel.open, target, greeting)
        self._channel = channel
        return channel

    async def _drop(self, channel: Channel, why: str) -> None:
        """Closing may wait for a lock that a stuck sender holds: not on the event loop."""
        if self._channel is channel:
            self._channel = None
        await self._thread(channel.close, why)

    async def _thread(self, function: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)
