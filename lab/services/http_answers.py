"""A small HTTP/1.1 server on asyncio: JSON answers, bounded in size and patience."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

LOG = logging.getLogger(__name__)
IDLE = 30.0  #: seconds a connection may rest between requests
HEAD_BYTES = 8192
BODY_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked."""

    method: str
    path: str  #: without the query
    body: bytes
    keep: bool  #: the client wants to go on using the connection


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said."""

    status: HTTPStatus
    document: dict[str, object]


Handler = Callable[[Request], Awaitable[Answer]]


class BadRequest(Exception):
    """Not HTTP, or too big."""


async def serve(address: str, port: int, handler: Handler) -> None:
    """Answer requests until the process ends; nothing here needs saying goodbye."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, TimeoutError, asyncio.IncompleteReadError):
            await _conversation(reader, writer, handler)
        writer.close()

    server = await asyncio.start_server(talk, address, port, limit=HEAD_BYTES)
    LOG.info("listening on %s:%d", address, port)
    async with server:
        await server.serve_forever()


async def _conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler) -> None:
    keep = True
    while keep:
        try:
            async with asyncio.timeout(IDLE):
                request = await _read(reader)
            if request is None:
                return
            answer, keep = await handler(request), request.keep
        except (BadRequest, ValueError, asyncio.LimitOverrunError):
            answer, keep = Answer(HTTPStatus.BAD_REQUEST, {"ok": False, "reason": "not a request"}), False
        writer.write(_bytes(answer, keep))
        async with asyncio.timeout(IDLE):
            await writer.drain()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    """The next request, or None when the client has hung up."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as end:
        if end.partial:
            raise
        return None
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, version = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    size = int(headers.get("content-length", "0"))
    if not 0 <= size <= BODY_BYTES or "transfer-encoding" in headers:
        raise BadRequest
    keep = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    return Request(method, target.partition("?")[0], await reader.readexactly(size), keep)


def _bytes(answer: Answer, keep: bool) -> bytes:
    body = json.dumps(answer.document, ensure_ascii=False).encode() + b"\n"
    head = (
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    )
    return head.encode() + body
