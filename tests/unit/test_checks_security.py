"""Kinds ``baseline``, ``ports`` and ``logs`` against a real sshd, and their judgement as tables."""

from __future__ import annotations

import asyncio
import gzip
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from checks import baseline, logs, ports
from checks.baseline_items import (
    Item,
    Outcome,
    judge,
    read_accounts,
    read_assignments,
    read_sshd,
    read_sshd_config,
)
from checks.baseline_items import baseline as shipped
from checks.check import Check
from checks.kinds import KINDS
from checks.result import Measurement, Status
from checks.ssh_facts import Unreadable
from checks.ssh_pool import POOL
from inventory.errors import Mark
from inventory.model import Confirm, Host, Ssh
from tests.fakes.sshd import SSHD, Sshd, sshd

pytestmark = pytest.mark.skipif(SSHD is None, reason="no sshd here")
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC).timestamp()
DAY = 86400.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running
        POOL.close()


def host_of(server: Sshd) -> Host:
    ssh = Ssh(user=server.user, port=server.port, key=str(server.key), host_key=server.host_key)
    return Host(id="box", center="cloud", address="127.0.0.1", ssh=ssh, mark=Mark(Path("hosts.yml"), 1))


def ask(server: Sshd, kind: str, **params: Any) -> Measurement:
    made = KINDS[kind].params.model_validate(params)
    asked = Check("box/x", "host:box", kind, made, ("cloud",), 60.0, 50.0, Confirm(m=1, n=1), host_of(server), "cloud")

    async def once() -> Measurement:
        return await KINDS[kind].probe(asked)

    return asyncio.run(once())


# --- baseline


@pytest.mark.skipif(os.geteuid() != 0, reason="sshd -T reads the host keys")
def test_the_settings_in_effect_of_a_real_sshd(server: Sshd) -> None:
    seen = ask(server, "baseline", level=3, config=str(server.folder / "sshd_config"))
    assert seen.evidence.get("ssh-empty-passwords") == "holds: no", seen
    assert str(seen.evidence["ssh-root-login"]).startswith("holds: ")
    assert str(seen.evidence["ssh-idle"]) == "fails: 0", "a default that nobody wrote down"
    assert seen.evidence["account-uid0"] == "holds: root"
    assert seen.status is Status.DEGRADED and "ssh-idle (0)" in seen.sentence
    assert len(seen.evidence) == len(shipped().items)


def test_a_configuration_that_nobody_can_test_leaves_its_items_unknown(server: Sshd) -> None:
    seen = ask(server, "baseline", level=1, config="/nowhere/sshd_config")
    assert seen.evidence["ssh-attempts"] == "unknown: "
    assert seen.status is not Status.OK


def test_a_path_is_never_run(server: Sshd, tmp_path: Path) -> None:
    for spelt in (f"/x; touch {tmp_path}/owned", f"/$(touch {tmp_path}/owned)", f"/'; touch {tmp_path}/owned; '"):
        ask(server, "baseline", config=spelt)
        for question in ("retention", "failed-logins"):
            ask(server, "logs", ask=question, path=spelt)
    assert not (tmp_path / "owned").exists()


SOUND = {
    "sshd": {
        "permitrootlogin": "without-password",
        "permitemptypasswords": "no",
        "hostbasedauthentication": "no",
        "maxauthtries": "4",
        "logingracetime": "60",
        "clientaliveinterval": "300",
        "ciphers": "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com",
        "macs": "hmac-sha2-512-etm@openssh.com",
        "loglevel": "VERBOSE",
        "x11forwarding": "no",
    },
    "accounts": {"uid0": "root"},
    "login_defs": {"pass_max_days": "90"},
    "pwquality": {"minlen": "10"},
    "faillock": {"deny": "5"},
}


def outcome(changes: dict[str, dict[str, str]], level: int = 4) -> Measurement:
    facts = {source: settings | changes.get(source, {}) for source, settings in SOUND.items()}
    params = baseline.Params(level=level)
    return baseline.measured(params, judge(shipped().items, level, facts))


def test_a_sound_host_holds_every_item() -> None:
    seen = outcome({})
    assert seen.status is Status.OK and seen.sentence == f"all {len(shipped().items)} settings of level 4 hold"


@pytest.mark.parametrize(
    ("source", "key", "value"),
    [
        ("sshd", "permitrootlogin", "yes"),
        ("sshd", "maxauthtries", "100"),
        ("sshd", "clientaliveinterval", "0"),
        ("sshd", "ciphers", "aes256-ctr,3des-cbc"),
        ("sshd", "macs", "hmac-md5"),
        ("sshd", "loglevel", "QUIET"),
        ("accounts", "uid0", "root,toor"),
        ("login_defs", "pass_max_days", "99999"),
        ("pwquality", "minlen", "6"),
        ("faillock", "deny", "0"),
    ],
)
def test_one_wrong_setting_is_named(source: str, key: str, value: str) -> None:
    seen = outcome({source: {key: value}})
    assert (seen.status, seen.value) == (Status.DEGRADED, 1)
    assert value in seen.sentence


