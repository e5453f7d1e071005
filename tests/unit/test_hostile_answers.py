"""Whatever a target answers, to whatever kind of check: a result, in bounded time and memory, with nothing that acts.

Each row goes through the engine, as in a prober, and what comes of it through every place that shows it.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import resource
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest
import uvloop
from rich.console import Console

from checks.check import Check
from checks.engine import SENTENCE, ask
from checks.kinds import KINDS
from checks.result import Result, Status
from checks.ssh_pool import POOL
from inventory.model import Confirm, Host
from reports import terminal
from state.store import Store
from tests.fakes.authority import Authority
from tests.fakes.http_server import Behaviour, endless, greets, page, says, serving, silent
from tests.fakes.ssh_server import SshServer

TIMEOUT = 1.0
MB = 1_000_000
LOUD = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b2J\u202e\u2067\u200b<script>alert(1)</script>{{ 7*7 }} $(touch own) \x00\r\n"
BINARY = bytes(range(256)) * 4000
HEAD = b"HTTP/1.1 200 OK\r\n"
BOMB = gzip.compress(b"\0" * 200 * MB, 1)

#: what any server may say
ANYBODY: dict[str, Behaviour] = {
    "silent": silent,
    "binary": says(BINARY),
    "endless": endless(b"", BINARY),
    "drip": endless(b"", b"x", 0.01),
    "loud": greets(LOUD.encode("utf-8", "surrogatepass") * 100),
    "nothing": says(),
}
#: what a web server may say
WEB: dict[str, Behaviour] = ANYBODY | {
    "endless body": endless(HEAD + b"\r\n", b"x" * 65536),
    "endless chunks": endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\nhello\r\n"),
    "drip body": endless(HEAD + b"\r\n", b"x", 0.01),
    "drip headers": endless(HEAD, b"X: 1\r\n", 0.01),
    "one giant header": endless(HEAD + b"X: ", b"x" * 65536),
    "many headers": endless(HEAD, b"X-Many: 1\r\n" * 5000),
    "redirect loop": page(b"", "302 Found", "Location: /"),
    "redirect to a file": page(b"", "302 Found", "Location: file:///etc/passwd"),
    "redirect that is loud": page(b"", "302 Found", "Location: http://$(touch-owned)<script>/"),
    "loud body": page(LOUD.encode() * 1000),
    "loud status": says(f"HTTP/1.1 200 {LOUD}".encode() + b"\r\n\r\n"),
    "a length that lies": says(HEAD + b"Content-Length: 99999999999\r\n\r\nx"),
    "a length that is none": says(HEAD + b"Content-Length: -5\r\n\r\nx"),
    "a bomb": says(HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB),
}
#: what a program may print
PROGRAMS = {
    "10 MB at once": "head -c 10000000 /dev/zero | tr '\\0' x; exit 2",
    "without end": "yes",
    "binary": "head -c 100000 /dev/urandom; exit 1",
    "loud": "printf '%b' '\\033[2J\\033]0;owned\\007<script>alert(1)</script>|a=1;;;'; exit 2",
    "deaf to SIGTERM": "trap '' TERM; sleep 60",
    "10 MB of complaints": "head -c 10000000 /dev/zero >&2; exit 3",
}
#: what a host may answer to what the security watch asks
QUESTIONS: dict[str, dict[str, Any]] = {
    "baseline": {"level": 3},
    "ports": {"expected": [22]},
    "logs retention": {"ask": "retention"},
    "logs failed-logins": {"ask": "failed-logins"},
}


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine stops a probe that does not keep its own deadline; so late that a busy machine is no excuse."""
    monkeypatch.setattr("checks.engine.GRACE", 30.0)


def check(kind: str, host: Host | None = None, **params: Any) -> Check:
    made = KINDS[kind].params.model_validate(params)
    return Check("host/box/x", "host:box", kind, made, ("cloud",), 60.0, TIMEOUT, Confirm(m=1, n=1), host, "cloud")


def bounded(result: Result, memory: int) -> None:
    """What holds for every answer to every question."""
    assert "the probe did not end" not in result.sentence, "a probe keeps its own deadline"
    assert "the probe failed" not in result.sentence, "what a target says is never an error of ours"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - memory < 60 * MB
    for text in (result.sentence, *map(str, result.evidence), *map(str, result.evidence.values())):
        assert len(text) <= SENTENCE and text.isprintable(), text
    shown = io.StringIO()
    Console(file=shown, width=200, force_terminal=False).print(terminal.results([result]))
    assert "\x1b" not in shown.getvalue() and "\x9b" not in shown.getvalue()


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize("name", WEB)
def test_http(name: str) -> None:
    async def scenario() -> Result:
        async with serving(WEB[name]) as peer:
            wanted = check("http", url=peer.url, follow=True, body="not there")
            return await ask(wanted, "cloud", lambda: 0.0)

    memory = peak()
    result = uvloop.run(scenario())
    bounded(result, memory)
    assert result.status in (Status.DOWN, Status.DEGRADED), result.sentence


