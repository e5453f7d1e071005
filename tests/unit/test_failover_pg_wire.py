"""Our own PostgreSQL client against a real server, and against servers that lie, hang, drip or break off."""

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

from failover.remote.pg_conversation import Connection
from failover.remote.pg_wire import Broken, Login, NoServer, ServerError, Session, TimedOut, WireError
from tests.fakes.postgres_cluster import PASSWORD, Cluster, binaries, cluster


def soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


@pytest.fixture(scope="module")
def real() -> Iterator[Cluster]:
    programs = binaries()
    if programs is None:
        pytest.skip("needs PostgreSQL's server programs")
    with cluster(programs) as running:
        yield running


def login(port: int, password: str = PASSWORD) -> Login:
    return Login("127.0.0.1", port, "postgres", "postgres", password, settings=(("statement_timeout", "3000"),))


@pytest.fixture
def session(real: Cluster) -> Iterator[Session]:
    session = Session.open(login(real.primary.port), soon())
    yield session
    session.close()


@pytest.mark.parametrize(
    ("sql", "values", "rows", "tag"),
    [
        ("SELECT 1, NULL, 'x'", (), (("1", None, "x"),), "SELECT 1"),
        ("SELECT $1::int + 1, $2::text", ("41", "'; --"), (("42", "'; --"),), "SELECT 1"),
        ("SELECT $1::text IS NULL", (None,), (("t",),), "SELECT 1"),
        ("SHOW statement_timeout", (), (("3s",),), "SHOW"),
        ("SELECT 1; SELECT '婚姻登记'", (), (("1",), ("婚姻登记",)), "SELECT 1"),
        ("SELECT", (), ((),), "SELECT 1"),
    ],
)
def test_a_real_server_answers(
    session: Session, sql: str, values: tuple[str | None, ...], rows: tuple[tuple[str | None, ...], ...], tag: str
) -> None:
    answer = session.ask(sql, values, until=soon())
    assert (answer.rows, answer.tag) == (rows, tag)


def test_an_error_is_surely_not_done_and_the_session_goes_on(session: Session) -> None:
    for values in ((), ("1",)):
        with pytest.raises(ServerError) as error:
            session.ask("SELECT 1/0" if not values else "SELECT 1/($1::int - 1)", values, until=soon())
        assert (error.value.code, error.value.sure) == ("22012", True)
    assert session.ask("SELECT 1", until=soon()).rows == (("1",),)


def test_a_standby_refuses_to_write(real: Cluster) -> None:
    session = Session.open(login(real.standby.port), soon())
    with pytest.raises(ServerError) as error:
        session.ask("CREATE TABLE nothing (id int)", until=soon())
    assert (error.value.code, error.value.sure) == ("25006", True)
    assert session.parameters["in_hot_standby"] == "on"
    session.close()


def test_the_wrong_password_is_refused(real: Cluster) -> None:
    with pytest.raises(ServerError) as error:
        Session.open(login(real.primary.port, "wrong"), soon())
    assert (error.value.code, error.value.sent) == ("28P01", False)


def test_a_session_ended_from_outside_leaves_the_end_open(real: Cluster, session: Session) -> None:
    (pid,) = session.ask("SELECT pg_backend_pid()", until=soon()).rows[0]
    sleeping = threading.Timer(0.2, real.primary.run, [f"SELECT pg_terminate_backend({pid})"])
    sleeping.start()
    with pytest.raises(ServerError) as error:
        session.ask("SELECT pg_sleep(3)", until=soon())
    assert (error.value.code, error.value.severity, error.value.sure) == ("57P01", "FATAL", False)
    sleeping.join()


def test_a_session_that_ended_while_idle_is_found_out_before_anything_is_sent(real: Cluster, session: Session) -> None:
    (pid,) = session.ask("SELECT pg_backend_pid()", until=soon()).rows[0]
    real.primary.run(f"SELECT pg_terminate_backend({pid}, 3000)")
    with pytest.raises(Broken) as error:
        session.ask("SELECT 1", until=soon())
    assert not error.value.sent


def test_no_answer_in_time_is_unknown_and_canceling_leaves_nothing_behind(real: Cluster, session: Session) -> None:
    with pytest.raises(Broken) as error:
        session.ask("SELECT pg_sleep(2.5) AS left_behind", until=soon(0.2))
    assert error.value.sent and isinstance(error.value, TimedOut)
    session.cancel(soon())
    real.primary.until(
        "SELECT count(*) = 0 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%left_' || 'behind%'"
    )


def test_more_than_allowed_is_not_kept(session: Session) -> None:
    with pytest.raises(Broken, match="more than is allowed"):
        session.ask("SELECT repeat('x', 10000) FROM generate_series(1, 1000)", until=soon(), limit=50_000)


# --- servers that lie, hang, drip or break off -----------------------------------------------------------------------

