"""What a TLS server should refuse and what its certificates should not be: old protocols, weak ciphers, short keys.

Whether a server takes something weak is only known by offering it, so each offer is a handshake of its own. What the
OpenSSL of this machine cannot offer any more cannot be tried: that is said, and never counted as refused.
"""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

RSA_BITS = 2048  #: shorter keys are weak, for RSA and DSA
EC_BITS = 224  #: shorter curves are weak
_WEAK_HASHES = ("md5", "sha1")
_LONGEST_CHAIN = 10  #: certificates of a chain that are looked at


class Taken(StrEnum):
    """What became of an offer."""

    TAKEN = "taken"
    REFUSED = "refused"
    UNTRIED = "untried"  #: this machine cannot offer it, or the peer did not answer at all


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that a server should refuse."""

    name: str
    version: ssl.TLSVersion
    ciphers: str


OFFERS = (
    Offer("TLS 1.0", ssl.TLSVersion.TLSv1, "ALL"),
    Offer("TLS 1.1", ssl.TLSVersion.TLSv1_1, "ALL"),
    Offer("ciphers without encryption", ssl.TLSVersion.TLSv1_2, "eNULL"),
    Offer("ciphers without authentication", ssl.TLSVersion.TLSv1_2, "aNULL"),
    Offer("RC4, DES or 3DES", ssl.TLSVersion.TLSv1_2, "RC4:DES:3DES"),
    Offer("keys without forward secrecy", ssl.TLSVersion.TLSv1_2, "kRSA"),
)


@lru_cache(maxsize=len(OFFERS))
def context_of(offer: Offer) -> ssl.SSLContext | None:
    """A client that offers this and nothing else; None where this machine's OpenSSL cannot."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # offering what is deprecated is the point
            context.minimum_version = context.maximum_version = offer.version
        context.set_ciphers(f"{offer.ciphers}:@SECLEVEL=0")
    except (ssl.SSLError, ValueError):
        return None
    return context


async def offered(
    address: str, port: int, server_name: str, patience: float, offers: Sequence[Offer] = OFFERS
) -> dict[str, Taken]:
    """Offer everything at once, for at most ``patience`` seconds."""
    answers = await asyncio.gather(*(_offer(address, port, server_name, patience, offer) for offer in offers))
    return {offer.name: answer for offer, answer in zip(offers, answers, strict=True)}


async def _offer(address: str, port: int, server_name: str, patience: float, offer: Offer) -> Taken:
    context = context_of(offer)
    if context is None:
        return Taken.UNTRIED
    try:
        async with asyncio.timeout(patience):
            _, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=server_name)
    except (ssl.SSLError, ConnectionResetError, ConnectionAbortedError):
        return Taken.REFUSED
    except OSError:
        return Taken.UNTRIED
    writer.transport.abort()
    return Taken.TAKEN


def weaknesses(chain: Sequence[bytes]) -> list[str]:
    """What is weak about the certificates a server showed (DER, its own first), in words. Pure."""
    return [word for place, der in enumerate(chain[:_LONGEST_CHAIN]) for word in _weak(place, der)]


def earliest_end(chain: Sequence[bytes]) -> float | None:
    """When the first certificate of a chain ends (Unix time): from then on nobody trusts it. None: none is readable."""
    ends = [
        certificate.not_valid_after_utc.timestamp() for certificate in map(_read, chain[:_LONGEST_CHAIN]) if certificate
    ]
    return min(ends, default=None)


def _weak(place: int, der: bytes) -> list[str]:
    certificate = _read(der)
    if certificate is None:
        return []
    whose = "its certificate" if place == 0 else f"the authority {place} above it"
    found = []
    try:
        bits, least, kind = _key(certificate)
        if bits < least:
            found.append(f"{whose} has a {kind} key of {bits} bits, wanted at least {least}")
        signed = certificate.signature_hash_algorithm
        # A root's signature on itself proves nothing to anybody, so its hash does not matter.
        if signed is not None and signed.name in _WEAK_HASHES and certificate.issuer != certificate.subject:
            found.append(f"{whose} is signed with {signed.name.upper()}")
    except (ValueError, TypeError, NotImplementedError, x509.UnsupportedGeneralNameType):
        found.append(f"the key of {whose} cannot be read")
    return found


def _key(certificate: x509.Certificate) -> tuple[int, int, str]:
    """Bits, least bits, and what kind of key it is; raises ValueError for kinds that are not known."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey):
        return key.key_size, RSA_BITS, "RSA" if isinstance(key, rsa.RSAPublicKey) else "DSA"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.curve.key_size, EC_BITS, "EC"
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return 256, EC_BITS, "Ed"
    raise ValueError("a kind of key that is not known")


def _read(der: bytes) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError:  # what a hostile peer sends need not be a certificate
        return None
