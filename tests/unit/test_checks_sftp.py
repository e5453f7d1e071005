"""Kind ``sftp`` against a server that speaks the protocol; names and manifests are the partner's, so hostile."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from checks import sftp
from checks.check import Check
from checks.result import Measurement, Status
from checks.sftp import Folder, Params
from checks.ssh_pool import POOL
from checks.ssh_target import Entry
from inventory.model import Confirm
from tests.fakes.ssh_server import SshServer, frozen_listener

NOW = 1_800_000_000.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    with SshServer(tmp_path) as running:
        yield running
        POOL.close()


def ask(server: SshServer, host: dict[str, Any] | None = None, timeout: float = 5.0, **params: Any) -> Measurement:
    check = Check(
        id="province/110000/cloud-xchg/batch",
        subject="province:110000",
        kind="sftp",
        params=Params(**({"path": "/in"} | params)),
        vantages=("cloud",),
        interval=30.0,
        timeout=timeout,
        confirm=Confirm(m=2, n=3),
        host=server.host(**(host or {})),
        center="cloud",
    )
    return asyncio.run(sftp.probe(check))


def deliver(server: SshServer, name: str | bytes, content: bytes = b"a\nb\n", age: float = 0.0, **lies: Any) -> Path:
    """A batch and its manifest; ``lies`` replaces words of the manifest, ``manifest=None`` leaves it away."""
    folder = server.folder / "files" / "in"
    folder.mkdir(exist_ok=True)
    path = folder / os.fsdecode(name)
    path.write_bytes(content)
    told = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "records": content.count(b"\n"),
        "bytes": len(content),
    } | lies
    if told.get("manifest", "") is not None:
        text = told.get("manifest") or f"{told['sha256']} {told['records']} {told['bytes']}\n"
        path.with_name(path.name + ".ok").write_text(str(text))
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def test_a_fresh_complete_batch_is_ok(server: SshServer) -> None:
    deliver(server, "old.csv", age=500)
    deliver(server, "new.csv", age=5)
    seen = ask(server, fresh="1m", backlog=5)
    assert seen.status is Status.OK
    assert seen.evidence["newest"] == "new.csv"
    assert 4 <= (seen.value or 0) <= 60


def test_a_silent_partner_is_down(server: SshServer) -> None:
    deliver(server, "old.csv", age=500)
    seen = ask(server, fresh="5m")
    assert seen.status is Status.DOWN
    assert "expected within 300 s" in seen.sentence


def test_an_empty_folder_and_a_missing_one_are_down(server: SshServer) -> None:
    assert "does not exist" in ask(server, fresh="5m").sentence
    (server.folder / "files" / "in").mkdir()
    seen = ask(server, fresh="5m")
    assert (seen.status, seen.sentence) == (Status.DOWN, "no batch at all")


def test_a_growing_backlog_is_degraded(server: SshServer) -> None:
    for number in range(4):
        deliver(server, f"{number}.csv")
    assert ask(server, backlog=3).status is Status.DEGRADED
    assert ask(server, backlog=4).status is Status.OK


@pytest.mark.parametrize(
    ("lies", "said"),
    [
        ({"manifest": None}, "has no manifest"),
        ({"manifest": "{{ lookup('pipe', 'touch owned') }}"}, "has a manifest that is not"),
        ({"manifest": "x" * 5000}, "has a manifest that is not"),
        ({"bytes": 99}, "has 4 bytes, its manifest says 99"),
        ({"sha256": "0" * 64}, "the SHA-256 differs"),
    ],
)
def test_a_batch_that_is_not_what_it_says_is_degraded(server: SshServer, lies: dict[str, Any], said: str) -> None:
    deliver(server, "batch.csv", age=90, **lies)
    seen = ask(server)
    assert seen.status is Status.DEGRADED
    assert said in seen.sentence


def test_a_batch_on_its_way_is_given_time(server: SshServer) -> None:
    deliver(server, "whole.csv", age=60)
    deliver(server, "arriving.csv", age=1, manifest=None)
    deliver(server, "arriving-too.csv.part", manifest=None, age=500)
    seen = ask(server, fresh="5m")
    assert seen.status is Status.OK
    assert seen.evidence["newest"] == "whole.csv"


def test_a_time_in_the_future_does_not_make_a_partner_fresh(server: SshServer) -> None:
    deliver(server, "old.csv", age=500)
    deliver(server, "liar.csv", age=-100_000)
    seen = ask(server, fresh="5m")
    assert seen.status is Status.DOWN
    assert "in the future" in seen.sentence


@pytest.mark.parametrize(
    "name",
    [
        "; touch owned",
        "{{ lookup('pipe', 'touch owned') }}",
        "<script>alert(1)<",
        "\x1b[2J\x1b[31mred",
        "民政\u202evsc",
        b"\xc7\xeb\xbc\xd2.csv",  # GBK, not UTF-8
        "-rf",
        "%s%n",
    ],
)
def test_any_name_is_a_name(server: SshServer, name: str | bytes) -> None:
    deliver(server, name, age=90, bytes=99)
    seen = ask(server)
    assert seen.status is Status.DEGRADED
    assert "manifest" in seen.sentence
    assert seen.sentence.isprintable()
    assert not server.commands


def test_the_content_of_a_large_batch_is_not_read(server: SshServer) -> None:
    deliver(server, "large.csv", b"x" * (1024 * 1024 + 1), sha256="0" * 64)
    assert ask(server).status is Status.OK


def test_the_pattern_chooses(server: SshServer) -> None:
    deliver(server, "110000_1.csv", age=5)
    deliver(server, "readme.txt", age=500, manifest=None)
    assert ask(server, pattern="*.csv", backlog=1).status is Status.OK


def test_a_frozen_front_end_says_nothing_of_the_partner(server: SshServer) -> None:
    with frozen_listener() as listener:
        seen = ask(server, {"port": listener.getsockname()[1]}, timeout=0.5, fresh="5m")
    assert seen.status is Status.UNKNOWN
    assert "cannot be asked" in seen.sentence


def batch(name: str, age: float = 0.0, size: int = 4) -> Entry:
    return Entry(name, size, NOW - age)


def test_a_folder_too_large_to_be_seen_whole_is_degraded_and_never_called_stale() -> None:
    params = Params(path="/in", fresh="1m", complete=False)
    findings = sftp.judge(params, Folder([batch("old", 500)], frozenset(), True, {}), NOW)
    assert [finding.status for finding in findings] == [Status.DEGRADED]


def test_a_batch_taken_away_while_we_look_is_no_fault() -> None:
    folder = Folder([batch("gone", 90)], frozenset({"gone"}), False, {"gone": None})
    assert sftp.judge(Params(path="/in"), folder, NOW) == []


def test_many_bad_batches_are_one_sentence() -> None:
    folder = Folder([batch(f"b{number}", 90) for number in range(500)], frozenset(), False, {})
    (finding,) = sftp.judge(Params(path="/in"), folder, NOW)
    assert finding.sentence == "batch b0 has no manifest (.ok) (and 499 more)"


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"path": "in"}, "pattern"),
        ({"path": "/in", "complete": False}, "could never fail"),
        ({"path": "/in", "fresh": 300}, "time with a unit"),
        ({"path": "/in", "backlog": -1}, "greater than or equal to 0"),
        ({"path": "/in", "freshness": "5m"}, "Extra inputs"),
    ],
)
def test_mistakes_in_parameters_are_said(params: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Params(**params)
