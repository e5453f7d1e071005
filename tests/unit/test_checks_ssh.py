"""Kind ``ssh`` against a server that speaks the protocol, and its judgement as tables."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest
from pydantic import ValidationError

from checks import ssh, ssh_pool
from checks.check import Check
from checks.result import Measurement, Status
from checks.ssh_pool import POOL, Pool
from checks.ssh_target import Unasked, Unreached
from inventory.model import Confirm, Host
from tests.fakes.ssh_server import SshServer, frozen_listener, make_key, says, silent


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    with SshServer(tmp_path) as running:
        yield running
        POOL.close()


def check(host: Host | None, timeout: float = 5.0, **params: Any) -> Check:
    return Check(
        id="host/cloud-app/ssh",
        subject="host:cloud-app",
        kind="ssh",
        params=ssh.Params(**params),
        vantages=("cloud",),
        interval=30.0,
        timeout=timeout,
        confirm=Confirm(m=2, n=3),
        host=host,
        center="cloud",
    )


def ask(host: Host | None, timeout: float = 5.0, **params: Any) -> Measurement:
    return asyncio.run(ssh.probe(check(host, timeout, **params)))


def test_login_runs_a_command(server: SshServer) -> None:
    seen = ask(server.host(), ask="login")
    assert seen.status is Status.OK
    assert seen.sentence.startswith("logged in as ops; a command took")
    assert seen.unit == "s"
    assert "timeout -k 1 " in server.commands[0]


def test_disk_of_a_real_folder(server: SshServer) -> None:
    seen = ask(server.host(), ask="disk", path="/", degraded="100%")
    assert seen.status is Status.OK
    assert 0 < (seen.value or 0) < 100
    assert ask(server.host(), ask="disk", path="/", down="0%").status is Status.DOWN


def test_a_path_is_never_run_by_the_remote_shell(server: SshServer, tmp_path: Path) -> None:
    owned = tmp_path / "owned"
    for path in (f"/tmp; touch {owned}", f"/$(touch {owned})", f"/`touch {owned}`", f"/'; touch {owned}; '"):
        for question in ("disk", "file"):
            limit = {"disk": "85%", "file": "10m"}[question]
            assert ask(server.host(), ask=question, path=path, degraded=limit).status is not Status.OK
    assert not owned.exists()


def test_load_of_this_machine(server: SshServer) -> None:
    seen = ask(server.host(), ask="load", degraded=10_000)
    assert seen.status is Status.OK
    assert seen.evidence["cores"]


def test_clock_of_this_machine_is_ours_within_the_error(server: SshServer) -> None:
    seen = ask(server.host(), ask="clock", degraded="2s")
    assert seen.status is Status.OK
    assert seen.value is not None
    assert abs(seen.value) <= float(seen.evidence["error_bound_s"]) + 0.001


def test_clock_that_is_wrong(server: SshServer) -> None:
    server.scripts["date"] = says(b"1000000000.5\n")
    seen = ask(server.host(), ask="clock", degraded="500ms", down="1m")
    assert seen.status is Status.DOWN
    assert "behind of ours" in seen.sentence


def test_age_of_a_file(server: SshServer, tmp_path: Path) -> None:
    path = tmp_path / "it's here; really"
    path.write_text("x")
    assert ask(server.host(), ask="file", path=str(path), down="10m").status is Status.OK
    path.unlink()
    gone = ask(server.host(), ask="file", path=str(path), down="10m")
    assert gone.status is Status.DOWN
    assert gone.sentence.endswith("does not exist")


def test_service_under_runit(server: SshServer) -> None:
    server.services_dir = "/srv/app host/sv"
    server.scripts["sv status"] = says(b"run: /srv/app host/sv/app: (pid 7) 45s\n")
    seen = ask(server.host(), ask="service", service="app", degraded="10s")
    assert (seen.status, seen.sentence, seen.value) == (Status.OK, "service app is running, for 45 s", 45.0)
    assert server.commands[-1].endswith("sv status '/srv/app host/sv/app'")


def test_service_under_systemd(server: SshServer) -> None:
    server.scripts["systemctl is-active -- app"] = says(b"failed\n", code=3)
    seen = ask(server.host(), ask="service", service="app")
    assert (seen.status, seen.sentence) == (Status.DOWN, "service app is failed")


def test_checks_share_one_connection(server: SshServer) -> None:
    async def many() -> list[Measurement]:
        probes = [ssh.probe(check(server.host(), ask="login")) for _ in range(20)]
        return await asyncio.gather(*probes)

    assert {seen.status for seen in asyncio.run(many())} == {Status.OK}
    assert {seen.status for seen in asyncio.run(many())} == {Status.OK}
    assert server.connections == 1


def test_a_connection_that_died_is_opened_again(server: SshServer) -> None:
    assert ask(server.host(), ask="login").status is Status.OK
    server.drop_connections()
    assert ask(server.host(), ask="login").status is Status.OK
    assert server.connections == 2


def test_a_frozen_host_accepts_tcp_and_is_down(server: SshServer) -> None:
    with frozen_listener() as listener:
        host = server.host(port=listener.getsockname()[1])
        login = ask(host, timeout=0.5, ask="login")
        disk = ask(host, timeout=0.5, ask="disk", path="/", degraded="85%")
    assert login.status is Status.DOWN
    assert "accepts TCP but" in login.sentence
    assert "frozen" in login.sentence
    assert disk.status is Status.UNKNOWN


def test_frozen_hosts_do_not_keep_a_healthy_one_from_being_asked(server: SshServer) -> None:
    async def all_of_them(port: int) -> Measurement:
        assert (await ssh.probe(check(server.host(), ask="login"))).status is Status.OK
        frozen = [server.host(port=port, user=f"user-{number}") for number in range(100)]
        stuck = [asyncio.create_task(ssh.probe(check(host, 2.0, ask="login"))) for host in frozen]
        healthy = await ssh.probe(check(server.host(), ask="login"))
        assert not any(task.done() for task in stuck)
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)
        return healthy

    with frozen_listener() as listener:
        assert asyncio.run(all_of_them(listener.getsockname()[1])).status is Status.OK


def test_a_host_that_freezes_under_an_open_connection(server: SshServer) -> None:
    released = threading.Event()
    server.scripts["true"] = silent(released)
    seen = ask(server.host(), timeout=0.5, ask="login")
    released.set()
    assert seen.status is Status.DOWN
    assert "no answer within" in seen.sentence


def test_output_without_end_is_cut(server: SshServer) -> None:
    server.scripts["date"] = says(b"\x1b[31m" + b"9" * 10_000_000)
    seen = ask(server.host(), ask="clock", degraded="1s")
    assert seen.status is Status.UNKNOWN
    assert len(seen.sentence) < 400
    assert "\x1b" not in seen.sentence


def test_much_on_standard_error_does_not_hang(server: SshServer) -> None:
    server.scripts["loadavg"] = says(b"0.5 0.4 0.3 1/2 3\n2\n", err=b"e" * 5_000_000)
    assert ask(server.host(), ask="load", degraded="2").status is Status.UNKNOWN


def test_a_dripping_command_ends_at_the_deadline(server: SshServer) -> None:
    def drip(channel: paramiko.Channel) -> None:
        pause = threading.Event()
        while not pause.wait(0.02):
            channel.sendall(b".")

    server.scripts["true"] = drip
    assert ask(server.host(), timeout=0.6, ask="login").status is Status.DOWN


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"host_key": None}, Status.UNKNOWN, "has no host key of cloud-app"),
        ({"host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAAAAA"}, Status.UNKNOWN, "is no public key"),
        ({"key": None}, Status.UNKNOWN, "names no private key"),
        ({"key": "/nowhere/key"}, Status.UNKNOWN, "cannot be read"),
        ({"user": "stranger"}, Status.DOWN, "refuses the key for user stranger"),
    ],
)
def test_what_keeps_us_out_is_said(server: SshServer, changes: dict[str, Any], status: Status, said: str) -> None:
    seen = ask(server.host(**changes), ask="login")
    assert seen.status is status
    assert said in seen.sentence


def test_another_host_key_is_refused(server: SshServer, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other")
    seen = ask(server.host(host_key=f"{other.get_name()} {other.get_base64()}"), ask="login")
    assert seen.status is Status.DOWN
    assert "another host key" in seen.sentence
    assert not server.commands


def test_nobody_listens(server: SshServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    seen = ask(server.host(port=port), ask="login")
    assert seen.status is Status.DOWN
    assert "no SSH server listens there" in seen.sentence


def test_a_check_without_a_host_is_unknown() -> None:
    assert ask(None, ask="login").status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"ask": "disk", "degraded": "85%"}, "needs a path"),
        ({"ask": "disk", "path": "/"}, "could never fail"),
        ({"ask": "disk", "path": "/", "degraded": 85}, "written like 85%"),
        ({"ask": "disk", "path": "var", "degraded": "85%"}, "pattern"),
        ({"ask": "load", "degraded": "85%"}, "written like 2"),
        ({"ask": "clock", "degraded": "5"}, "is a time"),
        ({"ask": "service"}, "needs the name of the service"),
        ({"ask": "service", "service": "-x; reboot"}, "pattern"),
        ({"ask": "reboot"}, "login"),
        ({"ask": "login", "degraded": True}, "a limit is written"),
        ({"ask": "login", "port": 22}, "Extra inputs"),
    ],
)
def test_mistakes_in_parameters_are_said(params: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ssh.Params(**params)


def test_who_waits_for_a_connection_that_another_check_opens_hears_how_far_it_came(server: SshServer) -> None:
    async def both(host: Host) -> tuple[Measurement, Measurement]:
        first = asyncio.create_task(ssh.probe(check(host, 1.0, ask="login")))
        second = asyncio.create_task(ssh.probe(check(host, 0.3, ask="login")))
        return await asyncio.gather(second, first)

    with frozen_listener() as listener:
        seen = asyncio.run(both(server.host(port=listener.getsockname()[1])))
    assert [each.status for each in seen] == [Status.DOWN, Status.DOWN]
    assert "sends no SSH banner: the host may be frozen (waited 0.3 s)" in seen[0].sentence


def test_a_question_that_found_no_worker_says_nothing_of_its_host(
    server: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_pool, "_CONNECTORS", 1)
    pool = Pool()

    async def two(port: int) -> tuple[object, object]:
        first = pool.ask(server.host(port=port), 0.6, lambda *_: None)
        second = pool.ask(server.host(), 0.3, lambda *_: None)
        return await asyncio.gather(first, second, return_exceptions=True)

    with frozen_listener() as listener:
        stuck, queued = asyncio.run(two(listener.getsockname()[1]))
    pool.close()
    assert isinstance(stuck, Unreached)
    assert isinstance(queued, Unasked)
    assert str(queued) == "all workers were busy with other hosts"


def test_the_longest_unused_connection_gives_way(server: SshServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_pool, "_KEPT", 1)
    monkeypatch.setattr(ssh_pool, "_UNUSED", 0.0)
    copied = server.folder / "copied"
    copied.write_bytes((server.folder / "client").read_bytes())
    one, other = server.host(), server.host(key=str(copied))
    for host in (one, one, other, one):
        assert ask(host, ask="login").status is Status.OK
    assert server.connections == 3
