"""PostgreSQL's protocol 3.0 on a plain socket: log in, ask, and know of every question whether it may have been done.

Standard library only, so that it can be shipped to hosts. Every wait ends at ``until`` (an instant of
``time.monotonic()``), and nothing that a server sends can make it keep more bytes than it was allowed.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from failover.remote.pg_scram import NotProved, Scram

LIMIT = 4 * 1024 * 1024  #: bytes of one answer
_TEXT = 300  #: letters kept of what a server says
_PROTOCOL, _CANCEL = 196608, 80877102
#: SQLSTATEs that say that nobody knows what became of the statement
_IN_DOUBT = frozenset({"08007", "40003"})


class WireError(Exception):
    """A conversation that did not end well; ``sent``: the question, or a part of it, had already left."""

    sent = False


class Broken(WireError):
    """The connection: refused, reset, timed out, or speaking something else. What was ``sent`` may have been done."""

    def __init__(self, text: str, *, sent: bool = False, reached: bool = True) -> None:
        super().__init__(text)
        self.sent = sent
        self.reached = reached  #: False: nobody accepted the connection


class NoServer(Broken):
    """Nobody listens there: surely nothing was done."""


class TimedOut(Broken):
    """No answer in time."""


class ServerError(WireError):
    """The server said no."""

    def __init__(self, fields: dict[str, str], *, sent: bool = False) -> None:
        self.code = fields.get("C", "")[:5]
        self.severity = (fields.get("V") or fields.get("S", ""))[:20]
        self.text = _said(fields.get("M", ""))
        self.sent = sent
        super().__init__(f"{self.severity} {self.code}: {self.text}")

    @property
    def sure(self) -> bool:
        """Whether the statement was surely not done. A session ended from outside leaves that open."""
        return not self.sent or (self.severity == "ERROR" and self.code not in _IN_DOUBT)


@dataclass(frozen=True, slots=True)
class Login:
    """Where to and as whom. ``host`` may be the folder of a unix socket."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(default="", repr=False)
    application: str = "tricenter"
    settings: tuple[tuple[str, str], ...] = ()  #: run-time settings of the session

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


Row: TypeAlias = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question gave: every value as text, None for NULL."""

    rows: tuple[Row, ...]
    tag: str  #: of the last command: ``INSERT 0 1``
    notices: tuple[str, ...] = ()  #: warnings, as ``code: text``


class Session:
    """An open session. One question at a time; after a :class:`Broken` only :meth:`close` makes sense."""

    def __init__(self, login: Login, sock: socket.socket) -> None:
        self.login = login
        self.parameters: dict[str, str] = {}  #: what the server tells of itself: ``server_version``, ``in_hot_standby``
        self._sock = sock
        self._buffer = bytearray()
        self._key = b""
        self._allowed = LIMIT
        self._notices: list[str] = []

    @property
    def pid(self) -> int:
        """The number of the server's process for this session; 0: it did not say."""
        return int.from_bytes(self._key[:4], "big")

    @classmethod
    def open(cls, login: Login, until: float) -> Session:
        """Connect and log in. Raises Broken, ServerError; nothing was ``sent`` then."""
        session = cls(login, _dial(login, until))
        try:
            session._log_in(until)
        except BaseException:
            session.close()
            raise
        return session

    def ask(self, sql: str, values: Sequence[str | None] = (), *, until: float, limit: int = LIMIT) -> Answer:
        """Run one statement (several without ``values``) and wait until it is committed. Raises Broken, ServerError.

        With values the server commits only at the very end, so only its readiness for more is an acknowledgement.
        """
        self._allowed = limit
        self._notices.clear()
        self._still_there()
        self._send(_extended(sql, values) if values else _message(b"Q", sql.encode() + b"\0"), until, question=True)
        try:
            return self._answer(until)
        except Broken as error:
            error.sent = True
            raise

    def cancel(self, until: float) -> None:
        """Ask the server to end what it does for this session, so that nothing stays behind there; no word comes back.

        A commit that waits for its copy is then done on this server alone: only for questions whose end nobody awaits.
        """
        if not self._key:
            return
        with contextlib.suppress(OSError, Broken), _dial(self.login, until) as sock:
            sock.settimeout(_left(until))
            sock.sendall(struct.pack("!ii", 16, _CANCEL) + self._key)
            sock.recv(1)

    def close(self) -> None:
        """Say good-bye and hang up, without waiting."""
        with contextlib.suppress(OSError):
            self._sock.settimeout(0)
            self._sock.send(_message(b"X", b""))
        self._sock.close()

    def _log_in(self, until: float) -> None:
        words = {
            "user": self.login.user,
            "database": self.login.database,
            "application_name": self.login.application,
            "client_encoding": "UTF8",
            **dict(self.login.settings),
        }
        text = b"".join(part.encode() + b"\0" for pair in words.items() for part in pair) + b"\0"
        self._send(struct.pack("!ii", len(text) + 8, _PROTOCOL) + text, until)
        scram = Scram(self.login.password)
        while True:
            kind, body = self._next(until)
            if kind == b"R":
                try:
                    reply = scram.reply(body)
                except NotProved as error:
                    raise Broken(f"{self.login}: {error}") from None
                if reply:
                    self._send(_message(b"p", reply), until)
            elif kind == b"K":
                self._key = bytes(body[:8])
            elif kind == b"E":
                raise ServerError(_fields(body))
            elif kind == b"Z":
                return

    def _answer(self, until: float) -> Answer:
        rows: list[Row] = []
        tag, error = "", None
        while True:
            try:
                kind, body = self._next(until)
            except Broken:
                if error:  # it said why before it hung up
                    raise error from None
                raise
            if kind == b"D":
                rows.append(_row(body))
            elif kind == b"C":
                tag = body.rstrip(b"\0").decode(errors="replace")[:_TEXT]
            elif kind == b"E":
                error = error or ServerError(_fields(body), sent=True)
            elif kind == b"Z":
                if error:
                    raise error
                return Answer(tuple(rows), tag, tuple(self._notices))

    def _next(self, until: float) -> tuple[bytes, bytes]:
        """The next message that is not by the way."""
        while True:
            head = self._read(5, until)
            size = int.from_bytes(head[1:], "big") - 4
            if not 0 <= size <= self._allowed:
                raise Broken(f"{self.login} sent more than is allowed, or no PostgreSQL")
            self._allowed -= size + 5
            body = self._read(size, until)
            kind = head[:1]
            if kind == b"N":
                fields = _fields(body)
                self._notices = [*self._notices[:9], f"{fields.get('C', '')[:5]}: {_said(fields.get('M', ''))}"]
            elif kind == b"S":
                name, _, value = body.decode(errors="replace").rstrip("\0").partition("\0")
                if len(self.parameters) < 50 or name in self.parameters:
                    self.parameters[name[:_TEXT]] = value[:_TEXT]
            elif kind != b"A":
                return kind, body

    def _still_there(self) -> None:
        """A server that hung up while nobody asked is found out before anything is sent."""
        try:
            self._sock.settimeout(0)
            more = self._sock.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            raise Broken(f"{self.login} has hung up: {error.strerror or error}") from None
        self._buffer += more
        if not more or self._buffer[:1] == b"E":
            raise Broken(f"{self.login} has hung up")

    def _send(self, data: bytes, until: float, *, question: bool = False) -> None:
        left = memoryview(data)
        try:
            while left:
                self._sock.settimeout(_left(until))
                left = left[self._sock.send(left) :]
        except OSError as error:
            begun = question and len(left) < len(data)
            raise _broken(self.login, error, sent=begun) from None

    def _read(self, size: int, until: float) -> bytes:
        while len(self._buffer) < size:
            try:
                self._sock.settimeout(_left(until))
                data = self._sock.recv(65536)
            except OSError as error:
                raise _broken(self.login, error) from None
            if not data:
                raise Broken(f"{self.login} has hung up")
            self._buffer += data
        found = bytes(self._buffer[:size])
        del self._buffer[:size]
        return found


