"""requeue-batch on real files: what is not as its manifest says goes back, what is sound stays, nothing is deleted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from checks.result import Status
from lab.services.exchange_files import describe
from runbooks.run_record import Outcome, Run
from tests.fakes.loopback_host import LoopbackHost
from tests.fakes.sshd import SSHD, sshd

pytestmark = [pytest.mark.lab, pytest.mark.skipif(not SSHD, reason="needs Debian's openssh-server")]
CODE = "110000"
NAME = {"zh": "名", "en": "name"}


@pytest.fixture
def host(tmp_path: Path) -> Iterator[LoopbackHost]:
    (tmp_path / "sshd").mkdir()
    mark = {"file": "exchange.yml", "line": 1}
    exchange = {"system": "marriage", "hosts": ["app1"], "provinces": [{"code": CODE, "name": NAME, "mark": mark}]}
    with sshd(tmp_path / "sshd") as server:
        labels = {"exchange-folder": str(tmp_path / "exchange")}
        yield LoopbackHost(server, tmp_path / "var", labels=labels, more={"exchange": exchange})


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    made = tmp_path / "exchange" / CODE
    made.mkdir(parents=True)
    return made


def deliver(inbox: Path, name: str, content: bytes, said: str, age: float = 3600.0) -> None:
    (inbox / name).write_bytes(content)
    (inbox / f"{name}.ok").write_text(said)
    for file in (inbox / name, inbox / f"{name}.ok"):
        at = file.stat().st_mtime - age
        os.utime(file, (at, at))


def requeue(host: LoopbackHost, tmp_path: Path, *, check_mode: bool = False) -> Run:
    given = {"folder": str(tmp_path / "exchange"), "province": CODE}
    return host.run("requeue-batch", given, lambda: Status.OK, check_mode=check_mode)


def test_bad_batches_go_back_and_sound_ones_stay(host: LoopbackHost, inbox: Path, tmp_path: Path) -> None:
    sound = b"1,x\n2,y\n"
    deliver(inbox, "sound.csv", sound, describe(sound).text())
    deliver(inbox, "cut.csv", sound[:-3], describe(sound).text())
    deliver(inbox, "$(touch owned) {{ 7 * 7 }}.csv", sound, "no manifest at all")
    deliver(inbox, "fresh.csv", sound[:-3], describe(sound).text(), age=0.0)
    outside = tmp_path / "secret"
    outside.write_text("secret")
    (inbox / "link.csv").symlink_to(outside)

    rehearsed = requeue(host, tmp_path, check_mode=True)
    assert rehearsed.outcome is Outcome.CHECKED, rehearsed
    assert "would return 2 batches" in rehearsed.sentence
    assert not (inbox / "returned").exists()

    found = requeue(host, tmp_path)
    assert found.outcome is Outcome.REPAIRED, found
    assert "returned 2 batches of 110000; 1 sound ones" in found.sentence
    returned = {file.name for file in (inbox / "returned").iterdir()}
    assert returned == {one + end for one in ("cut.csv", "$(touch owned) {{ 7 * 7 }}.csv") for end in ("", ".ok")}
    left = {file.name for file in inbox.iterdir()}
    assert left >= {"sound.csv", "sound.csv.ok", "fresh.csv", "fresh.csv.ok", "link.csv", "cut.csv.again"}
    assert outside.read_text() == "secret"

    again = requeue(host, tmp_path)
    assert (again.outcome, again.changed) == (Outcome.REPAIRED, 0), again
