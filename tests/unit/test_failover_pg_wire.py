"""Our own PostgreSQL client against a real server, and against servers that lie, hang, drip or break off."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from failover.remote.pg_scram import NotProved, Scram
from failover.remote.pg_wire import Broken, Login, ServerError, Session
from tests.fakes.postgres_cluster import PASSWORD, Cluster, binaries, cluster

pytestmark = pytest.mark.xdist_group("pg-wire")  # they share one server


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
    assert error.value.sent and error.value.timed_out
    session.cancel(soon())
    real.primary.until(
        "SELECT count(*) = 0 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%left_' || 'behind%'"
    )


def test_more_than_allowed_is_not_kept(session: Session) -> None:
    with pytest.raises(Broken, match="more than is allowed"):
        session.ask("SELECT repeat('x', 10000) FROM generate_series(1, 1000)", until=soon(), limit=50_000)


def serving(answer: Callable[[socket.socket], None]) -> int:
    """A listener whose first guest is answered so."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError), listener, listener.accept()[0] as guest:
            guest.recv(1000)
            answer(guest)

    threading.Thread(target=serve, daemon=True).start()
    return int(listener.getsockname()[1])


def _drip(guest: socket.socket) -> None:
    guest.sendall(b"N\0\0\3\xe8")
    for _ in range(1000):
        guest.sendall(b"N")
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda guest: guest.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "more than is allowed, or no PostgreSQL"),
        (lambda guest: guest.sendall(b"R\0\0\0\x08\0\0\0\x03"), "other than SCRAM"),
        (lambda guest: guest.sendall(b"R\0\0\0\x0c\0\0\0\x0bjunk"), "as it should"),
        (lambda guest: guest.sendall(b"R\x7f\xff\xff\xff"), "more than is allowed"),
        (lambda guest: guest.close(), "hung up"),
        (lambda guest: time.sleep(1), "no answer in time"),
        (_drip, "no answer in time"),
    ],
)
def test_what_is_no_server_is_told_in_time(answer: Callable[[socket.socket], None], says: str) -> None:
    with pytest.raises(Broken, match=says) as error:
        Session.open(login(serving(answer)), soon(0.5))
    assert not error.value.sent


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Broken, match="refused"):
        Session.open(login(port), soon())


def test_the_example_of_the_standard() -> None:
    """RFC 7677, section 3; our client leaves the user's name to the start-up message, so the proof differs in that."""
    scram = Scram("pencil", nonce="rOprNGfwEbeRWgbNEkqO")
    assert scram.reply(b"\0\0\0\x0aSCRAM-SHA-256\0\0").endswith(b"n,,n=,r=rOprNGfwEbeRWgbNEkqO")
    server_first = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    final = scram.reply(b"\0\0\0\x0b" + server_first.encode()).decode()
    assert final.startswith("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=")


@pytest.mark.parametrize("first", ["r=other,s=AAAA,i=4096", "r=n,s=AAAA,i=999999999", "r=n,s=AAAA", "r=n,s=*,i=1"])
def test_a_server_that_bends_the_log_in_is_refused(first: str) -> None:
    scram = Scram("secret", nonce="n")
    with pytest.raises(NotProved):
        scram.reply(b"\0\0\0\x0b" + first.encode())


def test_a_server_that_does_not_know_the_password_is_refused() -> None:
    scram = Scram("secret", nonce="n")
    scram.reply(b"\0\0\0\x0br=nx,s=AAAA,i=1")
    with pytest.raises(NotProved, match="does not know"):
        scram.reply(b"\0\0\0\x0cv=AAAA")
    with pytest.raises(NotProved, match="did not prove"):
        scram.reply(b"\0\0\0\0")
