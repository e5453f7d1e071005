"""Kind ``postgres`` against a real primary with a real standby."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import ValidationError

from checks import postgres
from checks.check import Check
from checks.postgres import Params
from checks.result import Measurement, Status
from inventory.errors import Mark
from inventory.model import Confirm, Host
from tests.fakes.postgres_cluster import Cluster, Server, binaries, cluster, conninfo
from tests.fakes.ssh_server import frozen_listener


@pytest.fixture(scope="module")
def real() -> Iterator[Cluster]:
    programs = binaries()
    if programs is None:
        pytest.skip("NOT TESTED: no PostgreSQL server is installed (apt-get install postgresql)")
    with cluster(programs) as running:
        yield running


def ask(port: int, timeout: float = 20.0, **params: Any) -> Measurement:
    check = Check(
        id="host/cloud-db/postgres",
        subject="host:cloud-db",
        kind="postgres",
        params=Params(**({"port": port, "user": "postgres"} | params)),
        vantages=("cloud",),
        interval=30.0,
        timeout=timeout,
        confirm=Confirm(m=2, n=3),
        host=Host(id="cloud-db", center="cloud", address="127.0.0.1", mark=Mark(Path("hosts.yml"), 1)),
        center="cloud",
    )
    return asyncio.run(postgres.probe(check))


def asked(real: Cluster, server: Server, **params: Any) -> Measurement:
    return ask(server.port, password_file=str(real.password_file), **params)


def test_a_primary_with_its_standby(real: Cluster) -> None:
    real.primary.until("SELECT pg_current_wal_lsn() = replay_lsn FROM pg_stat_replication")
    seen = asked(real, real.primary, expect="primary", standbys=["dr"], lag_bytes=1_000_000)
    assert seen.status is Status.OK, seen
    assert seen.evidence["standbys"] == "dr streaming async"
    assert (seen.evidence["role"], seen.unit) == ("primary", "B")


def test_a_standby_that_is_idle_has_no_lag(real: Cluster) -> None:
    real.standby.until("SELECT pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()")
    seen = asked(real, real.standby, expect="standby", lag_seconds="1s")
    assert (seen.status, seen.value, seen.unit) == (Status.OK, 0.0, "s")
    assert seen.evidence["receiver"] == "streaming"


def test_the_wrong_role_is_down(real: Cluster) -> None:
    seen = asked(real, real.standby, expect="primary")
    assert (seen.status, seen.sentence) == (Status.DOWN, "is a standby, expected to be the primary")
    assert asked(real, real.primary, expect="standby").status is Status.DOWN


def test_a_missing_standby_is_named(real: Cluster) -> None:
    seen = asked(real, real.primary, standbys=["dr", "bigdata"])
    assert (seen.status, seen.sentence) == (Status.DEGRADED, "standby bigdata is not connected")


def test_a_paused_standby_is_degraded_on_both_sides(real: Cluster) -> None:
    real.standby.run("SELECT pg_wal_replay_pause()")
    try:
        real.standby.until("SELECT pg_get_wal_replay_pause_state() = 'paused'")
        real.primary.run("SELECT pg_logical_emit_message(false, 'test', repeat('x', 100000))")
        real.primary.run("SELECT pg_switch_wal()")
        real.standby.until("SELECT pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) > 100000")
        behind = asked(real, real.standby, lag_bytes=10_000)
        primary = asked(real, real.primary, standbys=["dr"], lag_bytes=10_000)
    finally:
        real.standby.run("SELECT pg_wal_replay_resume()")
    assert behind.status is Status.DEGRADED
    assert behind.sentence.startswith("replay is paused; is ")
    assert (behind.value or 0) > 100_000
    assert primary.status is Status.DEGRADED
    assert primary.sentence.startswith("standby dr is ")


def test_a_synchronous_standby_that_is_not_there_hangs_commits(real: Cluster) -> None:
    with synchronous(real, "nobody"):
        seen = asked(real, real.primary)
    assert seen.status is Status.DOWN
    assert seen.sentence == "every commit hangs: 1 synchronous standbys needed (nobody), 0 there"


def test_a_commit_that_hangs_is_seen_while_the_standby_streams(real: Cluster) -> None:
    with synchronous(real, "dr"):
        real.primary.until("SELECT sync_state = 'sync' FROM pg_stat_replication")
        real.standby.run("SELECT pg_wal_replay_pause()")
        commit = threading.Thread(target=write, args=(real.primary.port,))
        try:
            commit.start()
            real.primary.until("SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
            seen = asked(real, real.primary, commit_wait="1ms")
        finally:
            real.standby.run("SELECT pg_wal_replay_resume()")
            commit.join(60)
    assert seen.status is Status.DOWN
    assert seen.sentence.startswith("1 commits hang, the longest for ")


def write(port: int) -> None:
    with psycopg.connect(conninfo(port)) as connection:
        connection.execute("SET synchronous_commit = remote_apply")
        connection.execute("CREATE TABLE IF NOT EXISTS written (at timestamptz)")


class synchronous:
    """The primary waits for these standbys for as long as the block lasts."""

    def __init__(self, real: Cluster, names: str) -> None:
        self._primary, self._names = real.primary, names

    def __enter__(self) -> None:
        self._set(self._names)

    def __exit__(self, *_: object) -> None:
        self._set("")

    def _set(self, names: str) -> None:
        self._primary.run(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        self._primary.run("SELECT pg_reload_conf()")
        self._primary.until(f"SELECT current_setting('synchronous_standby_names') = '{names}'")


def test_a_frozen_server_is_down_at_the_deadline(real: Cluster) -> None:
    real.standby.process.send_signal(signal.SIGSTOP)
    try:
        seen = asked(real, real.standby, timeout=0.5)
    finally:
        real.standby.process.send_signal(signal.SIGCONT)
    assert seen.status is Status.DOWN
    assert "gave no answer within 0.5 s: it may be frozen" in seen.sentence


@pytest.mark.parametrize("query", ["SELECT pg_sleep(60)", "SET statement_timeout = 0; SELECT pg_sleep(60)"])
def test_a_server_that_stops_in_the_middle_is_left(real: Cluster, query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_ROLE", query)
    seen = asked(real, real.primary, timeout=1.0)
    assert seen.status is Status.DOWN
    assert "gave no answer within 1 s" in seen.sentence
    real.primary.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")


def test_what_keeps_us_out_is_not_the_databases_fault(real: Cluster, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("guess\n")
    refused = ask(real.primary.port, password_file=str(wrong))
    assert refused.status is Status.UNKNOWN
    assert "user postgres is not let in" in refused.sentence
    assert "guess" not in refused.sentence
    assert ask(real.primary.port, password_file="/nowhere").status is Status.UNKNOWN


def test_a_database_that_is_not_there_is_down(real: Cluster) -> None:
    seen = asked(real, real.primary, database="civil")
    assert seen.status is Status.DOWN
    assert 'database "civil" does not exist' in seen.sentence


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    seen = ask(port)
    assert seen.status is Status.DOWN
    assert "refused" in seen.sentence


def test_a_listener_without_a_word_is_down_at_the_deadline() -> None:
    with frozen_listener() as listener:
        assert ask(listener.getsockname()[1], timeout=0.4).status is Status.DOWN


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"expect": "leader"}, "primary"),
        ({"port": 0}, "greater than"),
        ({"lag_seconds": 5}, "unit"),
        ({"lag_bytes": -1}, "greater than or equal"),
        ({"password": "x"}, "Extra inputs"),
    ],
)
def test_mistakes_in_parameters_are_said(params: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Params(**({"user": "ops"} | params))
