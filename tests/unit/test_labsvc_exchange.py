"""The exchange: what a province delivers, and what the front end makes of whatever lies there."""

from __future__ import annotations

import base64
import os
from datetime import datetime
from pathlib import Path, PurePosixPath

import paramiko
import pytest

from lab.services import exchange_ingest
from lab.services.exchange_files import PROVINCES, describe
from lab.services.exchange_ingest import Ingest, Waiting, surplus, verified, waiting
from lab.services.province_delivery import CHINA, Front, Line, batch, deliver, provinces, stopped
from tests.fakes.sshd import SSHD, sshd

AT = datetime(2026, 3, 1, 9, 30, 5, tzinfo=CHINA)
NOBODY = "host=127.0.0.1 port=1 dbname=civil user=app connect_timeout=2"


def put(exchange: Path, name: str, content: bytes = b"1\n", said: str | None = None, code: str = "440000") -> Path:
    folder = exchange / code
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    (folder / f"{name}.ok").write_text(said if said is not None else describe(content).text())
    return folder / name


def only(exchange: Path) -> Waiting:
    (found,) = waiting(exchange, before=float("inf"))
    return found


def test_a_batch_says_province_time_and_number() -> None:
    name, content = batch("440000", 7, AT)
    assert name == "440000_20260301T093005_7.csv"
    assert content.count(b"\n") == describe(content).records > 0


def test_no_two_batches_of_a_province_are_alike() -> None:
    assert len({batch("110000", number, AT)[1] for number in range(50)}) == 50


def test_a_manifest_is_digest_records_and_bytes() -> None:
    digest = "73cb3858a687a8494ca3323053016282f3dad39d42cf62ca4e79dda2aac7d9ac"  # sha256sum of the two bytes
    assert describe(b"x\n").text() == f"{digest} 1 2\n"


def test_provinces_come_from_the_estate(tmp_path: Path) -> None:
    (tmp_path / "exchange.yml").write_text('provinces: {"110000": {}, "440000": {}, "; touch owned": {}}')
    assert provinces(tmp_path) == ("110000", "440000")


def test_without_an_estate_there_are_thirty_one(tmp_path: Path) -> None:
    assert provinces(tmp_path) == PROVINCES
    assert len(set(PROVINCES)) == 31


def test_stopped_provinces_are_read_anew(tmp_path: Path) -> None:
    assert stopped(tmp_path / "none") == frozenset()
    (tmp_path / "some").write_text("110000\n440000\n")
    assert stopped(tmp_path / "some") == {"110000", "440000"}


def test_only_settled_manifests_in_province_folders_count(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv")
    put(tmp_path, "a.csv", code="lost+found")
    (tmp_path / "440000" / "b.csv").write_bytes(b"not yet declared complete")
    arrived = path.with_name("a.csv.ok").stat().st_mtime
    assert [one.path for one in waiting(tmp_path, before=arrived)] == [path]
    assert waiting(tmp_path, before=arrived - 1) == []


def test_a_whole_batch_is_verified(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", b"1\n2\n")
    assert verified(only(tmp_path)) == (2, describe(b"1\n2\n").sha256)


@pytest.mark.parametrize("said", ["", "0 1 2", "\0\xff", describe(b"other").text()])
def test_a_manifest_that_says_something_else_is_refused(tmp_path: Path, said: str) -> None:
    put(tmp_path, "a.csv", said=said)
    assert verified(only(tmp_path)) == "the content is not what the manifest says"


def test_links_and_giants_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, "a.csv")
    monkeypatch.setattr(exchange_ingest, "MAX_BYTES", 1)
    assert verified(only(tmp_path)) == "larger than a batch may be"
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert "symbolic links" in str(verified(only(tmp_path)))


def test_a_pipe_in_place_of_a_batch_does_not_stop_the_round(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv")
    path.unlink()
    os.mkfifo(path)
    assert verified(only(tmp_path)) == "the content is not what the manifest says"


@pytest.mark.parametrize(
    ("name", "label"),
    [
        (b"; touch owned;.csv", "; touch owned;.csv"),
        (b"{{ 7*7 }}<script>.csv", "{{ 7*7 }}<script>.csv"),
        (b"a\nb\x1b[31m.csv", r"a\nb\x1b[31m.csv"),
        (b"\xff\xfe.csv", r"\xff\xfe.csv"),
        ("民政.csv".encode(), "民政.csv"),
    ],
)
def test_a_hostile_name_is_one_line_of_text(tmp_path: Path, name: bytes, label: str) -> None:
    put(tmp_path, os.fsdecode(name))
    assert only(tmp_path).label == label


def test_the_newest_three_of_each_province_stay(tmp_path: Path) -> None:
    loaded = [Waiting(code, tmp_path / code / str(n), float(n)) for n in range(5) for code in ("11", "44")]
    assert {(one.province, one.arrived) for one in surplus(loaded)} == {("11", 0), ("11", 1), ("44", 0), ("44", 1)}


def test_without_a_database_everything_stays(tmp_path: Path) -> None:
    for number in range(6):
        put(tmp_path, f"{number}.csv")
    Ingest(tmp_path, NOBODY).round(now=float("inf"))
    assert len(list(tmp_path.rglob("*.csv"))) == 6


@pytest.mark.skipif(SSHD is None, reason="needs OpenSSH's server")
def test_a_batch_arrives_over_sftp_whole_and_only_from_a_known_server(tmp_path: Path) -> None:
    exchange = tmp_path / "exchange"
    exchange.mkdir()
    (tmp_path / "ssh").mkdir()
    with sshd(tmp_path / "ssh") as server:
        host_key = tmp_path / "host.pub"
        host_key.write_text(server.host_key)
        line = Line(Front("127.0.0.1", server.port, server.key, host_key, PurePosixPath(exchange)))
        folder = PurePosixPath(exchange / "440000")
        for number in (1, 2, 2):  # the same again does no harm
            deliver(line, folder, *batch("440000", number, AT))
        line.hang_up()
        stranger = paramiko.Ed25519Key.from_private_key_file(str(server.key))
        host_key.write_text(f"ssh-ed25519 {base64.b64encode(stranger.asbytes()).decode()}")
        with pytest.raises(paramiko.SSHException):
            deliver(line, folder, *batch("440000", 3, AT))
    names = sorted(path.name for path in (exchange / "440000").iterdir())
    assert names == [f"440000_20260301T093005_{n}.csv{end}" for n in (1, 2) for end in ("", ".ok")]
    assert all(isinstance(verified(one), tuple) for one in waiting(exchange, before=float("inf")))