def _dial(login: Login, until: float) -> socket.socket:
    try:
        if not login.host.startswith("/"):
            sock = socket.create_connection((login.host, login.port), timeout=_left(until))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        return _dial_local(f"{login.host}/.s.PGSQL.{login.port}", _left(until))
    except OSError as error:
        raise _broken(login, error, reached=False) from None


def _dial_local(path: str, seconds: float) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.settimeout(seconds)
        sock.connect(path)
    except OSError:
        sock.close()
        raise
    return sock


def _broken(login: Login, error: OSError, *, sent: bool = False, reached: bool = True) -> Broken:
    """What an error of the operating system means."""
    kind: type[Broken] = TimedOut if isinstance(error, TimeoutError) else Broken
    if not reached and isinstance(error, ConnectionRefusedError | FileNotFoundError):
        kind = NoServer
    return kind(f"{login}: {_why(error)}", sent=sent, reached=reached)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _extended(sql: str, values: Sequence[str | None]) -> bytes:
    """Parse, bind, execute, sync: values travel beside the statement, never in it."""
    bound = b"".join(
        struct.pack("!i", -1) if value is None else struct.pack("!i", len(value.encode())) + value.encode()
        for value in values
    )
    return b"".join(
        (
            _message(b"P", b"\0" + sql.encode() + b"\0\0\0"),
            _message(b"B", b"\0\0\0\0" + struct.pack("!h", len(values)) + bound + b"\0\0"),
            _message(b"E", b"\0\0\0\0\0"),
            _message(b"S", b""),
        )
    )


def _row(body: bytes) -> Row:
    values: list[str | None] = []
    at = 2
    try:
        for _ in range(int.from_bytes(body[:2], "big")):
            (size,) = struct.unpack_from("!i", body, at)
            at += 4
            values.append(None if size < 0 else body[at : at + size].decode(errors="replace"))
            at += max(size, 0)
    except struct.error:
        raise Broken("the server sent half a row") from None
    return tuple(values)


def _fields(body: bytes) -> dict[str, str]:
    parts = [part.decode(errors="replace") for part in body.split(b"\0") if part]
    return {part[0]: part[1:] for part in parts}


def _said(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text[:_TEXT])


def _why(error: OSError) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else str(error.strerror or error)


def _left(until: float) -> float:
    """Seconds that remain. Zero would mean not to wait at all, so it is an error here."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
