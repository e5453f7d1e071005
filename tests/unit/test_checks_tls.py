"""Kind ``tls`` against real TLS servers with good, short-lived, expired and foreign certificates."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
import uvloop

from checks import tls
from checks.engine import ask
from checks.result import Result, Status
from tests.fakes.authority import Authority
from tests.fakes.checks import check
from tests.fakes.http_server import greets, page, serving, silent


async def asked(tmp_path: Path, days: float = 90, name: str = "marriage.test", **fields: Any) -> Result:
    authority = Authority(tmp_path)
    context = authority.server(name, days)
    context.maximum_version = fields.pop("server_version", ssl.TLSVersion.TLSv1_3)
    async with serving(page(), context) as peer:
        given = {"ca": authority.file, "server_name": "marriage.test", "address": "127.0.0.1"} | fields
        wanted = tls.Params.model_validate({"port": peer.port, **given})
        return await ask(check("tls", wanted), "cloud", lambda: 0.0)


@pytest.mark.parametrize(
    ("fields", "status", "words", "days"),
    [
        ({}, Status.OK, "TLSv1.3, the certificate lasts 90 days", 90),
        ({"days": 5}, Status.DEGRADED, "ends in 5.0 days, wanted at least 14 days", 5),
        ({"days": 5, "certificate_days": 2}, Status.OK, "lasts 5 days", 5),
        ({"days": -3}, Status.DOWN, "the certificate expired 3.0 days ago", -3),
        ({"days": -3, "name": "other.test"}, Status.DOWN, "the certificate expired 3.0 days ago", -3),
        ({"name": "other.test"}, Status.DOWN, "not trusted: Hostname mismatch", 90),
        ({"ca": None}, Status.DOWN, "not trusted: unable to get local issuer certificate", 90),
        ({"server_name": None, "name": "127.0.0.1"}, Status.OK, "lasts 90 days", 90),
        ({"server_version": ssl.TLSVersion.TLSv1_2}, Status.OK, "TLSv1.2", 90),
        ({"server_version": ssl.TLSVersion.TLSv1_2, "min_version": "1.3"}, Status.DOWN, "no TLS on port", None),
        ({"ca": "/nowhere/ca.pem"}, Status.UNKNOWN, "the authorities in /nowhere/ca.pem cannot be read", None),
    ],
)
def test_a_certificate(tmp_path: Path, fields: dict[str, Any], status: Status, words: str, days: float | None) -> None:
    result = uvloop.run(asked(tmp_path, **fields))
    assert (result.status, words in result.sentence) == (status, True), result.sentence
    assert result.value == (None if days is None else pytest.approx(days, abs=0.1))
    assert result.unit == ("" if days is None else "d")


def test_whose_certificate_it_was_is_evidence_also_when_it_was_refused(tmp_path: Path) -> None:
    result = uvloop.run(asked(tmp_path, name="other.test"))
    assert result.evidence["subject"] == "CN=other.test"
    assert result.evidence["issuer"] == "CN=Tricenter test authority"


@pytest.mark.parametrize(
    ("behave", "words"),
    [
        (silent, "no answer after 0.3 s"),
        (greets(b"220 I speak plain text\r\n"), "no TLS on port"),
    ],
)
def test_a_peer_that_does_not_speak_tls(behave: Any, words: str) -> None:
    async def scenario() -> Result:
        async with serving(behave) as peer:
            wanted = tls.Params(port=peer.port, address="127.0.0.1", server_name="marriage.test")
            return await ask(check("tls", wanted, 0.3), "cloud", lambda: 0.0)

    result = uvloop.run(scenario())
    assert (result.status, words in result.sentence) == (Status.DOWN, True), result.sentence


def test_bytes_that_are_no_certificate_are_unknown() -> None:
    params = tls.Params(port=1, address="127.0.0.1")
    assert tls.judge(params, tls.Handshake(0.1, b"\x00garbage", "TLSv1.3"), 0.0).status is Status.UNKNOWN


def test_a_renewed_authority_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("not yet")

    async def scenario() -> tuple[Result, Result]:
        authority = Authority(tmp_path)
        async with serving(page(), authority.server()) as peer:
            wanted = check(
                "tls",
                tls.Params(port=peer.port, address="127.0.0.1", server_name="marriage.test", ca=str(file)),
            )
            before = await ask(wanted, "cloud", lambda: 0.0)
            file.unlink()
            assert authority.file == str(file)
            return before, await ask(wanted, "cloud", lambda: 0.0)

    before, after = uvloop.run(scenario())
    assert (before.status, after.status) == (Status.UNKNOWN, Status.OK)
