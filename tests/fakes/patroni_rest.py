"""A REST interface that says what a test wants in Patroni's place, and an action carried out before it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

from failover.remote.carry_out import carry_out
from tests.fakes import http_server
from tests.fakes.http_server import Behaviour


def rest(answers: Mapping[str, Any]) -> Behaviour:
    """By path; an answer is an object, bytes as they are, or a behaviour of its own."""

    async def behave(peer: http_server.Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        answer = answers[head.split()[1].decode()]
        if not callable(answer):
            answer = http_server.page(answer if isinstance(answer, bytes) else json.dumps(answer).encode())
        again = asyncio.StreamReader()
        again.feed_data(head.split(b"\r\n")[0] + b"\r\n\r\n")  # without the length: the body was not kept
        reading = asyncio.ensure_future(_pass_on(reader, again))
        try:
            await answer(peer, again, writer)
        finally:
            reading.cancel()

    return behave


async def _pass_on(reader: asyncio.StreamReader, again: asyncio.StreamReader) -> None:
    while await reader.read(4096):
        pass
    again.feed_eof()


def told(behave: Behaviour, action: str, seconds: float = 2.0, **more: Any) -> dict[str, Any]:
    """How the action ends on ``cloud-db``, whose Patroni behaves like this."""
    labels = dict(more.pop("labels", {}))
    given = {"action": action, "host": "cloud-db", "address": "127.0.0.1", "services_dir": "", "run": "r", "epoch": 1}

    async def ask() -> dict[str, Any]:
        async with http_server.serving(behave) as peer:
            said = {"patroni-api": f"http://127.0.0.1:{peer.port}"} | labels
            task = {**given, "give": {}, "peers": {}, **more, "labels": said}
            return await asyncio.to_thread(carry_out, task, time.monotonic() + seconds)

    return asyncio.run(ask())
