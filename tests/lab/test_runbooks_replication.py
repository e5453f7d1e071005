"""resume-replication on a real PostgreSQL whose replay is paused, and on a primary, where it must do nothing."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from checks.result import Status
from inventory.model import Estate
from runbooks.catalogue import load
from runbooks.run import run
from runbooks.run_record import Outcome, Run
from tests.fakes import small_estate, standby
from tests.fakes.sshd import SSHD, Sshd, sshd

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not (SSHD and standby.BIN), reason="needs Debian's openssh-server and postgresql"),
]
PAUSED = "SELECT pg_is_wal_replay_paused()"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where PostgreSQL's own account may go, which pytest's folders do not allow."""
    made = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    made.chmod(0o755)
    yield made / "pg"
    shutil.rmtree(made)


def estate(server: Sshd) -> Estate:
    ssh = {"user": server.user, "port": server.port, "key": str(server.key), "host_key": server.host_key}
    others = [small_estate.host(name, "cloud") for name in ("app1", "app2", "db1", "dr-app")]
    return small_estate.estate([*others, small_estate.host("dr-db", "dr", ssh=ssh)])


def resume(server: Sshd, socket: Path, var: Path, *, check_mode: bool = False) -> Run:
    given = {"host": "dr-db", "port": str(standby.PORT), "socket": str(socket)}

    def replaying() -> Status:
        return Status.OK if standby.ask(socket, PAUSED) == "f" else Status.DEGRADED

    card = load()["resume-replication"]
    quick = card.model_copy(update={"verify": card.verify.model_copy(update={"settle": 0.0})})
    return run(quick, given, estate(server), verify=replaying, now=time.time, folder=var, check_mode=check_mode)


def test_a_paused_standby_replays_again(server: Sshd, folder: Path, tmp_path: Path) -> None:
    with standby.database(folder, standby=True) as socket:
        checked = resume(server, socket, tmp_path, check_mode=True)
        assert (checked.outcome, "would resume" in checked.sentence) == (Outcome.CHECKED, True), checked
        assert standby.ask(socket, PAUSED) == "t"
        found = resume(server, socket, tmp_path)
        assert (found.outcome, found.changed) == (Outcome.REPAIRED, 1), found
        assert standby.ask(socket, PAUSED) == "f"
        again = resume(server, socket, tmp_path)
        assert (again.outcome, again.changed) == (Outcome.REPAIRED, 0), again


def test_a_primary_is_refused(server: Sshd, folder: Path, tmp_path: Path) -> None:
    with standby.database(folder, standby=False) as socket:
        found = resume(server, socket, tmp_path)
    assert (found.outcome, found.changed) == (Outcome.FAILED, 0), found


def test_no_server_is_a_failed_run(server: Sshd, tmp_path: Path) -> None:
    assert resume(server, tmp_path, tmp_path / "var").outcome is Outcome.FAILED