def test_a_lower_level_asks_less_and_nothing_to_ask_is_not_fine() -> None:
    assert outcome({"sshd": {"x11forwarding": "yes"}}, level=2).status is Status.OK
    assert outcome({"sshd": {"x11forwarding": "yes"}}, level=3).status is Status.DEGRADED
    assert baseline.measured(baseline.Params(level=1), judge([], 1, SOUND)).status is Status.UNKNOWN


def test_what_could_not_be_read_is_unknown_and_never_fine() -> None:
    found = judge(shipped().items, 4, {})
    assert {one.outcome for one in found} == {Outcome.UNKNOWN}
    assert baseline.measured(baseline.Params(level=4), found).status is Status.UNKNOWN
    assert outcome({"sshd": {"maxauthtries": "many"}}).status is Status.UNKNOWN


def test_the_data_claims_nothing() -> None:
    assert "GB/T 22239" in shipped().edition
    assert len({item.id for item in shipped().items}) == len(shipped().items)
    words = str(shipped().model_dump()).lower()
    assert "certif" not in words and "合规" not in words and "通过测评" not in words
    with pytest.raises(ValidationError, match="could never fail"):
        Item.model_validate(shipped().items[0].model_dump() | {"allow": ()})


@pytest.mark.parametrize(
    ("read", "text", "expected"),
    [
        (read_sshd, "port 22\nciphers a,b\n", {"port": "22", "ciphers": "a,b"}),
        (read_sshd_config, "# UsePAM yes\nUsePAM no\nUsePAM yes\n", {"usepam": "no"}),
        (read_sshd_config, "Include x\nPermitRootLogin no\n", {}),
        (read_sshd_config, "X11Forwarding=yes\nMatch User a\nPermitRootLogin no\n", {"x11forwarding": "yes"}),
        (read_assignments, "# minlen = 9\nminlen = 8\n\nrubbish\n", {"minlen": "8"}),
        (read_accounts, "root:x:0:0::/:sh\ntoor:x:0:0::/:sh\nops:x:7:7::/:sh\n", {"uid0": "root,toor"}),
        (read_accounts, "<html>", {}),
        (read_sshd, "\x00\xff" * 50, {}),
    ],
)
def test_reading_settings(read: Any, text: str, expected: dict[str, str]) -> None:
    assert read(text) == expected


# --- ports


def test_a_port_that_nobody_knows_of_is_drift(server: Sshd) -> None:
    known = ask(server, "ports", expected=[server.port])
    others = {int(port) for port in str(known.evidence["unexpected"]).split(",") if port.strip().isdecimal()}
    with socket.create_server(("0.0.0.0", 0)) as stranger, socket.create_server(("127.0.0.1", 0)) as private:
        port, hidden = stranger.getsockname()[1], private.getsockname()[1]
        seen = ask(server, "ports", expected=[server.port, *others])
        assert seen.status is Status.DEGRADED and f"listens on {port}, which" in seen.sentence
        assert str(hidden) not in str(seen.evidence["listening"])
        assert ask(server, "ports", expected=[server.port, port, *others]).status is Status.OK


ROW = "   0: {address}:{port} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0"


@pytest.mark.parametrize(
    ("address", "port", "found"),
    [
        ("00000000", "0016", {22}),
        ("0100007F", "1F90", set()),
        ("0101A8C0", "1F90", {8080}),
        ("00000000000000000000000000000000", "0016", {22}),
        ("00000000000000000000000001000000", "0016", set()),
        ("0000000000000000FFFF00000100007F", "0016", set()),
        ("0000000000000000FFFF00000101A8C0", "0016", {22}),
    ],
)
def test_the_kernels_table(address: str, port: str, found: set[int]) -> None:
    assert ports.read_listening(ROW.format(address=address, port=port)) == found


@pytest.mark.parametrize("text", ["", "<html>", ROW.format(address="0", port="0016"), "\x1b[2J 0A "])
def test_no_table_is_no_answer(text: str) -> None:
    with pytest.raises(Unreadable):
        ports.read_listening(text)


def test_what_is_missing_counts_only_where_asked() -> None:
    assert ports.judge([22, 80], [22], missing=False).status is Status.OK
    assert ports.judge([22, 80], [22], missing=True).sentence == "does not listen on 80"


# --- logs


def iso(days_ago: float) -> str:
    return datetime.fromtimestamp(time.time() - days_ago * DAY, UTC).isoformat()


