"""Logging in to PostgreSQL: SCRAM-SHA-256 (RFC 7677), which proves each side to the other. Standard library only."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import struct
import unicodedata
from base64 import b64decode, b64encode

_ITERATIONS = 500_000  #: a hostile server may not keep us busy for long


class NotProved(Exception):
    """The server does not log us in as it should."""


class Scram:
    """The client's side of logging in: SCRAM-SHA-256, or a server that asks for nothing. Proves the server as well."""

    def __init__(self, password: str, nonce: str = "") -> None:
        self._password = unicodedata.normalize("NFKC", password).encode()
        self._nonce = nonce or secrets.token_urlsafe(18)
        self._expected = b""

    def reply(self, body: bytes) -> bytes:
        """What to send in answer to an authentication message; empty: nothing. Raises NotProved."""
        kind, data = int.from_bytes(body[:4], "big"), body[4:]
        try:
            if kind == 0:
                if self._expected:
                    raise NotProved("the server did not prove that it knows the password")
                return b""
            if kind == 10 and b"SCRAM-SHA-256" in data.split(b"\0"):
                first = b"n,," + self._bare.encode()
                return b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first
            if kind == 11:
                return self._final(data.decode())
            if kind == 12:
                self._proved(data.decode())
                return b""
        except (ValueError, KeyError):
            raise NotProved("the server does not speak SCRAM as it should") from None
        raise NotProved("the server asks for a log-in other than SCRAM-SHA-256")

    @property
    def _bare(self) -> str:
        return f"n=,r={self._nonce}"

    def _final(self, server_first: str) -> bytes:
        words = dict(part.split("=", 1) for part in server_first.split(","))
        rounds = int(words["i"])
        if not words["r"].startswith(self._nonce) or not 0 < rounds <= _ITERATIONS:
            raise ValueError
        salted = hashlib.pbkdf2_hmac("sha256", self._password, b64decode(words["s"], validate=True), rounds)
        bare = f"c=biws,r={words['r']}"
        signed = f"{self._bare},{server_first},{bare}".encode()
        key = _hmac(salted, b"Client Key")
        signature = _hmac(hashlib.sha256(key).digest(), signed)
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        self._expected = _hmac(_hmac(salted, b"Server Key"), signed)
        return f"{bare},p={b64encode(proof).decode()}".encode()

    def _proved(self, server_final: str) -> None:
        words = dict(part.split("=", 1) for part in server_final.split(","))
        if not self._expected or not hmac.compare_digest(b64decode(words["v"]), self._expected):
            raise NotProved("the server does not know the password it asks for")
        self._expected = b""


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")
