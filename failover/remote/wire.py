"""PostgreSQL's wire protocol, as much as is needed: log in, ask, be answered; bounded in time and in bytes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import socket
import struct
import time
from dataclasses import dataclass
from typing import TypeAlias

_MOST = 8 * 1024 * 1024  #: bytes that one connection may send us
_PROTOCOL = 196608
Row: TypeAlias = tuple[str | None, ...]


class WireError(Exception):
    """No answer that can be used."""


class NoServer(WireError):
    """Nobody listens there: surely nothing was done."""


class TimedOut(WireError):
    """No answer in time: what was asked may still happen."""


class Broken(WireError):
    """The connection ended: what was asked may have happened."""


class ServerError(WireError):
    """The server says no."""

    def __init__(self, code: str, says: str) -> None:
        super().__init__(f"{says} ({code})")
        self.code = code


@dataclass(frozen=True)
class Login:
    """Where to and as whom; ``host`` beginning with ``/`` is a socket's folder."""

    host: str
    port: int
    user: str
    database: str = "postgres"
    password: str = ""
    replication: bool = False


class Connection:
    """One session. Every method raises :class:`WireError`; the deadline is one for the whole session."""

    def __init__(self, login: Login, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._got = 0
        self._buffer = b""
        self.pid = 0
        self._sock = self._dial(login)
        try:
            self._start(login)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def within(self, seconds: float) -> None:
        """A new deadline, from now."""
        self._end = time.monotonic() + seconds

    def close(self) -> None:
        """Hang up."""
        self._sock.close()

    def ask(self, sql: str, *values: object) -> list[Row]:
        """Rows of a statement, as text; values are sent apart from it, as ``$1``, ``$2``."""
        self.send(sql, *values)
        return self.answer()

    def send(self, sql: str, *values: object) -> None:
        """Send a statement and do not wait."""
        if not values:
            self._put(b"Q", _text(sql))
            return
        bound = b"".join(_value(value) for value in values)
        count = struct.pack("!H", len(values))
        messages = (
            (b"P", b"\0" + _text(sql) + b"\0\0"),
            (b"B", b"\0\0\0\0" + count + bound + b"\0\0"),
            (b"E", b"\0\0\0\0\0"),
            (b"S", b""),
        )
        self._write(b"".join(_message(kind, body) for kind, body in messages))

    def answer(self) -> list[Row]:
        """What the server answers to what was sent; its first error is raised once it is ready again."""
        rows: list[Row] = []
        error: ServerError | None = None
        while True:
            kind, body = self._message()
            if kind == b"D":
                rows.append(_row(body))
            elif kind == b"E":
                error = error or _error(body)
                if error.code.startswith("57P"):  # it ends the session: no more will come
                    raise error
            elif kind == b"Z":
                if error:
                    raise error
                return rows

    # --- the bytes ---------------------------------------------------------------------------------------------------

    def _dial(self, login: Login) -> socket.socket:
        local = login.host.startswith("/")
        sock = socket.socket(socket.AF_UNIX if local else _family(login.host), socket.SOCK_STREAM)
        try:
            sock.settimeout(self._left())
            if local:
                sock.connect(f"{login.host}/.s.PGSQL.{login.port}")
            else:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.connect((login.host, login.port))
        except TimeoutError as error:
            sock.close()
            raise TimedOut("no connection in time") from error
        except OSError as error:
            sock.close()
            if isinstance(error, ConnectionRefusedError | FileNotFoundError):
                raise NoServer(f"nobody listens: {error.strerror}") from error
            raise Broken(f"no connection: {error.strerror or error}") from error
        return sock

    def _start(self, login: Login) -> None:
        words = {"user": login.user, "database": login.database, "application_name": "tricenter"}
        words |= {"client_encoding": "UTF8", "DateStyle": "ISO"}
        if login.replication:
            words["replication"] = "true"
        body = struct.pack("!I", _PROTOCOL) + b"".join(_text(key) + _text(value) for key, value in words.items())
        self._write(struct.pack("!I", len(body) + 5) + body + b"\0")
        scram: _Scram | None = None
        while True:
            kind, body = self._message()
            if kind == b"E":
                raise _error(body)
            if kind == b"K":
                self.pid = int.from_bytes(body[:4], "big")
            if kind == b"Z":
                return
            if kind == b"R":
                scram = self._authenticate(body, login, scram)

    def _authenticate(self, body: bytes, login: Login, scram: _Scram | None) -> _Scram | None:
        step = int.from_bytes(body[:4], "big")
        if step == 10 and b"SCRAM-SHA-256\0" in body:
            scram = _Scram(login.password)
            first = scram.first()
            self._put(b"p", b"SCRAM-SHA-256\0" + struct.pack("!I", len(first)) + first)
        elif step == 11 and scram:
            self._put(b"p", scram.final(body[4:]))
        elif step == 12 and scram:
            scram.check(body[4:])
        elif step != 0 or (scram is not None and not scram.proved):
            raise Broken(f"the server wants a way to log in that is not safe here ({step})")
        return scram

    def _left(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimedOut("no answer in time")
        return left

    def _put(self, kind: bytes, body: bytes) -> None:
        self._write(_message(kind, body))

    def _write(self, data: bytes) -> None:
        try:
            self._sock.settimeout(self._left())
            self._sock.sendall(data)
        except TimeoutError as error:
            raise TimedOut("no answer in time") from error
        except OSError as error:
            raise Broken(f"the connection ended: {error.strerror or error}") from error

    def _message(self) -> tuple[bytes, bytes]:
        head = self._read(5)
        size = struct.unpack("!I", head[1:])[0] - 4
        if not 0 <= size <= _MOST:
            raise Broken("this is not PostgreSQL's language")
        return head[:1], self._read(size)

    def _read(self, size: int) -> bytes:
        while len(self._buffer) < size:
            try:
                self._sock.settimeout(self._left())
                more = self._sock.recv(65536)
            except TimeoutError as error:
                raise TimedOut("no answer in time") from error
            except OSError as error:
                raise Broken(f"the connection ended: {error.strerror or error}") from error
            self._got += len(more)
            if not more or self._got > _MOST:
                raise Broken("the server sent too much" if more else "the server closed the connection")
            self._buffer += more
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data


class _Scram:
    """SCRAM-SHA-256 (RFC 7677): both sides prove that they know the password, and neither says it."""

    def __init__(self, password: str) -> None:
        self._password = password
        self._bare = "n=,r=" + base64.b64encode(os.urandom(18)).decode()
        self._signature = b""
        self.proved = False

    def first(self) -> bytes:
        """The client's first words."""
        return b"n,," + self._bare.encode()

    def final(self, server: bytes) -> bytes:
        """The proof, for what the server said."""
        said = _fields(server)
        try:
            salt, rounds, nonce = base64.b64decode(said["s"]), int(said["i"]), said["r"]
        except (KeyError, ValueError) as error:
            raise Broken("the server's log-in makes no sense") from error
        if not (0 < rounds <= 1_000_000 and nonce.startswith(self._bare.partition("r=")[2])):
            raise Broken("the server's log-in makes no sense")
        salted = hashlib.pbkdf2_hmac("sha256", self._password.encode(), salt, rounds)
        bare = f"c=biws,r={nonce}"
        signed = ",".join((self._bare, server.decode(errors="replace"), bare)).encode()
        key = _hmac(salted, b"Client Key")
        proof = bytes(a ^ b for a, b in zip(key, _hmac(hashlib.sha256(key).digest(), signed), strict=True))
        self._signature = _hmac(_hmac(salted, b"Server Key"), signed)
        return f"{bare},p={base64.b64encode(proof).decode()}".encode()

    def check(self, server: bytes) -> None:
        """Whether the server knows the password too."""
        try:
            theirs = base64.b64decode(_fields(server).get("v", ""))
        except ValueError as error:
            raise Broken("the server's log-in makes no sense") from error
        if not hmac.compare_digest(theirs, self._signature):
            raise Broken("the server does not know the password: it is not ours")
        self.proved = True


def _hmac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


def _fields(text: bytes) -> dict[str, str]:
    return {part[:1]: part[2:] for part in text.decode(errors="replace").split(",")}


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _text(text: str) -> bytes:
    return text.encode().replace(b"\0", b"") + b"\0"


def _value(value: object) -> bytes:
    if value is None:
        return struct.pack("!i", -1)
    data = str(value).encode()
    return struct.pack("!i", len(data)) + data


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def _row(body: bytes) -> Row:
    try:
        return _columns(body)
    except struct.error as error:
        raise Broken("this is not PostgreSQL's language") from error


def _columns(body: bytes) -> Row:
    (count,), at = struct.unpack_from("!H", body), 2
    row: list[str | None] = []
    for _ in range(count):
        (size,), at = struct.unpack_from("!i", body, at), at + 4
        row.append(None if size < 0 else body[at : at + size].decode(errors="replace"))
        at += max(size, 0)
    return tuple(row)


def _error(body: bytes) -> ServerError:
    parts = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
    return ServerError(parts.get(b"C", "?????"), parts.get(b"M", "no reason given")[:300])