@pytest.mark.parametrize("name", WEB)
def test_promql(name: str) -> None:
    async def scenario() -> Result:
        async with serving(WEB[name]) as peer:
            return await ask(check("promql", url=peer.url, query="up", down="> 1"), "cloud", lambda: 0.0)

    memory = peak()
    result = uvloop.run(scenario())
    bounded(result, memory)
    assert result.status is Status.UNKNOWN, "no answer is unknown, never fine and never down"


@pytest.mark.parametrize("name", ANYBODY)
@pytest.mark.parametrize("kind", ["tcp", "tls", "https", "strict"])
def test_ports_that_say_anything(name: str, kind: str) -> None:
    async def scenario() -> Result:
        async with serving(ANYBODY[name]) as peer:
            port, address = peer.port, "127.0.0.1"
            wanted = {
                "tcp": lambda: check("tcp", port=port, address=address, banner="SSH-2.0"),
                "tls": lambda: check("tls", port=port, address=address, server_name="a.test"),
                "strict": lambda: check("tls", port=port, address=address, server_name="a.test", strict=True),
                "https": lambda: check("http", url=f"https://127.0.0.1:{port}/"),
            }[kind]()
            return await ask(wanted, "cloud", lambda: 0.0)

    memory = peak()
    result = uvloop.run(scenario())
    bounded(result, memory)
    assert result.status is Status.DOWN, result.sentence


@pytest.mark.parametrize("name", ["endless", "drip", "binary"])
def test_a_tls_server_that_is_hostile_after_a_good_handshake(name: str, tmp_path: Path) -> None:
    async def scenario() -> Result:
        authority = Authority(tmp_path)
        context: ssl.SSLContext = authority.server("127.0.0.1")
        async with serving(ANYBODY[name], context) as peer:
            url = f"https://127.0.0.1:{peer.port}/"
            return await ask(check("http", url=url, ca=authority.file), "cloud", lambda: 0.0)

    memory = peak()
    result = uvloop.run(scenario())
    bounded(result, memory)
    assert result.status is Status.DOWN, result.sentence


@pytest.mark.parametrize("name", PROGRAMS)
def test_plugins(name: str) -> None:
    memory = peak()
    result = uvloop.run(ask(check("plugin", command=["sh", "-c", PROGRAMS[name]]), "cloud", lambda: 0.0))
    bounded(result, memory)
    assert result.status is not Status.OK


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with SshServer(tmp_path_factory.mktemp("ssh")) as running:
        yield running
        POOL.close()


def _ten_megabytes(channel: paramiko.Channel) -> None:
    try:
        channel.settimeout(5)
        for _ in range(160):
            channel.sendall(b"x" * 65536)
        channel.send_exit_status(0)
    except OSError:
        pass
    finally:
        channel.close()


def _loud(channel: paramiko.Channel) -> None:
    channel.sendall(LOUD.encode() * 50 + BINARY[:4096])
    channel.send_exit_status(0)
    channel.close()


def _drip(channel: paramiko.Channel) -> None:
    try:
        for _ in range(500):
            channel.sendall(b"x")
            time.sleep(0.01)
    except OSError:
        pass
    channel.close()


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("answer", [_ten_megabytes, _loud, _drip], ids=["10 MB", "loud", "drip"])
def test_hosts_that_answer_anything(server: SshServer, question: str, answer: Any) -> None:
    server.scripts = {"": answer}

    async def scenario() -> Result:
        return await ask(
            check(question.split(maxsplit=1)[0], server.host(), **QUESTIONS[question]), "cloud", lambda: 0.0
        )

    memory = peak()
    result = asyncio.run(scenario())
    bounded(result, memory)
    assert result.status is Status.UNKNOWN, result.sentence


def test_what_hostile_targets_said_is_kept_as_text(tmp_path: Path) -> None:
    """The words that a store keeps, and gives back, cannot act either."""
    from state.signals import fold

    shout = check("plugin", command=["printf", "%b", LOUD.replace("\0", "") * 20])
    result = uvloop.run(ask(shout, "cloud", lambda: 1000.0))
    signal = fold(None, result, shout, 1000.0)
    assert signal is not None
    store = Store.open(f"sqlite:///{tmp_path}/s.db")
    store.settle([signal], [], 1000.0)
    (told,) = store.latest()
    store.close()
    assert told.sentence.isprintable() and len(told.sentence) <= SENTENCE
