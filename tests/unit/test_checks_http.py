"""Kind ``http`` against real servers, most of them rude; and its judgement, which is pure."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pydantic
import pytest
import uvloop

from checks import curl, http
from checks.engine import ask
from checks.result import Measurement, Result, Status
from tests.fakes.authority import Authority
from tests.fakes.checks import check
from tests.fakes.http_server import CHUNK, Behaviour, endless, page, says, serving, silent

T = TypeVar("T")
OK_HEAD = b"HTTP/1.1 200 OK\r\n"


def run(work: Coroutine[Any, Any, T]) -> T:
    return uvloop.run(work)


def params(**fields: Any) -> http.Params:
    return http.Params.model_validate(fields)


async def asked(behave: Behaviour, timeout: float = 5.0, **fields: Any) -> Result:
    async with serving(behave) as peer:
        return await ask(check("http", params(url=peer.url, **fields), timeout), "cloud", lambda: 1000.0)


def test_a_page_that_answers_is_ok_with_its_phases() -> None:
    result = run(asked(page()))
    assert (result.status, result.unit, result.at) == (Status.OK, "s", 1000.0)
    assert "status 200" in result.sentence
    assert result.value is not None
    connected, began = float(result.evidence["connect"]), float(result.evidence["first_byte"])
    assert 0 < connected <= began <= result.value <= result.took
    assert result.evidence["status"] == 200


@pytest.mark.parametrize(
    ("behave", "fields", "status", "words"),
    [
        (page(status="503 Service Unavailable"), {}, Status.DOWN, "status 503, expected 200"),
        (page(status="404 Not Found"), {"status": (200, 404)}, Status.OK, "status 404"),
        (page("民政通".encode()), {"body": "民政通"}, Status.OK, "status 200"),
        (page(b"sorry"), {"body": "well"}, Status.DOWN, "the text 'well' is not in the answer"),
        (page(b"", "302 Found", "Location: /"), {}, Status.DOWN, "status 302, expected 200"),
        (page(b"", "302 Found", "Location: /"), {"follow": True}, Status.DOWN, "redirects"),
        (page(b"", "302 Found", "Location: file:///etc/passwd"), {"follow": True}, Status.DOWN, "file"),
        (page(b"", "302 Found", "Location: gopher://127.0.0.1/"), {"follow": True}, Status.DOWN, "gopher"),
        (says(), {}, Status.DOWN, "Empty reply"),
        (says(bytes(range(256)) * 12), {}, Status.DOWN, "HTTP/0.9"),
        (says(OK_HEAD, b"Content-Length: 100\r\n\r\n", b"only this"), {}, Status.DOWN, "91 bytes missing"),
        (says(OK_HEAD, b"Content-Length: -5\r\n\r\n"), {}, Status.DOWN, "Content-Length"),
        (says(OK_HEAD, b"Transfer-Encoding: chunked\r\n\r\nzzzz\r\n"), {}, Status.DOWN, "chunk"),
        (silent, {"timeout": 0.5}, Status.DOWN, "connected, no answer"),
        (endless(OK_HEAD + b"\r\n", b"x", 0.02), {"timeout": 0.5}, Status.DOWN, "began but did not end"),
        (endless(OK_HEAD, b"X-Slow: 1\r\n", 0.02), {"timeout": 0.5}, Status.DOWN, "began but did not end"),
    ],
)
def test_what_a_server_does_becomes_a_status_and_a_sentence(
    behave: Behaviour, fields: dict[str, Any], status: Status, words: str
) -> None:
    result = run(asked(behave, **fields))
    assert (result.status, words in result.sentence) == (status, True), result.sentence


@pytest.mark.parametrize(
    ("head", "piece", "status"),
    [
        (OK_HEAD + b"\r\n", CHUNK, Status.DEGRADED),
        (OK_HEAD + b"Content-Length: 99999999999\r\n\r\n", CHUNK, Status.DEGRADED),
        (OK_HEAD, b"X-Header: " + CHUNK + b"\r\n", Status.DOWN),
        (OK_HEAD + b"X-Header: ", CHUNK, Status.DOWN),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n" * 600, Status.DOWN),
    ],
)
def test_what_never_ends_is_cut_off_after_a_bounded_number_of_bytes(head: bytes, piece: bytes, status: Status) -> None:
    async def scenario() -> tuple[curl.Answer, int, Measurement]:
        async with serving(endless(head, piece)) as peer:
            wanted = params(url=peer.url)
            answer = await curl.client().fetch(wanted.request, 20.0)
            return answer, peer.sent, http.judge(wanted, answer, 0.0)

    answer, sent, measured = run(scenario())
    assert answer.error != curl.TIMED_OUT
    assert len(answer.body) <= curl.KEPT
    assert sent < 12 * 1024 * 1024  # the limit, and what fits into the sockets between
    assert measured.status is status


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        result = run(ask(check("http", params(url=f"http://127.0.0.1:{port}/")), "cloud", lambda: 0.0))
    assert result.status is Status.DOWN
    assert "connect" in result.sentence


def test_the_request_says_what_the_check_wants_and_each_is_a_connection_of_its_own() -> None:
    async def scenario() -> list[bytes]:
        async with serving(page()) as peer:
            fields: dict[str, Any] = {"method": "POST", "send": '{"案": 1}', "headers": {"X-Token": "7"}}
            for extra in (fields, {}, fields, {"method": "HEAD"}):
                await ask(check("http", params(url=peer.url, **extra)), "cloud", lambda: 0.0)
            return peer.requests

    posted, plain, again, head = run(scenario())
    assert posted.startswith(b"POST / HTTP/1.1\r\n")
    assert b"X-Token: 7\r\n" in posted
    assert posted.endswith('{"案": 1}'.encode())
    assert plain.startswith(b"GET / HTTP/1.1\r\n")
    assert b"X-Token" not in plain  # a handle that is used again has forgotten everything
    assert again == posted
    assert head.startswith(b"HEAD / HTTP/1.1\r\n")


def test_proxies_of_the_environment_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert run(asked(page())).status is Status.OK


def test_a_machine_without_free_sockets_blames_itself_and_not_the_target() -> None:
    async def scenario() -> Result:
        async with serving(page()) as peer:
            wanted = check("http", params(url=peer.url))
            await ask(wanted, "cloud", lambda: 0.0)
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            try:
                return await ask(wanted, "cloud", lambda: 0.0)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    result = run(scenario())
    assert result.status is Status.UNKNOWN
    assert "prober" in result.sentence


def test_a_canceled_check_leaves_nothing_behind_and_the_next_one_works() -> None:
    async def scenario() -> tuple[Result, int]:
        async with serving(silent) as quiet, serving(page()) as peer:
            held = [
                asyncio.ensure_future(ask(check("http", params(url=quiet.url), 60.0), "cloud", lambda: 0.0))
                for _ in range(20)
            ]
            while len(quiet.requests) < 20:
                await asyncio.sleep(0)
            for task in held:
                task.cancel()
            await asyncio.gather(*held, return_exceptions=True)
            return await ask(check("http", params(url=peer.url)), "cloud", lambda: 0.0), curl.client().running

    result, running = run(scenario())
    assert (result.status, running) == (Status.OK, 0)


async def over_tls(tmp_path: Path, days: float = 90, name: str = "marriage.test", **fields: Any) -> Result:
    authority = Authority(tmp_path)
    wanted: dict[str, Any] = {"ca": authority.file, "server_name": "marriage.test"} | fields
    async with serving(page(), authority.server(name, days)) as peer:
        url = f"https://127.0.0.1:{peer.port}/health"
        return await ask(check("http", params(url=url, **wanted)), "cloud", lambda: 0.0)


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({}, Status.OK, "status 200"),
        ({"days": 5}, Status.DEGRADED, "the certificate ends in 5.0 days, wanted at least 14 days"),
        ({"days": 5, "certificate_days": 3}, Status.OK, "status 200"),
        ({"days": -2}, Status.DOWN, "certificate has expired"),
        ({"days": -2, "verify": False}, Status.DOWN, "the certificate expired 2.0 days ago"),
        ({"name": "other.test"}, Status.DOWN, "marriage.test"),
        ({"name": "other.test", "verify": False}, Status.OK, "status 200"),
        ({"ca": None}, Status.DOWN, "certificate"),
        ({"server_name": None, "name": "127.0.0.1"}, Status.OK, "status 200"),
        ({"ca": "/nowhere/ca.pem"}, Status.UNKNOWN, "the prober could not ask"),
    ],
)
def test_certificates(tmp_path: Path, fields: dict[str, Any], status: Status, words: str) -> None:
    result = run(over_tls(tmp_path, **fields))
    assert (result.status, words in result.sentence) == (status, True), result.sentence


def test_the_days_left_are_evidence(tmp_path: Path) -> None:
    result = run(over_tls(tmp_path))
    assert 89 < float(result.evidence["certificate_days"]) <= 90
    assert float(result.evidence["tls"]) > 0


def test_plain_http_on_a_tls_port_is_down() -> None:
    async def scenario() -> Result:
        async with serving(says(b"HTTP/1.1 200 OK\r\n\r\n")) as peer:
            wanted = params(url=f"https://127.0.0.1:{peer.port}/")
            return await ask(check("http", wanted, 1.0), "cloud", lambda: 0.0)

    assert run(scenario()).status is Status.DOWN


def test_an_answer_that_took_longer_than_wanted_is_degraded() -> None:
    answer = curl.Answer(0, "", 0, 200, b"", 0.0, 0.1, 0.0, 0.4, 0.6)
    judged = http.judge(params(url="http://a/", slow="500ms"), answer, 0.0)
    assert (judged.status, judged.sentence, judged.value) == (Status.DEGRADED, "slow: 600 ms, limit 500 ms", 0.6)


@pytest.mark.parametrize(
    ("dns", "connect", "first_byte", "words"),
    [
        (0.0, 0.0, 0.0, "the name was not resolved"),
        (0.01, 0.0, 0.0, "no connection"),
        (0.01, 0.02, 0.0, "connected, no answer"),
        (0.01, 0.02, 0.03, "the answer began but did not end"),
    ],
)
def test_a_transfer_out_of_time_says_how_far_it_came(dns: float, connect: float, first_byte: float, words: str) -> None:
    answer = curl.Answer(curl.TIMED_OUT, "", 0, 0, b"", dns, connect, 0.0, first_byte, 5.0)
    judged = http.judge(params(url="http://a/"), answer, 0.0)
    assert (judged.status, judged.sentence) == (Status.DOWN, f"no full answer after 5.0 s: {words}")


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "file:///etc/passwd"},
        {"url": "ftp://host/"},
        {"url": "http://"},
        {"url": "http://host:99999/"},
        {"url": "http://host/a b"},
        {"url": "http://host/\r\nX: 1"},
        {"url": "http://host/", "method": "GET\r\n"},
        {"url": "http://host/", "headers": {"X": "1\r\nY: 2"}},
        {"url": "http://host/", "headers": {"X: 1\r\nY": "2"}},
        {"url": "http://host/", "server_name": "a:1:b"},
        {"url": "http://host/", "status": (20,)},
        {"url": "http://host/", "stauts": (200,)},
    ],
)
def test_parameters_that_make_no_sense_or_smuggle_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        params(**fields)
