"""The heartbeat's way back: whose beats count, and visitors who speak badly, slowly, or without end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from checks.result import Status
from reports import receiver
from reports.receiver import receiving
from reports.watchdog import Heart
from state.notice_path import Stuck, judge_path

HEART = Heart(b"k" * 32)


def message(beat: object, status: str = "firing") -> bytes:
    return json.dumps({"version": "4", "alerts": [{"status": status, "annotations": {"beat": beat}}]}).encode()


def test_a_beat_is_heard_with_the_moment_it_was_made() -> None:
    assert HEART.heard(message(HEART.beat(1_790_000_000.25))) == 1_790_000_000.25


def test_of_many_the_newest_counts() -> None:
    alerts = [{"status": "firing", "annotations": {"beat": HEART.beat(at)}} for at in (5.0, 9.0, 7.0)]
    assert HEART.heard(json.dumps({"alerts": alerts}).encode()) == 9.0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"alerts": 1}',
        b'{"alerts": [1, null, {"annotations": []}]}',
        message(None),
        message(["x"]),
        message("1790000000.000-" + "0" * 32),
        message(Heart(b"other").beat(1_790_000_000.0)),
        message(HEART.beat(1_790_000_000.0).replace("1790000000", "1790000009")),
        message(HEART.beat(1_790_000_000.0), "resolved"),
        message("9" * 400 + ".000-" + "0" * 32),
    ],
    ids=range(15),
)
def test_nothing_else_keeps_a_dead_path_looking_alive(body: bytes) -> None:
    assert HEART.heard(body) is None


def spoken(*parts: bytes, pause: float = 0.0) -> tuple[bytes, list[bytes]]:
    """What the receiver answers to bytes sent one after another, and what it handed on."""
    handed: list[bytes] = []

    async def speak() -> bytes:
        async with receiving("127.0.0.1", 0, handed.append) as (host, port):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                for part in parts:
                    writer.write(part)
                    await asyncio.sleep(pause)
                return await reader.read()
            except ConnectionError:
                return b"cut off"
            finally:
                writer.transport.abort()

    return asyncio.run(asyncio.wait_for(speak(), 30)), handed


def post(body: bytes, path: bytes = b"/watchdog", method: bytes = b"POST", length: bytes | None = None) -> bytes:
    size = str(len(body)).encode() if length is None else length
    return method + b" " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: " + size + b"\r\n\r\n" + body


def test_a_message_is_handed_on_whole_however_it_comes() -> None:
    whole = post(b'{"alerts": []}')
    for parts in ((whole,), (whole[:10], whole[10:60], whole[60:])):
        answer, handed = spoken(*parts, pause=0.01)
        assert answer.startswith(b"HTTP/1.1 200 ") and handed == [b'{"alerts": []}']


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (post(b"x", method=b"GET"), b"405"),
        (post(b"x", path=b"/etc/passwd"), b"404"),
        (post(b"x", length=b"99999999"), b"413"),
        (post(b"x", length=b"-1"), b"411"),
        (post(b"x", length=b"9" * 40), b"411"),
        (b"POST /watchdog HTTP/1.1\r\nHost: x\r\n\r\n", b"411"),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", b"400"),
        (b"GET\r\n\r\n", b"400"),
    ],
)
def test_who_speaks_otherwise_is_turned_away(said: bytes, answer: bytes) -> None:
    told, handed = spoken(said)
    assert told.split(b" ")[1] == answer and handed == []


@pytest.mark.parametrize(
    "parts",
    [(b"POST /watchdog HTTP/1.1\r\nX: " + b"a" * 100_000,), (post(b"short", length=b"500"),), (b"P",)],
    ids=["endless head", "less than was promised", "nothing more"],
)
def test_who_does_not_come_to_an_end_is_left(parts: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver, "_PATIENCE", 0.2)
    told, handed = spoken(*parts)
    assert told in (b"", b"cut off") and handed == []


def test_many_visitors_at_once_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver, "_PATIENCE", 0.3)

    async def crowd() -> int:
        async with receiving("127.0.0.1", 0, lambda _: None) as (host, port):
            visitors = [await asyncio.open_connection(host, port) for _ in range(40)]
            answers = await asyncio.gather(*(reader.read() for reader, _ in visitors), return_exceptions=True)
            for _, writer in visitors:
                writer.transport.abort()
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(post(b"{}"))
            answer = await reader.read()
            writer.transport.abort()
            assert answer.startswith(b"HTTP/1.1 200 ")
            return len(answers)

    assert asyncio.run(asyncio.wait_for(crowd(), 30)) == 40


STUCK = Stuck("mail:zh", 100.0, 3, "451 later")
PATHS: list[tuple[dict[str, Any], Status | None, str, float]] = [
    ({"arrived": None, "watched": True, "now": 399.0}, None, "", 0.0),
    ({"arrived": None, "watched": True, "now": 401.0}, Status.DOWN, "notices.silent", 100.0),
    ({"arrived": 390.0, "watched": True, "now": 690.0}, Status.OK, "notices.ok", 390.0),
    ({"arrived": 390.0, "watched": True, "now": 691.0}, Status.DOWN, "notices.silent", 390.0),
    ({"arrived": None, "watched": False, "now": 9999.0}, Status.OK, "notices.ok", 100.0),
    ({"arrived": 390.0, "watched": True, "now": 400.0, "stuck": [STUCK]}, Status.OK, "notices.ok", 390.0),
    ({"arrived": 390.0, "watched": True, "now": 401.0, "stuck": [STUCK]}, Status.DEGRADED, "notices.stuck", 100.0),
    ({"arrived": None, "watched": True, "now": 401.0, "stuck": [STUCK]}, Status.DOWN, "notices.silent", 100.0),
]


@pytest.mark.parametrize(("case", "status", "code", "since"), PATHS)
def test_the_verdict_on_the_path(case: dict[str, Any], status: Status | None, code: str, since: float) -> None:
    judge: Callable[..., Any] = judge_path
    found = judge(100.0, case["arrived"], case["watched"], 300.0, case.get("stuck", []), case["now"])
    assert (found and found.status) == status
    if found:
        assert (found.because.code, found.since, found.subject) == (code, since, "watch:notices")
