"""The watch's voice beside its cycle: people are told, and the heartbeat comes back to a receiver of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from reports.messenger import EVERY, Messenger
from reports.receiver import receiving

#: repeats work of a name every so many seconds until the event
Repeated = Callable[[str, Callable[[], None], float, asyncio.Event], Awaitable[None]]


async def speaking(messenger: Messenger, repeated: Repeated, stop: asyncio.Event, tell: Callable[[str], None]) -> None:
    """Tell people until the end, where the estate says how."""
    notices = messenger.people.notices
    if notices is None:
        tell("this estate has no notices.yml: nobody is told of incidents")
        return
    async with AsyncExitStack() as stack:
        if notices.alertmanager is not None and notices.alertmanager.watchdog is not None:
            listen = notices.alertmanager.watchdog.listen
            host, _, port = listen.rpartition(":")
            try:
                await stack.enter_async_context(receiving(host, int(port), messenger.hear))
            except OSError as error:
                tell(f"cannot listen on {listen}, so the heartbeat of the notices cannot come back: {error}")
        await repeated("notices", messenger.turn, EVERY, stop)
