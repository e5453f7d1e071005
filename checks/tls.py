"""Kind ``tls``: a port speaks TLS with a certificate that is trusted, belongs to the name, and lasts.

Python's ``ssl`` shows the peer's certificate only after a good verification. So a refused handshake is followed by
a second one that trusts anybody, only to say whose certificate that was and when it ends or ended.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import pydantic
from cryptography import x509

from checks.certificate import DAY, judge_days
from checks.check import Check
from checks.result import Measurement, Status
from checks.tcp import judge_error, judge_silence
from checks.tls_weak import Taken, earliest_end, offered, weaknesses
from inventory.model import Document

_DER = 2  #: how the ssl module's inner object is asked for bytes
_OFFERING = 0.7  #: of the time that is left after the handshake; a peer may well not answer what it should refuse
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Params(Document):
    """What a ``tls`` check may say."""

    port: int = pydantic.Field(ge=1, le=65535)
    address: str = pydantic.Field(default="{address}", min_length=1, max_length=253)
    server_name: str | None = pydantic.Field(default=None, pattern=r"^[A-Za-z0-9.-]{1,253}$")  #: None: the address
    ca: str | None = None  #: PEM file of the authorities to trust; None: the system's
    certificate_days: int = pydantic.Field(default=14, ge=0)  #: degraded when the certificate ends earlier
    min_version: Literal["1.2", "1.3"] = "1.2"
    strict: bool = False  #: offer it what it should refuse, and look at keys, hashes and the whole chain, too


@lru_cache(maxsize=64)
def _context(ca: str | None, _changed: float, min_version: str) -> ssl.SSLContext:
    """Verifies chain, name and validity. Shared, because it holds all its authorities; ``_changed`` is their mtime."""
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = _VERSIONS[min_version]
    return context


@lru_cache(maxsize=1)
def _trusting() -> ssl.SSLContext:
    """Verifies nothing; only to look at a certificate that was refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a handshake showed."""

    took: float  #: seconds from the start of the connection to its end
    certificate: bytes | None  #: DER; None when none was seen
    version: str = ""
    refused: str = ""  #: why the certificate was refused, in OpenSSL's words; empty: it was not
    broken: str = ""  #: why there was no handshake; empty: there was one
    cipher: str = ""
    chain: tuple[bytes, ...] = ()  #: as verified, DER, its own certificate first; empty where Python does not tell
    offers: Mapping[str, Taken] = field(default_factory=dict)  #: what became of weak offers, where they were made


async def probe(check: Check) -> Measurement:
    """Shake hands, look at the certificate, hang up."""
    params = check.params
    assert isinstance(params, Params)
    try:
        changed = Path(params.ca).stat().st_mtime if params.ca else 0.0
        context = _context(params.ca, changed, params.min_version)
    except OSError as error:
        return Measurement(Status.UNKNOWN, f"the authorities in {params.ca} cannot be read: {error.strerror or error}")
    try:
        async with asyncio.timeout(check.timeout):
            seen = await _shake(params, context)
            if params.strict and not seen.broken:
                name, patience = params.server_name or params.address, _OFFERING * max(0.0, check.timeout - seen.took)
                seen = replace(seen, offers=await offered(params.address, params.port, name, patience))
    except TimeoutError:
        return judge_silence(check.timeout, None)
    except OSError as error:
        return judge_error(error, params.address, params.port)
    return judge(params, seen, time.time())


async def _shake(params: Params, context: ssl.SSLContext) -> Handshake:
    began = time.monotonic()
    try:
        seen = await _connect(params, context)
    except ssl.SSLCertVerificationError as error:
        took = time.monotonic() - began
        return Handshake(took, await _unverified(params), refused=error.verify_message or str(error))
    except ssl.SSLError as error:
        return Handshake(time.monotonic() - began, None, broken=error.reason or str(error))
    except (ConnectionResetError, ConnectionAbortedError):
        return Handshake(time.monotonic() - began, None, broken="the peer hung up during the handshake")
    return replace(seen, took=time.monotonic() - began)


async def _connect(params: Params, context: ssl.SSLContext) -> Handshake:
    """What a handshake that succeeds shows."""
    _, writer = await asyncio.open_connection(
        params.address, params.port, ssl=context, server_hostname=params.server_name or params.address
    )
    try:
        peer = writer.get_extra_info("ssl_object")
        cipher, _, _ = peer.cipher() or ("", "", 0)
        return Handshake(
            0.0, peer.getpeercert(binary_form=True), peer.version() or "", cipher=cipher, chain=_chain(peer)
        )
    finally:
        writer.transport.abort()


def _chain(peer: Any) -> tuple[bytes, ...]:
    """The verified chain. Python tells it by a public name from 3.13 on; before that only its inner object does."""
    try:
        if hasattr(peer, "get_verified_chain"):
            return tuple(bytes(one) for one in peer.get_verified_chain())
        return tuple(bytes(one.public_bytes(_DER)) for one in peer._sslobj.get_verified_chain() or ())
    except (AttributeError, TypeError, ssl.SSLError):
        return ()


async def _unverified(params: Params) -> bytes | None:
    """The certificate of a peer that is not trusted, only to speak of it."""
    try:
        return (await _connect(params, _trusting())).certificate
    except OSError:  # it was seen once and refused; that is what is told
        return None


def judge(params: Params, seen: Handshake, now: float) -> Measurement:
    """What a handshake means at Unix time ``now``."""
    if seen.broken:
        return Measurement(Status.DOWN, f"no TLS on port {params.port}: {seen.broken}")
    evidence: dict[str, str | float | int | bool] = {"took": seen.took, "version": seen.version}
    expires = None
    if seen.certificate is not None:
        expires = _describe(seen.certificate, evidence)
    if params.strict and expires is not None:
        expires = min(expires, earliest_end(seen.chain) or expires)
        evidence |= {"cipher": seen.cipher, "chain": len(seen.chain)}
        evidence |= {f"offered {name}": answer.value for name, answer in seen.offers.items()}
    days = None if expires is None else (expires - now) / DAY
    status, sentence = _outcome(params, seen, expires, now)
    return Measurement(status, sentence, days, "d", evidence)


def _outcome(params: Params, seen: Handshake, expires: float | None, now: float) -> tuple[Status, str]:
    short = judge_days(expires, now, params.certificate_days) if expires is not None else None
    if seen.refused and not (short and short[0] is Status.DOWN):
        return Status.DOWN, f"the certificate is not trusted: {seen.refused}"
    if short:
        return short
    if params.strict and (weak := _weak(seen)):
        return Status.DEGRADED, "; ".join(weak)
    if expires is None:
        return Status.UNKNOWN, "the peer's certificate could not be read"
    return Status.OK, f"{seen.version}, the certificate lasts {(expires - now) / DAY:.0f} days"


def _weak(seen: Handshake) -> list[str]:
    """Everything that a strict look does not like, in words."""
    taken = [name for name, answer in seen.offers.items() if answer is Taken.TAKEN]
    chain = seen.chain or ((seen.certificate,) if seen.certificate else ())
    return ([f"it still takes {', '.join(taken)}"] if taken else []) + weaknesses(chain)


def _describe(der: bytes, evidence: dict[str, str | float | int | bool]) -> float | None:
    """Put subject and issuer into the evidence; gives the Unix time of the certificate's end, None if unreadable."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        evidence["subject"] = certificate.subject.rfc4514_string()
        evidence["issuer"] = certificate.issuer.rfc4514_string()
        return certificate.not_valid_after_utc.timestamp()
    except ValueError:  # what a hostile peer sends need not be a certificate
        return None