Talk = Callable[[socket.socket], None]


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
        yield login(listening.getsockname()[1])
        thread.join()


def drip(sock: socket.socket) -> None:
    start(sock)
    sock.sendall(b"N\0\0\3\xe8")
    for _ in range(100):
        sock.sendall(b"N")
        time.sleep(0.02)


def silence(sock: socket.socket) -> None:
    while sock.recv(1000):
        pass


def says(data: bytes) -> Talk:
    def talk(sock: socket.socket) -> None:
        start(sock)
        sock.sendall(data)

    return talk


BAD: dict[str, tuple[Talk, type[WireError], str]] = {
    "closes at once": (lambda sock: None, Broken, "hung up|reset"),
    "says nothing": (silence, TimedOut, "no answer in time"),
    "drips": (drip, TimedOut, "no answer in time"),
    "another language": (says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Broken, "more than is allowed, or no PostgreSQL"),
    "endless message": (says(b"R" + struct.pack("!I", 2**31)), Broken, "more than is allowed"),
    "a password in clear": (says(message(b"R", struct.pack("!I", 3))), Broken, "other than SCRAM"),
    "a log-in that makes no sense": (says(message(b"R", struct.pack("!I", 11) + b"junk")), Broken, "as it should"),
    "an empty log-in": (says(message(b"R")), Broken, "hung up"),
    "starts up": (says(message(b"E", b"C57P03\0Mstarting\0\0")), ServerError, "57P03: starting"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_server_is_told_in_time_and_nothing_was_sent(case: str) -> None:
    talk, kind, told = BAD[case]
    with server(talk) as bad, pytest.raises(kind, match=told) as error:
        Session.open(bad, soon(0.3))
    assert not error.value.sent


@pytest.mark.parametrize("reply", [message(b"D", b"\0\5\0"), b"D\xff\xff\xff\xff"])
def test_an_answer_that_makes_no_sense_may_have_been_done(reply: bytes) -> None:
    with server(answers(reply + READY)) as bad:
        session = Session.open(bad, soon())
        with pytest.raises(Broken) as error:
            session.ask("SELECT", until=soon())
        session.close()
    assert error.value.sent


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for nobody in (login(port), Login("/nonexistent", 5432, "postgres", "postgres")):
        with pytest.raises(NoServer) as error:
            Session.open(nobody, soon())
        assert (error.value.sent, error.value.reached) == (False, False)


# --- a conversation --------------------------------------------------------------------------------------------------


def test_a_conversation_gives_rows_and_nulls_as_text_and_knows_its_process() -> None:
    with server(answers(row(b"a", None) + row(b"", b"z") + READY)) as fine, Connection(fine, 5) as session:
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
    with server(talk) as fine, Connection(fine, 5) as session:
        assert session.pid == 0
        session.ask("SELECT $1, $2, $3", evil, None, 7)
    parse, bind, _ = seen
    assert evil.encode() not in parse[1]
    assert (evil.encode() in bind[1], bind[1].endswith(b"\0\0\0\x017\0\0")) == (True, True)


def test_an_error_is_raised_once_the_server_is_ready_again() -> None:
    with server(answers(row(b"1") + ERROR + READY, row(b"2") + READY)) as fine, Connection(fine, 5) as session:
        with pytest.raises(ServerError, match="read-only here") as error:
            session.ask("INSERT")
        assert error.value.code == "25006"
        assert session.ask("SELECT") == [("2",)]


def test_all_of_a_conversation_has_one_deadline_until_it_gets_another() -> None:
    with server(answers(row(b"1") + READY, b"", row(b"3") + READY)) as slow, Connection(slow, 5) as session:
        session.ask("SELECT 1")
        session.within(0.1)
        with pytest.raises(TimedOut) as error:
            session.ask("SELECT 2")
        assert error.value.sent
        with pytest.raises(TimedOut) as late:
            session.ask("SELECT 3")
        assert not late.value.sent


# --- logging in ------------------------------------------------------------------------------------------------------


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
    with server(scram(PASSWORD)) as fine, Connection(fine, 5) as session:
        assert session.ask("SELECT") == [("in",)]


def test_a_server_that_does_not_know_the_password_is_not_ours() -> None:
    with server(scram("something else")) as other, pytest.raises(Broken, match="does not know the password"):
        Connection(other, 5)


def test_a_log_in_without_the_servers_proof_is_not_believed() -> None:
    def talk(sock: socket.socket) -> None:
        start(sock)
        sock.sendall(message(b"R", struct.pack("!I", 10) + b"SCRAM-SHA-256\0\0"))
        bare = read(sock)[1].partition(b"r=")[2]
        sock.sendall(message(b"R", struct.pack("!I", 11) + b"r=" + bare + b"x,s=AAAA,i=1"))
        read(sock)
        sock.sendall(OK + READY)

    with server(talk) as other, pytest.raises(Broken, match="did not prove"):
        Connection(other, 5)
