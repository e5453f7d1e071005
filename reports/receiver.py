"""Where Alertmanager's webhook brings the heartbeat: one path, POST only, bounded in time, bytes and visitors."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

PATH = "/watchdog"
BODY = 512 * 1024  #: bytes of one message
_HEAD = 8192
_VISITORS = 8  #: at the same time; more are turned away
_PATIENCE = 5.0  #: seconds for a message to come in whole
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,9})\r\n", re.IGNORECASE)


@asynccontextmanager
async def receiving(host: str, port: int, heard: Callable[[bytes], None]) -> AsyncIterator[tuple[str, int]]:
    """Hand every message to ``heard`` while the block runs; gives the address that was bound. Raises OSError."""
    busy: set[asyncio.Task[None]] = set()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(busy) >= _VISITORS:
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(_serve(reader, writer, heard))
        busy.add(task)
        task.add_done_callback(busy.discard)

    server = await asyncio.start_server(accepted, host, port, limit=_HEAD)
    try:
        yield server.sockets[0].getsockname()[:2]
    finally:
        server.close()
        for task in list(busy):
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
        await server.wait_closed()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Callable[[bytes], None]) -> None:
    try:
        async with asyncio.timeout(_PATIENCE):
            status = await _taken(reader, heard)
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
            writer.close()
            await writer.wait_closed()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass  # whoever it was is gone, or never spoke properly
    finally:
        writer.transport.abort()


async def _taken(reader: asyncio.StreamReader, heard: Callable[[bytes], None]) -> str:
    """Read one message; the status line of the answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    words = head.partition(b"\r\n")[0].split(b" ")
    if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
        return "400 Bad Request"
    if words[1] != PATH.encode():
        return "404 Not Found"
    length = _LENGTH.search(head)
    if words[0] != b"POST":
        return "405 Method Not Allowed"
    if length is None or int(length[1]) > BODY:
        return "413 Content Too Large" if length else "411 Length Required"
    heard(await reader.readexactly(int(length[1])))
    return "200 OK"
