"""The small PostgreSQL client against a server that speaks the protocol, badly when asked to."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from failover.remote.wire import (
    Broken,
    Connection,
    Login,
    NoServer,
    ServerError,
    TimedOut,
    WireError,
)

Talk = Callable[[socket.socket], None]
PASSWORD = "open sesame"


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def row(*values: bytes | None) -> bytes:
    columns = [struct.pack("!i", -1) if one is None else struct.pack("!i", len(one)) + one for one in values]
    return message(b"D", struct.pack("!H", len(values)) + b"".join(columns))


OK = message(b"R", struct.pack("!I", 0))
KEY = message(b"K", struct.pack("!II", 4711, 1))
READY = message(b"Z", b"I")
ERROR = message(b"E", b"SERROR\0C25006\0Mread-only here\0\0")


def read(sock: socket.socket) -> tuple[bytes, bytes]:
    head = sock.recv(5, socket.MSG_WAITALL)
    if len(head) < 5:
        raise ConnectionError("the client hung up")
    return head[:1], sock.recv(struct.unpack("!I", head[1:])[0] - 4, socket.MSG_WAITALL)


def start(sock: socket.socket) -> bytes:
    (size,) = struct.unpack("!I", sock.recv(4, socket.MSG_WAITALL))
    return sock.recv(size - 4, socket.MSG_WAITALL)


def answers(*replies: bytes) -> Talk:
    def talk(sock: socket.socket) -> None:
        start(sock)
        sock.sendall(OK + KEY + READY)
        for reply in replies:
            kind, _ = read(sock)
            while kind not in (b"Q", b"S"):
                kind, _ = read(sock)
            sock.sendall(reply)
        sock.recv(1)

    return talk


@contextmanager
def server(talk: Talk) -> Iterator[Login]:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            sock, _ = listening.accept()
            with sock:
                sock.settimeout(5)
                with contextlib.suppress(OSError):  # the client has heard enough
                    talk(sock)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Login("127.0.0.1", listening.getsockname()[1], "somebody", password=PASSWORD)
        thread.join()


def test_rows_and_nulls_come_as_text() -> None:
    with server(answers(row(b"a", None) + row(b"", b"z") + READY)) as login, Connection(login, 5) as session:
        assert session.pid == 4711
        assert session.ask("SELECT") == [("a", None), ("", "z")]


def test_values_travel_apart_from_the_statement() -> None:
    seen = []

    def talk(sock: socket.socket) -> None:
        start(sock)
        sock.sendall(OK + READY)
        while (heard := read(sock))[0] != b"S":
            seen.append(heard)
        sock.sendall(READY)

    evil = "'; DROP TABLE x; --"
    with server(talk) as login, Connection(login, 5) as session:
        session.ask("SELECT $1, $2", evil, None)
    parse, bind, _ = seen
    assert evil.encode() not in parse[1]
    assert evil.encode() in bind[1]


def test_an_error_is_raised_once_the_server_is_ready_again() -> None:
    with server(answers(row(b"1") + ERROR + READY, row(b"2") + READY)) as login, Connection(login, 5) as session:
        with pytest.raises(ServerError, match="read-only here") as error:
            session.ask("INSERT")
        assert error.value.code == "25006"
        assert session.ask("SELECT") == [("2",)]


def drip(sock: socket.socket) -> None:
    start(sock)
    for byte in OK * 100:
        sock.sendall(bytes([byte]))
        time.sleep(0.02)


def silence(sock: socket.socket) -> None:
    while sock.recv(1000):
        pass


BAD: dict[str, tuple[Talk, type[WireError]]] = {
    "closes at once": (lambda sock: None, Broken),
    "says nothing": (silence, TimedOut),
    "drips": (drip, TimedOut),
    "another language": (lambda sock: sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Broken),
    "endless message": (lambda sock: sock.sendall(b"R" + struct.pack("!I", 2**31)), Broken),
    "asks for a password in clear": (lambda sock: sock.sendall(message(b"R", struct.pack("!I", 3))), Broken),
    "an empty log-in": (lambda sock: sock.sendall(message(b"R")), Broken),
    "starts up": (lambda sock: sock.sendall(message(b"E", b"C57P03\0Mstarting\0\0")), ServerError),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_server_ends_in_time_and_with_its_kind_of_error(case: str) -> None:
    talk, error = BAD[case]
    with server(talk) as login, pytest.raises(error):
        Connection(login, 0.3)


@pytest.mark.parametrize("reply", [message(b"D", b"\0\5\0"), b"D\xff\xff\xff\xff"])
def test_an_answer_that_makes_no_sense(reply: bytes) -> None:
    with server(answers(reply + READY)) as login, Connection(login, 0.3) as session, pytest.raises(WireError):
        session.ask("SELECT")


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(NoServer):
        Connection(Login("127.0.0.1", port, "somebody"), 1)
    with pytest.raises(NoServer):
        Connection(Login("/nonexistent", 5432, "somebody"), 1)


def scram(password: str) -> Talk:
    """The server's side of SCRAM-SHA-256."""

    def talk(sock: socket.socket) -> None:
        start(sock)
        sock.sendall(message(b"R", struct.pack("!I", 10) + b"SCRAM-SHA-256\0\0"))
        bare = read(sock)[1].partition(b"n,,")[2]
        salt, nonce = b"salt", bare.partition(b"r=")[2] + b"more"
        first = b"r=" + nonce + b",s=" + base64.b64encode(salt) + b",i=4096"
        sock.sendall(message(b"R", struct.pack("!I", 11) + first))
        final, _, proof = read(sock)[1].rpartition(b",p=")
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 4096)
        key = hmac.digest(salted, b"Client Key", "sha256")
        signed = bare + b"," + first + b"," + final
        signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
        proved = bytes(a ^ b for a, b in zip(signature, base64.b64decode(proof), strict=True)) == key
        if not proved and password == PASSWORD:
            sock.sendall(message(b"E", b"C28P01\0Mwrong password\0\0"))
        mine = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
        sock.sendall(message(b"R", struct.pack("!I", 12) + b"v=" + base64.b64encode(mine)) + OK + READY)
        read(sock)
        sock.sendall(row(b"in") + READY)

    return talk


def test_scram_proves_both_sides() -> None:
    with server(scram(PASSWORD)) as login, Connection(login, 5) as session:
        assert session.ask("SELECT") == [("in",)]


def test_a_server_that_does_not_know_the_password_is_not_ours() -> None:
    with server(scram("something else")) as login, pytest.raises(Broken, match="not ours"):
        Connection(login, 5)


def test_a_log_in_without_the_servers_proof_is_not_believed() -> None:
    def talk(sock: socket.socket) -> None:
        start(sock)
        sock.sendall(message(b"R", struct.pack("!I", 10) + b"SCRAM-SHA-256\0\0"))
        read(sock)
        sock.sendall(OK + READY)

    with server(talk) as login, pytest.raises(Broken):
        Connection(login, 5)
