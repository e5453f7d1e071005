"""A service for meters to measure: a page over HTTP and a table over PostgreSQL's protocol, both with faults to order.

Every fault is a flag that is looked at when a question is answered, so the truth is known to the microsecond.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import secrets
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

PASSWORD = "not-a-secret"
PAGE = b'{"marker": "tricenter", "center": "%s"}'
#: seconds for which a mute server holds a connection
_HELD = 20


def _listen(serve: Callable[[socket.socket], None], stopping: threading.Event) -> int:
    """Serve each connection in a thread of its own; the port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=200)

    def guest(sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock:
            sock.settimeout(_HELD)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            serve(sock)

    def accept() -> None:
        with listener:
            listener.settimeout(0.2)
            while not stopping.is_set():
                with contextlib.suppress(TimeoutError):
                    threading.Thread(target=guest, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return int(listener.getsockname()[1])


def _reset(sock: socket.socket) -> None:
    """Break off as a dying server does."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@dataclass
class Web:
    """The page. ``fault``: "" or reset, mute, error, content."""

    stopping: threading.Event
    fault: str = ""
    server: str = "cloud"
    down: list[tuple[int, int]] = field(default_factory=list)  #: ns, each time it was down: surely, by its own clock

    def __post_init__(self) -> None:
        self.port = _listen(self._serve, self.stopping)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/read"

    @contextlib.contextmanager
    def broken(self, fault: str) -> Iterator[None]:
        """Down for as long as the block takes."""
        self.fault = fault
        begin = time.monotonic_ns()
        try:
            yield
        finally:
            end = time.monotonic_ns()
            self.fault = ""
            self.down.append((begin, end))

    def _serve(self, sock: socket.socket) -> None:
        with sock.makefile("rb") as lines:
            while lines.readline():
                while lines.readline() not in {b"\r\n", b""}:
                    pass
                if not self._answer(sock):
                    return

    def _answer(self, sock: socket.socket) -> bool:
        match self.fault:
            case "reset":
                _reset(sock)
                return False
            case "mute":
                self.stopping.wait(_HELD)
                return False
        status = b"503 No" if self.fault == "error" else b"200 OK"
        body = b"{}" if self.fault == "content" else PAGE % self.server.encode()
        sock.sendall(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
        return True


@dataclass
class Database:
    """The table. ``fault``: "" or refuse, reset, mute, lost-ack (done, but no word), lost-write (not done, no word)."""

    stopping: threading.Event
    fault: str = ""
    server: str = "10.0.0.1:5432"
    standby: bool = False
    rows: list[tuple[str, str, int, int]] = field(default_factory=list)  #: run, vantage, epoch, seq
    acked: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.port = _listen(self._serve, self.stopping)

    def forget(self, numbers: set[int]) -> None:
        """Lose rows that were acknowledged."""
        with self.lock:
            self.rows = [row for row in self.rows if row[3] not in numbers]

    def _serve(self, sock: socket.socket) -> None:
        if self.fault == "reset":
            _reset(sock)
            return
        if self.fault == "mute":
            self.stopping.wait(_HELD)
            return
        with sock.makefile("rb") as stream:
            _frame(stream)
            _log_in(sock, stream)
            values: list[str] = []
            sql = ""
            while kind := stream.read(1):
                body = _frame(stream)
                if kind == b"P":
                    sql = body.split(b"\0")[1].decode()
                elif kind == b"B":
                    values = _bound(body)
                elif kind == b"Q":
                    sql, values = body.rstrip(b"\0").decode(), []
                if kind in b"QS" and not self._answer(sock, sql, values):
                    return

    def _answer(self, sock: socket.socket, sql: str, values: list[str]) -> bool:
        if sql.startswith("INSERT"):
            return self._insert(sock, values)
        if "string_agg" in sql:
            with self.lock:
                mine = [row for row in self.rows if row[0] == values[0]]
            rows = [
                (name, ",".join(str(row[3]) for row in sorted(mine, key=lambda row: row[3]) if row[1] == name))
                for name in sorted({row[1] for row in mine})
            ]
        else:
            rows = [(self.server, "t" if self.standby else "f")]
        sock.sendall(b"".join(_row(*row) for row in rows) + _message(b"C", b"SELECT 1\0") + _READY)
        return True

    def _insert(self, sock: socket.socket, values: list[str]) -> bool:
        run, vantage, epoch, seq = values
        fault = self.fault
        if fault in {"refuse", "reset"}:
            if fault == "reset":
                _reset(sock)
                return False
            sock.sendall(_error("25006", "cannot execute INSERT in a read-only transaction") + _READY)
            return True
        if fault not in {"mute", "lost-write"}:
            with self.lock:
                self.rows.append((run, vantage, int(epoch), int(seq)))
                if fault != "lost-ack":
                    self.acked.append(int(seq))
        if fault in {"mute", "lost-write", "lost-ack"}:
            if fault == "mute":
                self.stopping.wait(_HELD)
            return False
        sock.sendall(_row(self.server) + _message(b"C", b"INSERT 0 1\0") + _READY)
        return True

    def held(self) -> Counter[int]:
        """What is there, each number as often as it is."""
        with self.lock:
            return Counter(row[3] for row in self.rows)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


_READY = _message(b"Z", b"I")


def _row(*values: str) -> bytes:
    parts = b"".join(struct.pack("!i", len(value.encode())) + value.encode() for value in values)
    return _message(b"D", struct.pack("!h", len(values)) + parts)


def _error(code: str, text: str) -> bytes:
    return _message(b"E", f"SERROR\0VERROR\0C{code}\0M{text}\0\0".encode())


def _bound(body: bytes) -> list[str]:
    at, values = 4, []
    (count,) = struct.unpack_from("!h", body, at)
    at += 2
    for _ in range(count):
        (size,) = struct.unpack_from("!i", body, at)
        values.append(body[at + 4 : at + 4 + size].decode())
        at += 4 + size
    return values


def _exactly(stream: BinaryIO, size: int) -> bytes:
    """So many bytes; ConnectionError when the client hung up before, as one whose time is over does at any byte."""
    got = stream.read(size)
    if len(got) < size:
        raise ConnectionError("the client hung up")
    return got


def _frame(stream: BinaryIO) -> bytes:
    """The body of a message whose length comes next."""
    return _exactly(stream, int.from_bytes(_exactly(stream, 4), "big") - 4)


def _log_in(sock: socket.socket, stream: BinaryIO) -> None:
    """The server's side of SCRAM-SHA-256."""

    def heard() -> bytes:
        _exactly(stream, 1)
        return _frame(stream)

    def mac(key: bytes, data: bytes) -> bytes:
        return hmac.digest(key, data, "sha256")

    sock.sendall(_message(b"R", struct.pack("!i", 10) + b"SCRAM-SHA-256\0\0"))
    bare = heard().split(b"n,,", 1)[1].decode()
    salt, rounds = secrets.token_bytes(16), 256
    nonce = dict(part.split("=", 1) for part in bare.split(","))["r"] + secrets.token_hex(8)
    first = f"r={nonce},s={base64.b64encode(salt).decode()},i={rounds}"
    sock.sendall(_message(b"R", struct.pack("!i", 11) + first.encode()))
    final = heard().decode()
    without, _, proof = final.rpartition(",p=")
    salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), salt, rounds)
    signed = f"{bare},{first},{without}".encode()
    key = mac(salted, b"Client Key")
    signature = mac(hashlib.sha256(key).digest(), signed)
    if bytes(a ^ b for a, b in zip(key, signature, strict=True)) != base64.b64decode(proof):
        sock.sendall(_message(b"E", b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed\0\0"))
        raise OSError("wrong password")
    verified = base64.b64encode(mac(mac(salted, b"Server Key"), signed)).decode()
    sock.sendall(
        _message(b"R", struct.pack("!i", 12) + f"v={verified}".encode())
        + _message(b"R", struct.pack("!i", 0))
        + _message(b"K", struct.pack("!ii", 1, 1))
        + _READY
    )
