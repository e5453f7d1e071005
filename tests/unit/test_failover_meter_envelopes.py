"""Numbered envelopes: what a courier learns of each, which lie complete in an inbox, and what it may be told."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failover.meter.agent.clock import NS, Clock
from failover.meter.agent.envelopes import Courier, command, complete, know, waiting
from failover.meter.agent.files import Log
from failover.meter.agent.settings import Channel, Front, Inbox, Unfit
from failover.meter.agent.settings import settings as read_settings
from failover.meter.agent.sftp_wire import Broken, Sftp
from tests.fakes.ssh_program import SERVER, install

RUN, VANTAGE = "20260101T000000Z-drill-0001", "provinces"
KEY = "ssh-ed25519 AAAA"


def inbox(folder: Path, *, lost: bool = False) -> Inbox:
    return Inbox((Front("cloud-xchg", "10.0.0.1", 22, str(folder / "inbox"), KEY, lost),), "people", "/keys/people")


@pytest.fixture
def courier(tmp_path: Path) -> Courier:
    channel = Channel("exchange", (), "d", "u", "t", period=NS, timeout=30 * NS, inbox=inbox(tmp_path))
    return Courier(channel, RUN, VANTAGE, lambda: 3, Clock(), Log(tmp_path / "canaries.jsonl"), folder=tmp_path)


@pytest.mark.skipif(SERVER is None, reason="needs OpenSSH's SFTP server")
@pytest.mark.parametrize(
    ("fault", "fate", "there"),
    [("", "acked", True), ("refuse", "rejected", False), ("lost-word", "unknown", True), ("die", "unknown", False)],
)
def test_the_last_rename_decides_what_became_of_an_envelope(
    tmp_path: Path, courier: Courier, monkeypatch: pytest.MonkeyPatch, fault: str, fate: str, there: bool
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    install(tmp_path, fault)
    courier.write()
    courier.hang_up()
    begun, done = (json.loads(line) for line in (tmp_path / "canaries.jsonl").read_text().splitlines())
    assert (begun["ch"], begun["n"], begun["ep"]) == ("exchange", 1, 3)
    assert (done["r"], done["c"], done["e"]) == (fate, "cloud-xchg", 0)
    install(tmp_path, "")
    assert waiting(inbox(tmp_path), RUN, VANTAGE, tmp_path, courier.clock.mono_ns() / NS + 30) == (
        {1} if there else set()
    )


@pytest.mark.skipif(SERVER is None, reason="needs OpenSSH's SFTP server")
def test_an_envelope_is_a_batch_as_partners_deliver_it(
    tmp_path: Path, courier: Courier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    install(tmp_path, "")
    for _ in range(2):
        courier.write()
    courier.hang_up()
    name = f"{RUN}~{VANTAGE}~3~2.csv"
    names = {f"{RUN}~{VANTAGE}~3~{seq}.csv{end}" for seq in (1, 2) for end in ("", ".ok")}
    assert {one.name for one in (tmp_path / "inbox").iterdir()} == names, "nothing half done stays"
    content = (tmp_path / "inbox" / name).read_bytes()
    assert content == f"{RUN},{VANTAGE},3,2\n".encode()
    said = (tmp_path / "inbox" / f"{name}.ok").read_text()
    assert said == f"{hashlib.sha256(content).hexdigest()} 1 {len(content)}\n"


@pytest.mark.parametrize(("program", "why"), [(("echo", "Welcome, friend"), "SFTP|gone"), (("sleep", "9"), "in time")])
def test_what_is_no_server_is_given_up(program: tuple[str, ...], why: str) -> None:
    patience = 30 if program[0] == "echo" else -1
    with pytest.raises(Broken, match=why):
        Sftp.open(program, time.monotonic() + patience)


def test_nothing_left_without_a_session(tmp_path: Path, courier: Courier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    courier.write()
    assert courier.counts.rejected == 1
    assert "no session" in (tmp_path / "canaries.jsonl").read_text()


def test_what_lies_at_a_lost_front_end_nobody_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert waiting(inbox(tmp_path, lost=True), RUN, VANTAGE, tmp_path, 0) == frozenset()
    with pytest.raises(Broken):
        waiting(inbox(tmp_path), RUN, VANTAGE, tmp_path, 0)


@settings(max_examples=80, deadline=None)
@given(st.sets(st.integers(1, 99)), st.sets(st.integers(1, 99)), st.lists(st.text(max_size=20), max_size=5))
def test_only_whole_envelopes_of_the_run_count(data: set[int], manifests: set[int], other: list[str]) -> None:
    ours = f"{RUN}~{VANTAGE}~3~"
    names = [f"{ours}{seq}.csv" for seq in data] + [f"{ours}{seq}.csv.ok" for seq in manifests]
    strange = [f"{end}{name}" for name in names for end in ("x", "../")] + [f"{name}.part" for name in names]
    elsewhere = [name.replace("0001~", "0002~") for name in names] + [f"{name}" for name in other]
    assert complete([*names, *strange, *elsewhere], RUN, VANTAGE) == data & manifests


def test_the_client_asks_nobody_and_trusts_one_key(tmp_path: Path) -> None:
    front = Front("x", "10.0.0.1", 2222, "/in", KEY)
    told = command(Inbox((front,), "people", "/keys/people"), front, tmp_path)
    assert told[:3] == ("ssh", "-F", "none") and told[-3:] == ("--", "10.0.0.1", "sftp")
    for option in ("BatchMode=yes", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={tmp_path}/known_hosts"):
        assert told[told.index(option) - 1] == "-o"
    know((Channel("e", (), "d", "u", "t", inbox=Inbox((front,), "people", "/k")),), tmp_path)
    assert (tmp_path / "known_hosts").read_text() == f"[10.0.0.1]:2222 {KEY}\n"


def told(**changed: Any) -> str:
    front = {"id": "x", "host": "10.0.0.1", "port": 22, "folder": "/in", "host_key": KEY, "lost": False}
    box: dict[str, Any] = {"user": "people", "key": "/keys/people", "fronts": [front]}
    box |= {key: value for key, value in changed.items() if key in box}
    box["fronts"] = [one | {key: value for key, value in changed.items() if key in front} for one in box["fronts"]]
    channel = {"name": "exchange", "entries": [["10.0.0.2", 5432]], "database": "d", "user": "u", "table": "t"}
    whole = channel | {"period": changed.get("period", NS), "timeout": NS, "inbox": box}
    probing = {"urls": ["http://10.0.0.3/"], "marker": "m"}
    return json.dumps({"run": "r", "vantage": "v", "epoch": 1, "probing": probing, "channels": [whole]})


def test_a_channel_with_an_inbox_is_read() -> None:
    (found,) = read_settings(told()).channels
    assert found.inbox == Inbox((Front("x", "10.0.0.1", 22, "/in", KEY),), "people", "/keys/people")


@pytest.mark.parametrize(
    "changed",
    [
        {"fronts": []},
        {"host": "-oProxyCommand=x"},
        {"host": "a b"},
        {"port": 0},
        {"folder": "in"},
        {"folder": "/in/%h"},
        {"host_key": ""},
        {"host_key": f"{KEY}\n* {KEY}"},
        {"user": "-l"},
        {"key": "/keys/~ x"},
        {"period": 100_000_000},
        {"lost": False, "surplus": 1, "fronts": [{"id": "x"}]},
    ],
)
def test_what_no_courier_is_told(changed: dict[str, Any]) -> None:
    with pytest.raises(Unfit):
        read_settings(told(**changed))