def test_the_oldest_line_counts_and_not_the_number_of_files(server: Sshd, tmp_path: Path) -> None:
    log = tmp_path / "auth.log"
    log.write_text(f"{iso(1)} box sshd[1]: hello\n")
    (tmp_path / "auth.log.1").write_text(f"{iso(20)} box sshd[1]: hello\n")
    with gzip.open(tmp_path / "auth.log.2.gz", "wt") as packed:
        packed.write(f"{iso(200)} box sshd[1]: hello\n{iso(40)} box sshd[1]: hello\n")
    for name, days in (("auth.log.1", 5.0), ("auth.log.2.gz", 30.0)):
        os.utime(tmp_path / name, (time.time() - days * DAY,) * 2)
    seen = ask(server, "logs", ask="retention", path=str(log))
    assert seen.status is Status.OK and "is 200 days old" in seen.sentence
    (tmp_path / "auth.log.2.gz").unlink()
    seen = ask(server, "logs", ask="retention", path=str(log))
    assert seen.status is Status.DEGRADED and "is 20 days old, wanted at least 184" in seen.sentence
    log.unlink()
    (tmp_path / "auth.log.1").unlink()
    assert ask(server, "logs", ask="retention", path=str(log)).status is Status.DOWN


def test_an_empty_or_unreadable_log_is_unknown(server: Sshd, tmp_path: Path) -> None:
    log = tmp_path / "auth.log"
    log.write_text("")
    assert "is empty" in ask(server, "logs", ask="retention", path=str(log)).sentence
    log.write_bytes(b"\x00\xff\x1b[2J" * 9000)
    seen = ask(server, "logs", ask="retention", path=str(log))
    assert seen.status is Status.UNKNOWN and "holds no time" in seen.sentence and "\x1b" not in seen.sentence
    assert ask(server, "logs", ask="failed-logins", path=str(tmp_path / "none")).status is Status.UNKNOWN


def test_real_failed_logins_are_a_burst(server: Sshd, tmp_path: Path) -> None:
    before = (server.folder / "sshd.log").read_text().splitlines()
    for number in range(6):
        options = ["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "IdentityAgent=none"]
        options += ["-o", f"UserKnownHostsFile={tmp_path}/known", "-o", "IdentitiesOnly=yes", "-i", "/dev/null"]
        argv = ["ssh", *options, "-p", str(server.port), f"guess{number}@127.0.0.1", "true"]
        assert subprocess.run(argv, capture_output=True, timeout=20, check=False).returncode != 0
    said = (server.folder / "sshd.log").read_text().splitlines()[len(before) :]
    stamp = datetime.now(UTC).isoformat(timespec="seconds")
    log = tmp_path / "auth.log"
    log.write_text("".join(f"{stamp} box sshd[1]: {line}\n" for line in said))  # as rsyslog writes them
    seen = ask(server, "logs", ask="failed-logins", path=str(log), failures=6, within="10m")
    assert seen.status is Status.DEGRADED and "most from 127.0.0.1" in seen.sentence
    assert ask(server, "logs", ask="failed-logins", path=str(log), failures=500).status is Status.OK


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2026-11-25T11:59:00+00:00 box x", NOW - 60),
        ("2026-11-25T19:59:00.123456+08:00 box x", NOW - 60),
        ("2026-11-25 11:59:00,123 x", NOW - 60),
        ("[2026-11-25T11:59:00Z] x", NOW - 60),
        ("Nov 25 11:59:00 box sshd[1]: x", NOW - 60),
        ("Nov  5 12:00:00 box x", NOW - 20 * DAY),
        ("Dec 25 12:00:00 box x", datetime(2025, 12, 25, 12, tzinfo=UTC).timestamp()),
        ("Feb 29 12:00:00 box x", datetime(2024, 2, 29, 12, tzinfo=UTC).timestamp()),
        ('10.0.0.1 - - [25/Nov/2026:19:59:00 +0800] "GET /', NOW - 60),
        ("2026-13-45T99:00:00 x", None),
        ("Foo 25 11:59:00 box x", None),
        ("no time", None),
        ("", None),
    ],
)
def test_times_as_logs_write_them(line: str, expected: float | None) -> None:
    assert logs.moment(line, NOW) == (None if expected is None else pytest.approx(expected, abs=1))


def test_only_recent_failures_count_and_those_from_the_future_do_not() -> None:
    params = logs.Params(ask="failed-logins", failures=2, within="10m")
    lines = [f"{datetime.fromtimestamp(NOW - ago, UTC).isoformat()} Invalid user a from 10.0.0.{n} port 1"
             for n, ago in enumerate((5, 700, -3600))]  # fmt: skip
    seen = logs.judge_failures(params, NOW, lines)
    assert (seen.status, seen.value) == (Status.OK, 1)
    assert logs.judge_failures(params, NOW, [lines[0]] * 2).status is Status.DEGRADED
