"""A TCP server that says exactly what a test wants, well-behaved or not; it counts and keeps what it was sent."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

CHUNK = b"x" * 16_384


@dataclass
class Peer:
    """What the server saw."""

    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    sent: int = 0  #: bytes that clients have taken

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


Behaviour = Callable[[Peer, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(behave: Behaviour, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    """Run ``behave`` for every connection while the block runs."""
    peer = Peer()
    busy: set[asyncio.Task[None]] = set()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        busy.add(task)
        try:
            await behave(peer, reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            busy.discard(task)

    server = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=tls)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        for task in list(busy):
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
        await server.wait_closed()


async def _heard(peer: Peer, reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    peer.requests.append(head + await reader.readexactly(length))


def page(body: bytes = b"all is well\n", status: str = "200 OK", *headers: str) -> Behaviour:
    """One proper answer."""

    async def behave(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _heard(peer, reader)
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        writer.write("\r\n".join(lines).encode() + body)
        await writer.drain()
        await reader.read()  # until the client hangs up

    return behave


def says(*pieces: bytes) -> Behaviour:
    """These bytes after the request, then the end."""

    async def behave(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _heard(peer, reader)
        writer.writelines(pieces)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return behave


def endless(head: bytes, piece: bytes = CHUNK, pause: float = 0.0) -> Behaviour:
    """``head``, and then the same piece for ever."""

    async def behave(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _heard(peer, reader)
        writer.write(head)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            peer.sent += len(piece)
            await asyncio.sleep(pause)

    return behave


async def silent(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept and say nothing, as a frozen machine does."""
    peer.requests.append(b"")
    await reader.read()
    await asyncio.Event().wait()


def greets(greeting: bytes) -> Behaviour:
    """Speak first, like an SSH or SMTP server."""

    async def behave(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await writer.drain()
        await reader.read()

    return behave
