"""Kind ``tls`` against real TLS servers with good, short-lived, expired and foreign certificates."""

from __future__ import annotations

import ssl
import subprocess
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from checks import tls, tls_weak
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


def weak_server(tmp_path: Path, ciphers: str, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """A server that takes what it should refuse."""
    context = Authority(tmp_path).server()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
        if version:
            context.minimum_version = version
    return context


async def strictly(tmp_path: Path, context: ssl.SSLContext, timeout: float = 5.0) -> Result:
    async with serving(page(), context) as peer:
        wanted = tls.Params(
            port=peer.port, address="127.0.0.1", server_name="marriage.test", ca=Authority(tmp_path).file, strict=True
        )
        return await ask(check("tls", wanted, timeout), "cloud", lambda: 0.0)


def test_a_sound_server_refuses_everything_weak(tmp_path: Path) -> None:
    context = Authority(tmp_path).server()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM")
    result = uvloop.run(strictly(tmp_path, context))
    assert result.status is Status.OK, result.sentence
    answers = {key: value for key, value in result.evidence.items() if key.startswith("offered ")}
    assert len(answers) == len(tls_weak.OFFERS) and "taken" not in answers.values()
    assert "refused" in answers.values()
    assert result.evidence["chain"] == 2


@pytest.mark.parametrize(
    ("ciphers", "version", "words"),
    [
        ("ALL", ssl.TLSVersion.TLSv1, "it still takes TLS 1.0, TLS 1.1"),
        ("ALL", ssl.TLSVersion.TLSv1_1, "it still takes TLS 1.1"),
        ("ALL:eNULL", None, "ciphers without encryption"),
        ("ALL:aNULL", None, "ciphers without authentication"),
    ],
)
def test_whatever_weak_it_still_takes_is_named(
    tmp_path: Path, ciphers: str, version: ssl.TLSVersion | None, words: str
) -> None:
    result = uvloop.run(strictly(tmp_path, weak_server(tmp_path, ciphers, version)))
    assert result.status is Status.DEGRADED
    assert words in result.sentence


def test_what_cannot_be_offered_here_is_never_called_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_weak, "context_of", lambda offer: None)
    result = uvloop.run(strictly(tmp_path, Authority(tmp_path).server()))
    assert result.status is Status.OK
    assert {value for key, value in result.evidence.items() if key.startswith("offered ")} == {"untried"}


def test_a_peer_that_does_not_answer_offers_is_not_down_for_that(tmp_path: Path) -> None:
    async def scenario() -> dict[str, tls_weak.Taken]:
        async with serving(silent) as peer:
            return await tls_weak.offered("127.0.0.1", peer.port, "marriage.test", 0.2)

    assert set(uvloop.run(scenario()).values()) == {tls_weak.Taken.UNTRIED}


def made(key: Any, algorithm: Any = None, issuer: str = "authority", days: float = 10.0) -> bytes:
    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name("server")).issuer_name(name(issuer))
    builder = builder.public_key(key.public_key()).serial_number(7).not_valid_before(now - timedelta(days=1))
    signed = builder.not_valid_after(now + timedelta(days=days)).sign(key, algorithm)
    return signed.public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        (lambda: made(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()), []),
        (lambda: made(ed25519.Ed25519PrivateKey.generate()), []),
        (lambda: made(rsa.generate_private_key(65537, 2048), hashes.SHA256()), []),
        (lambda: made(rsa.generate_private_key(65537, 1024), hashes.SHA256()), ["RSA key of 1024 bits"]),
        (lambda: made(ec.generate_private_key(ec.SECP192R1()), hashes.SHA256()), ["EC key of 192 bits"]),
        (lambda: b"\x00garbage", []),
    ],
)
def test_what_is_weak_about_a_certificate(certificate: Callable[[], bytes], words: list[str]) -> None:
    found = tls_weak.weaknesses([certificate()])
    assert len(found) == len(words) and all(word in text for word, text in zip(words, found, strict=True)), found


def test_a_signature_with_sha1_is_weak_except_on_oneself(tmp_path: Path) -> None:
    def openssl(*argv: str) -> None:
        subprocess.run(["openssl", *argv], cwd=tmp_path, check=True, capture_output=True)

    key = ("-newkey", "rsa:2048", "-nodes", "-sha1")
    openssl("req", "-x509", *key, "-subj", "/CN=root", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", "-new", *key, "-subj", "/CN=server", "-keyout", "s.key", "-out", "s.csr")
    openssl("x509", "-req", "-sha1", "-in", "s.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-out", "s.pem")
    chain = [
        x509.load_pem_x509_certificate((tmp_path / name).read_bytes()).public_bytes(serialization.Encoding.DER)
        for name in ("s.pem", "ca.pem")
    ]
    assert tls_weak.weaknesses(chain) == ["its certificate is signed with SHA1"]


def test_a_chain_ends_with_the_first_of_its_certificates() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    chain = (made(key, hashes.SHA256(), days=90), made(key, hashes.SHA256(), days=3), b"garbage")
    params = tls.Params(port=1, address="127.0.0.1", strict=True)
    seen = tls.Handshake(0.1, chain[0], "TLSv1.3", chain=chain)
    result = tls.judge(params, seen, time.time())
    assert result.status is Status.DEGRADED and "ends in 3.0 days" in result.sentence
