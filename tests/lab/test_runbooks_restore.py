"""restore-test on a real PostgreSQL: the newest backup is restored, counted, and nothing of it is left behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from checks.result import Status
from runbooks.run_record import Outcome, Run
from tests.fakes import standby
from tests.fakes.loopback_host import LoopbackHost
from tests.fakes.sshd import SSHD, sshd

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not (SSHD and standby.BIN), reason="needs Debian's openssh-server and postgresql"),
]
DATABASES = "SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where PostgreSQL's own account may go, which pytest's folders do not allow."""
    made = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def socket(folder: Path) -> Iterator[Path]:
    with standby.database(folder / "pg", standby=False) as found:
        standby.ask(found, "CREATE TABLE marriage AS SELECT n FROM generate_series(1, 250) n")
        yield found


@pytest.fixture
def backups(folder: Path, socket: Path) -> Iterator[Path]:
    made = folder / "backups"
    made.mkdir(mode=0o755)
    command = [
        str(standby.BIN) + "/pg_dump",
        "-Fc",
        "-h",
        str(socket),
        "-p",
        str(standby.PORT),
        "-U",
        "postgres",
        "postgres",
    ]
    (made / "civil.dump").write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def host(tmp_path: Path, folder: Path) -> Iterator[LoopbackHost]:
    (tmp_path / "sshd").mkdir()
    with sshd(tmp_path / "sshd") as server:
        yield LoopbackHost(server, tmp_path / "var", labels={"backups": str(folder / "backups")})


def restore(host: LoopbackHost, socket: Path, backups: Path, tables: int = 1, *, check_mode: bool = False) -> Run:
    given = {"folder": str(backups), "port": str(standby.PORT), "socket": str(socket), "tables": str(tables)}
    return host.run("restore-test", given, lambda: Status.OK, check_mode=check_mode)


def test_the_newest_backup_is_restored_counted_and_dropped(host: LoopbackHost, socket: Path, backups: Path) -> None:
    before = standby.ask(socket, DATABASES)
    rehearsed = restore(host, socket, backups, check_mode=True)
    assert rehearsed.outcome is Outcome.CHECKED, rehearsed
    assert "would restore" in rehearsed.sentence
    found = restore(host, socket, backups)
    assert found.outcome is Outcome.REPAIRED, found
    assert "1 tables, 250 rows" in found.sentence
    assert standby.ask(socket, DATABASES) == before


def test_a_damaged_backup_fails_and_leaves_nothing(host: LoopbackHost, socket: Path, backups: Path) -> None:
    sound = (backups / "civil.dump").read_bytes()
    newest = backups / "later.dump"
    newest.write_bytes(sound[: len(sound) - 40])
    os.utime(newest, (2_000_000_000, 2_000_000_000))
    before = standby.ask(socket, DATABASES)
    found = restore(host, socket, backups)
    assert found.outcome is Outcome.FAILED, found
    assert standby.ask(socket, DATABASES) == before


def test_a_backup_with_too_few_tables_is_none(host: LoopbackHost, socket: Path, backups: Path) -> None:
    found = restore(host, socket, backups, tables=2)
    assert found.outcome is Outcome.FAILED, found
    assert "tricenter_restore_test" not in standby.ask(socket, DATABASES)
