"""A few pages over HTTP on the event loop, for machines: GET only, one request a connection, all of it bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

CONNECTIONS = 32  #: served at the same time; more are turned away
HEAD = 8192  #: longest request head, in bytes
PATIENCE = 5.0  #: seconds for a request to come in
DELIVERY = 30.0  #: seconds for an answer to be taken

Query = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Page:
    """An answer."""

    body: bytes
    type: str = "text/plain; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK


Route = Callable[[Query], Awaitable[Page]]


@asynccontextmanager
async def serving(host: str, port: int, routes: Mapping[str, Route]) -> AsyncIterator[tuple[str, int]]:
    """Serve the routes (path -> function) while the block runs; gives the address that was bound. Raises OSError."""
    busy: set[asyncio.Task[None]] = set()
    server = await asyncio.start_server(partial(_accepted, routes, busy), host, port, limit=HEAD)
    try:
        yield server.sockets[0].getsockname()[:2]
    finally:
        server.close()
        for task in list(busy):
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
        await server.wait_closed()


def _accepted(
    routes: Mapping[str, Route],
    busy: set[asyncio.Task[None]],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    if len(busy) >= CONNECTIONS:
        writer.transport.abort()
        return
    task = asyncio.get_running_loop().create_task(_serve(routes, reader, writer))
    busy.add(task)
    task.add_done_callback(busy.discard)


async def _serve(routes: Mapping[str, Route], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            head = await reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(DELIVERY):
            writer.write(_written(await answer(routes, head)))
            await writer.drain()
            writer.close()
            await writer.wait_closed()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass  # whoever asked is gone, or never asked properly
    finally:
        writer.transport.abort()


async def answer(routes: Mapping[str, Route], head: bytes) -> Page:
    """The page for a request head, whatever it holds."""
    words = head.partition(b"\r\n")[0].decode("latin-1").split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return _refusal(HTTPStatus.BAD_REQUEST)
    if words[0] != "GET":
        return _refusal(HTTPStatus.METHOD_NOT_ALLOWED)
    try:
        target = urlsplit(words[1])
        query = parse_qs(target.query, max_num_fields=1000)
    except ValueError:
        return _refusal(HTTPStatus.BAD_REQUEST)
    route = routes.get(target.path)
    return await route(query) if route else _refusal(HTTPStatus.NOT_FOUND)


def _refusal(status: HTTPStatus) -> Page:
    return Page(f"{status.phrase}\n".encode(), status=status)


def _written(page: Page) -> bytes:
    head = (
        f"HTTP/1.1 {page.status.value} {page.status.phrase}\r\n"
        f"Content-Type: {page.type}\r\n"
        f"Content-Length: {len(page.body)}\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + page.body
