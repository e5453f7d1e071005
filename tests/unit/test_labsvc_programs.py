"""The lab's small programs over real sockets: HTTP answers, routes, and patience with a database that says nothing."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import pytest

from lab.services.civil_app import App
from lab.services.http_answers import BODY_BYTES, Answer, Handler, Request, serve
from lab.services.pg_pool import Pool, Unavailable
from lab.services.role_endpoint import decide

NOBODY = "host=127.0.0.1 port=1 dbname=civil user=app connect_timeout=2"


def app() -> App:
    return App("cloud", frozenset({"marriage"}), Pool(NOBODY, 1, 1.0), Pool(NOBODY, 1, 1.0))


async def ask(handler: Handler, sent: bytes) -> list[tuple[int, dict[str, Any]]]:
    """All answers on one connection that sends these bytes."""
    loop, port = asyncio.get_running_loop(), free_port()
    server = loop.create_task(serve("127.0.0.1", port, handler))
    for _ in range(200):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            break
        except ConnectionRefusedError:
            await asyncio.sleep(0.01)
    writer.write(sent)
    writer.write_eof()
    text = (await reader.read()).decode()
    writer.close()
    server.cancel()
    with suppress(asyncio.CancelledError):
        await server
    return [answer(part) for part in text.split("HTTP/1.1 ")[1:]]


def answer(text: str) -> tuple[int, dict[str, Any]]:
    head, _, body = text.partition("\r\n\r\n")
    return int(head.split()[0]), json.loads(body)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def echo(request: Request) -> Answer:
    return Answer(HTTPStatus.OK, {"path": request.path, "body": request.body.decode()})


def test_a_connection_is_kept_for_more_requests() -> None:
    sent = b"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\nPOST /d HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi"
    assert asyncio.run(ask(echo, sent)) == [(200, {"path": "/a", "body": ""}), (200, {"path": "/d", "body": "hi"})]


def test_http_1_0_is_answered_once() -> None:
    assert len(asyncio.run(ask(echo, b"GET /a HTTP/1.0\r\n\r\nGET /b HTTP/1.0\r\n\r\n"))) == 1


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n\r\n",
        b"GET /a HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET /a HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"GET /a HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (BODY_BYTES + 1),
        b"GET /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused(sent: bytes) -> None:
    ((status, document),) = asyncio.run(ask(echo, sent))
    assert (status, document["ok"]) == (400, False)


def test_a_request_that_breaks_off_has_no_answer() -> None:
    assert asyncio.run(ask(echo, b"GET /a HTT")) == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/marriage/health", 200),
        ("GET", "/marriage/read", 503),
        ("POST", "/marriage/write", 503),
        ("GET", "/marriage/write", 404),
        ("GET", "/marriage", 404),
        ("GET", "/nobody/health", 404),
        ("GET", "/", 404),
        ("GET", "/'; DROP TABLE record/read", 404),
    ],
)
def test_the_application_is_honest_without_its_database(method: str, path: str, status: int) -> None:
    said = asyncio.run(app().answer(Request(method, path, b"\0\xff", keep=False)))
    assert said.status == status
    assert said.document["ok"] == (status == 200)
    assert bool(said.document.get("reason")) == (status != 200)


@pytest.fixture
def silent() -> Iterator[str]:
    """A port whose connections are taken and never answered, as a frozen host's kernel does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"host=127.0.0.1 port={server.getsockname()[1]} dbname=civil user=app connect_timeout=2"


def test_a_silent_database_gives_a_sentence_in_time(silent: str) -> None:
    async def work() -> None:
        with pytest.raises(Unavailable, match=r"no answer from the database within 0\.2 s"):
            await Pool(silent, 1, 0.2).ask("SELECT 1")

    asyncio.run(work())


def test_waiting_queries_never_open_more_connections_than_the_pool_has(silent: str) -> None:
    async def work() -> None:
        pool = Pool(silent, 1, 0.2)
        with pytest.raises(Unavailable, match="no answer"):
            await pool.ask("SELECT 1")
        with pytest.raises(Unavailable, match="all connections have waited"):
            await pool.ask("SELECT 1")

    asyncio.run(work())


def test_a_refused_connection_frees_its_place() -> None:
    async def work() -> None:
        pool = Pool(NOBODY, 1, 1.0)
        for _ in range(3):
            with pytest.raises(Unavailable, match="refused"):
                await pool.ask("SELECT 1")

    asyncio.run(work())


@pytest.mark.parametrize(
    ("path", "role", "status"),
    [
        ("/primary", "primary", 200),
        ("/primary", "standby", 503),
        ("/primary", None, 503),
        ("/standby", "standby", 200),
        ("/standby", "primary", 503),
        ("/standby", None, 503),
        ("/health", "primary", 200),
        ("/health", "standby", 200),
        ("/health", None, 503),
        ("/", "primary", 404),
    ],
)
def test_the_role_endpoint_is_green_only_for_the_role_asked(path: str, role: str | None, status: int) -> None:
    assert decide(path, role, "").status == status
