"""drain-entry and undrain-entry on a real HAProxy: sessions go elsewhere, and never is the last server taken out."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from checks.result import Status
from runbooks.run_record import Outcome, Run
from tests.fakes.loopback_host import LoopbackHost
from tests.fakes.sshd import SSHD, sshd

HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not (SSHD and HAPROXY), reason="needs Debian's openssh-server and haproxy"),
]


@dataclass
class Entry:
    host: LoopbackHost
    socket: Path

    def say(self, words: str) -> str:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self.socket))
            line.sendall(words.encode() + b"\n")
            return b"".join(iter(lambda: line.recv(65536), b"")).decode()

    def taking(self) -> set[str]:
        """The servers that get sessions, as HAProxy itself counts."""
        head, *rows = self.say("show stat").lstrip("# ").splitlines()
        found = [dict(zip(head.split(","), row.split(","), strict=False)) for row in rows]
        return {row["svname"] for row in found if row.get("pxname") == "web" and row["status"] == "UP"} - {"BACKEND"}

    def run(self, name: str, server: str, check_mode: bool = False) -> Run:
        given = {"socket": str(self.socket), "backend": "web", "server": server, "patience": "2s"}

        def verify() -> Status:
            takes = server in self.taking()
            return Status.OK if takes == (name == "undrain-entry") else Status.DOWN

        return self.host.run(name, given, verify, check_mode=check_mode)


@pytest.fixture
def entry(tmp_path: Path) -> Iterator[Entry]:
    with ExitStack() as stack:
        (tmp_path / "sshd").mkdir()
        server = stack.enter_context(sshd(tmp_path / "sshd"))
        short = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ha-", dir="/tmp")))
        ports = [stack.enter_context(listener()) for _ in range(2)]
        config = [
            "global",
            f"  stats socket {short}/admin.sock level admin",
            "defaults",
            "  mode tcp",
            "  timeout connect 1s",
            "  timeout client 10s",
            "  timeout server 10s",
            "listen web",
            f"  bind unix@{short}/web.sock",
            *(f"  server s{at} 127.0.0.1:{port} check inter 200ms" for at, port in enumerate(ports, 1)),
        ]
        (short / "haproxy.cfg").write_text("\n".join(config) + "\n")
        assert HAPROXY is not None
        process = subprocess.Popen([HAPROXY, "-db", "-f", short / "haproxy.cfg"], stderr=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.terminate)
        found = Entry(LoopbackHost(server, tmp_path / "var"), short / "admin.sock")
        until_there(found)
        yield found


def until_there(entry: Entry) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if entry.taking() == {"s1", "s2"}:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError("HAProxy did not start")


@contextmanager
def listener() -> Iterator[int]:
    """A port whose connections the kernel accepts."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as found:
        yield int(found.getsockname()[1])


def test_a_server_is_taken_out_and_put_back(entry: Entry) -> None:
    rehearsed = entry.run("drain-entry", "s1", check_mode=True)
    assert (rehearsed.outcome, entry.taking()) == (Outcome.CHECKED, {"s1", "s2"}), rehearsed
    assert "would set web/s1 to drain" in rehearsed.sentence
    drained = entry.run("drain-entry", "s1")
    assert (drained.outcome, drained.changed, entry.taking()) == (Outcome.REPAIRED, 1, {"s2"}), drained
    again = entry.run("drain-entry", "s1")
    assert (again.outcome, again.changed) == (Outcome.REPAIRED, 0), again
    back = entry.run("undrain-entry", "s1")
    assert (back.outcome, entry.taking()) == (Outcome.REPAIRED, {"s1", "s2"}), back


def test_the_last_server_is_never_taken_out(entry: Entry) -> None:
    entry.say("set server web/s2 state maint")
    found = entry.run("drain-entry", "s1")
    assert (found.outcome, entry.taking()) == (Outcome.FAILED, {"s1"}), found
    assert "last that takes sessions" in found.sentence


def test_a_server_that_nobody_knows_changes_nothing(entry: Entry) -> None:
    found = entry.run("drain-entry", "s9")
    assert (found.outcome, entry.taking()) == (Outcome.FAILED, {"s1", "s2"}), found
    assert "knows no server s9" in found.sentence
