"""The store, on SQLite and on a real PostgreSQL: one transaction a cycle, changes once, incidents from verdicts."""

from __future__ import annotations

import multiprocessing
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, text

from checks.result import Result, Status
from inventory.errors import OperatorError
from state import heard
from state.database import _engine, writing
from state.incidents import GONE
from state.signals import Signal
from state.store import Store
from state.tables import METADATA
from state.verdict import Fault, Reason, Verdict, Vote

OK, DEGRADED, DOWN, UNKNOWN = Status
POSTGRES = Path("/usr/lib/postgresql/15/bin")
HOSTILE = "{{ lookup('pipe','touch owned') }}'; DROP TABLE changes; --<script>\0\ud800"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL of our own in a temporary folder; yields the address of its server without a database name."""
    if not (POSTGRES / "initdb").exists() or os.geteuid() != 0:
        pytest.skip("NOT TESTED on PostgreSQL: it needs root and the package postgresql-15")
    user = pwd.getpwnam("postgres")
    folder = Path(tempfile.mkdtemp(prefix="tricenter-pg-"))
    os.chown(folder, user.pw_uid, user.pw_gid)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = f"-F -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"

    def run(*command: str) -> None:
        subprocess.run(command, check=True, user="postgres", group="postgres", cwd=folder, stdout=subprocess.DEVNULL)

    try:
        run(str(POSTGRES / "initdb"), "-D", f"{folder}/data", "-A", "trust", "-N", "--locale=C", "-E", "UTF8")
        run(str(POSTGRES / "pg_ctl"), "-D", f"{folder}/data", "-l", f"{folder}/log", "-w", "-o", options, "start")
        yield f"postgresql://postgres@127.0.0.1:{port}"
        run(str(POSTGRES / "pg_ctl"), "-D", f"{folder}/data", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state.db"
    server = request.getfixturevalue("postgres")
    engine = create_engine(server.replace("postgresql", "postgresql+psycopg") + "/postgres")
    name = f"t{abs(hash(request.node.nodeid))}"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return f"{server}/{name}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store.open(url)
    yield opened
    opened.close()


def verdict(
    about: str, status: Status, since: float, cause: str | None = None, fault: Fault = Fault.SERVICE
) -> Verdict:
    return Verdict(about, status, fault, Reason("host.down", {"said": "no answer"}), since, since + 5, cause)


def signal(at: float, status: Status = OK, sentence: str = "fine") -> Signal:
    answer = Result("c", "cloud", status, sentence, at, 0.5, 12.5, "ms", {"phase": sentence, "n": 3})
    return Signal(answer, ((at, status),), status, at, at + 22, sentence)


def test_a_cycle_is_read_back_as_it_was_settled(store: Store) -> None:
    votes = (Vote("c", "cloud", DOWN, 90.0, 3.0, "no"), Vote("c", "dr", UNKNOWN, 90.0, float("inf")))
    judged = replace(verdict("host:a", DOWN, 95.0), votes=votes)
    changes = store.settle([signal(99.0)], [judged], at=100.0)
    assert [(c.subject, c.old, c.new, c.since, c.at) for c in changes] == [("host:a", UNKNOWN, DOWN, 95.0, 100.0)]
    assert store.changes() == changes
    assert store.verdicts() == [judged]
    assert store.signals() == [signal(99.0)]
    assert store.latest() == [signal(99.0).latest]
    assert store.watched() == [] and store.watched(0, 100.1) == []
    store.settle([], [], at=102.0)
    assert store.watched() == [(100.0, 102.0)]


def test_the_same_verdict_twice_is_one_change(store: Store) -> None:
    store.settle([], [verdict("host:a", DOWN, 95.0)], at=100.0)
    assert store.settle([], [verdict("host:a", DOWN, 99.0)], at=105.0) == []
    assert len(store.changes()) == 1
    assert store.verdicts()[0].since == 95.0, "the beginning stays"


def test_a_second_watch_on_the_same_store_records_nothing_twice(url: str, store: Store) -> None:
    other = Store.open(url)
    statuses = [DOWN, OK, DEGRADED, OK]
    for step, status in enumerate(statuses):
        at = 100.0 + 10 * step
        first = store.settle([], [verdict("host:a", status, at)], at=at)
        second = other.settle([], [verdict("host:a", status, at + 1)], at=at + 1)
        assert (len(first), len(second)) == (1, 0)
    other.close()
    changes = store.changes(subject="host:a")
    assert [change.new for change in changes] == statuses
    assert [change.old for change in changes] == [UNKNOWN, *statuses[:-1]]
    assert len(store.incidents()) == 2


def test_dates_never_run_backwards(store: Store) -> None:
    store.settle([], [verdict("host:a", OK, 100.0)], at=100.0)
    (change,) = store.settle([], [verdict("host:a", DOWN, 50.0)], at=120.0)
    assert change.since == 100.0
    (change,) = store.settle([], [verdict("host:a", OK, 999.0)], at=130.0)
    assert change.since == 130.0


def test_changes_are_found_by_time_and_subject(store: Store) -> None:
    for step, status in enumerate([OK, DOWN, OK, DOWN]):
        store.settle([], [verdict("host:a", status, 100.0 + 10 * step)], at=100.0 + 10 * step)
    assert [change.since for change in store.changes(105, 130)] == [110.0, 120.0]
    assert store.changes(subject="host:b") == []
    before = store.before("host:a", 120.0)
    assert before is not None and before.since == 110.0
    assert store.before("host:a", 100.0) is None


def test_an_older_answer_never_replaces_a_newer_one(store: Store) -> None:
    store.settle([signal(110.0, DOWN)], [], at=111.0)
    store.settle([signal(100.0, OK)], [], at=112.0)
    assert store.latest()[0].at == 110.0


def test_only_roots_open_incidents(store: Store) -> None:
    root, leaf = verdict("host:a", DOWN, 90.0), verdict("component:s/app@c", DOWN, 92.0, cause="host:a")
    store.settle([], [root, leaf, verdict("estate", DEGRADED, 90.0)], at=100.0)
    (incident,) = store.incidents(open_only=True)
    assert (incident.subject, incident.opened, incident.noticed) == ("host:a", 90.0, 100.0)
    assert incident.affects == ("component:s/app@c",)


def test_unknown_keeps_an_incident_open_and_ok_closes_it(store: Store) -> None:
    store.settle([], [verdict("host:a", DOWN, 90.0)], at=100.0)
    store.settle([], [verdict("host:a", UNKNOWN, 110.0)], at=120.0)
    (incident,) = store.incidents(open_only=True)
    store.repaired(incident.id, "run-1")
    store.settle([], [verdict("host:a", OK, 130.0)], at=140.0)
    assert store.incidents(open_only=True) == []
    (closed,) = store.incidents()
    assert (closed.closed, closed.repaired_by) == (130.0, "run-1")
    assert store.incidents(start=135.0) == []
    assert store.incidents(end=90.0) == []
    assert len(store.incidents(start=120.0, end=125.0)) == 1


def test_an_incident_whose_root_moved_up_is_merged(store: Store) -> None:
    store.settle([], [verdict("host:a", DOWN, 90.0), verdict("host:b", DOWN, 95.0)], at=100.0)
    suffering = [verdict(each, UNKNOWN, 110.0, cause="center:c", fault=Fault.ISOLATED) for each in ("host:a", "host:b")]
    store.settle([], [verdict("center:c", DOWN, 110.0, fault=Fault.ISOLATED), *suffering], at=120.0)
    (center,) = store.incidents(open_only=True)
    assert (center.subject, center.opened) == ("center:c", 90.0)
    assert center.affects == ("host:a", "host:b")
    assert [each.merged for each in store.incidents() if each.id != center.id] == [center.id, center.id]


def test_what_left_the_estate_leaves_no_incident(store: Store) -> None:
    store.settle([], [verdict("host:a", DOWN, 90.0)], at=100.0)
    store.settle([], [Verdict("host:a", UNKNOWN, Fault.NONE, Reason(GONE), 110.0, 110.0)], at=110.0)
    assert store.incidents(open_only=True) == []


def test_the_watch_has_a_gap_where_it_was_away(store: Store) -> None:
    for at in (100.0, 105.0, 110.0, 300.0, 305.0, 302.0):
        store.settle([], [], at=at)
    assert store.watched() == [(100.0, 110.0), (300.0, 305.0)]
    assert store.watched(104.0, 301.0) == [(104.0, 110.0), (300.0, 301.0)]


def test_records_are_replaced_by_key_and_found_by_time(store: Store) -> None:
    store.put_record("run", "1", 100.0, {"n": 1})
    store.put_record("run", "2", 90.0, {"n": 2, "text": HOSTILE})
    store.put_record("run", "1", 100.0, {"n": 3})
    store.put_record("drill", "1", 100.0, {})
    assert store.records("run") == [{"n": 2, "text": HOSTILE}, {"n": 3}]
    assert store.records("run", 95.0, 101.0) == [{"n": 3}]


def test_the_newest_word_of_a_primary_stays_when_it_says_nothing_any_more(store: Store) -> None:
    said = {"role": "primary", "standbys": f"b streaming sync {HOSTILE}"}
    for at, vantage, status in ((10.0, "cloud", OK), (5.0, "dr", OK), (20.0, "cloud", DOWN)):
        word = signal(at, status)
        answer = replace(word.latest, vantage=vantage, evidence=said if status is OK else {})
        store.settle([replace(word, latest=answer)], [], at)
    (kept,) = store.records(heard.KIND)
    assert (kept["check"], kept["vantage"], kept["at"]) == ("c", "cloud", 10.0)
    assert str(kept["standbys"]).startswith("b streaming sync")


def test_estates_are_remembered(store: Store) -> None:
    store.saw_estate("d1", "/a", 100.0)
    store.saw_estate("d1", "/a", 200.0)
    assert store.estates() == [{"digest": "d1", "folder": "/a", "first_at": 100.0, "last_at": 200.0}]


def test_hostile_text_stays_text(store: Store) -> None:
    hostile = Verdict(f"host:{'x' * 50}';--", DOWN, Fault.HOST, Reason("host.down", {"said": HOSTILE}), 90.0, 90.0)
    store.settle([signal(99.0, DOWN, HOSTILE)], [hostile], at=100.0)
    assert "DROP TABLE" in store.latest()[0].sentence
    assert "DROP TABLE" in store.changes()[0].because.facts["said"]


def test_the_migrations_make_the_tables_that_the_queries_expect(url: str, store: Store) -> None:
    engine = create_engine(url.replace("postgresql", "postgresql+psycopg"))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


def test_a_store_of_a_newer_version_is_refused_in_words(url: str, store: Store) -> None:
    engine = create_engine(url.replace("postgresql", "postgresql+psycopg"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(OperatorError, match="schema 9999, which this version does not know"):
        Store.open(url)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("nonsense", "is no database address"),
        ("mysql://h/db", "not supported"),
        ("postgresql://nobody:secret@127.0.0.1:1/none", "cannot open the store"),
    ],
)
def test_an_address_that_cannot_be_opened_is_said_in_words_without_the_password(address: str, words: str) -> None:
    with pytest.raises(OperatorError, match=words) as raised:
        Store.open(address)
    assert "secret" not in str(raised.value)


def test_a_damaged_file_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(OperatorError, match="cannot open the store"):
        Store.open(f"sqlite:///{tmp_path}/state.db")


def _open_all(files: list[str], together: Barrier) -> None:
    for file in files:
        together.wait(60)
        with writing(_engine(f"sqlite:///{file}"), durable=False):
            pass


def test_new_files_are_opened_by_several_processes_at_once(tmp_path: Path) -> None:
    """Only the first step of opening, often: it is the one that SQLite refuses instead of waiting."""
    processes = multiprocessing.get_context("spawn")
    files, together = [f"{tmp_path}/{number}.db" for number in range(60)], processes.Barrier(3)
    racers = [processes.Process(target=_open_all, args=(files, together)) for _ in range(3)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(60)
    assert [racer.exitcode for racer in racers] == [0, 0, 0]


def test_two_that_open_a_new_store_at_once_both_get_it(url: str) -> None:
    program = f"from state.store import Store; Store.open({url!r}).settle([], [], 1.0)"
    root = Path(__file__).parents[2]
    both = [subprocess.Popen([sys.executable, "-c", program], cwd=root) for _ in range(2)]
    assert [each.wait() for each in both] == [0, 0]
