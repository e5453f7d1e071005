"""Kind ``tcp`` against real sockets."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Any

import pytest
import uvloop

from checks import tcp
from checks.engine import ask
from checks.result import Result, Status
from tests.fakes.checks import check
from tests.fakes.http_server import Behaviour, greets, serving, silent


async def asked(behave: Behaviour, timeout: float = 2.0, **fields: Any) -> Result:
    async with serving(behave) as peer:
        wanted = tcp.Params(port=peer.port, address="127.0.0.1", **fields)
        return await ask(check("tcp", wanted, timeout), "cloud", lambda: 0.0)


@pytest.mark.parametrize(
    ("behave", "fields", "status", "words"),
    [
        (silent, {}, Status.OK, "answers in"),  # a frozen host's kernel still accepts: use a kind that needs an answer
        (silent, {"banner": "SSH-2.0", "timeout": 0.3}, Status.DOWN, "connected, but then nothing came"),
        (greets(b"SSH-2.0-OpenSSH_9.2\r\n"), {"banner": "SSH-2.0"}, Status.OK, "answers in"),
        (greets(b"220 mail\r\n" + b"x" * 100_000), {"banner": "SSH-2.0"}, Status.DOWN, "said '220 mail"),
        (greets(b"\x1b[31m\x00\xff"), {"banner": "SSH", "timeout": 0.3}, Status.DOWN, "connected, but then nothing"),
    ],
)
def test_a_port(behave: Behaviour, fields: dict[str, Any], status: Status, words: str) -> None:
    result = uvloop.run(asked(behave, **fields))
    assert (result.status, words in result.sentence) == (status, True), result.sentence


def test_a_greeting_ends_without_what_was_expected() -> None:
    async def hangs_up(_peer: object, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x1b[31m\x00\xff bye")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    result = uvloop.run(asked(hangs_up, banner="SSH"))
    assert result.status is Status.DOWN
    assert result.sentence.isprintable()
    assert str(result.evidence["greeting"]).isprintable()


def test_a_refused_connection_is_down() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        wanted = check("tcp", tcp.Params(port=taken.getsockname()[1], address="127.0.0.1"))
        result = uvloop.run(ask(wanted, "cloud", lambda: 0.0))
    assert result.status is Status.DOWN
    assert "Connection refused" in result.sentence


def test_our_own_exhaustion_is_unknown() -> None:
    assert tcp.judge_error(OSError(errno.EMFILE, "Too many open files"), "db", 22).status is Status.UNKNOWN
    unreached = tcp.judge_error(OSError(errno.EHOSTUNREACH, "x"), "db", 22)
    assert (unreached.status, unreached.sentence) == (Status.DOWN, "no connection to db port 22: No route to host")


def test_a_full_accept_queue_is_no_connection_in_time() -> None:
    async def scenario() -> Result:
        with socket.socket() as full, socket.socket() as first, socket.socket() as second:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            for held in (first, second):
                held.setblocking(False)
                held.connect_ex(full.getsockname())
            wanted = tcp.Params(port=full.getsockname()[1], address="127.0.0.1")
            return await ask(check("tcp", wanted, 0.3), "cloud", lambda: 0.0)

    result = uvloop.run(scenario())
    assert (result.status, "no connection" in result.sentence) == (Status.DOWN, True), result.sentence
