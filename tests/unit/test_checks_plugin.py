"""Kind ``plugin``: real executables, some of them hostile."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from checks import plugin
from checks.check import Check
from checks.plugin import Params
from checks.result import Measurement, Status
from checks.ssh_pool import POOL
from inventory.model import Confirm, Host
from tests.fakes.ssh_server import SshServer


def ask(*command: str, host: Host | None = None, over: str = "local", timeout: float = 5.0) -> Measurement:
    check = Check(
        id="host/cloud-app/plugin",
        subject="host:cloud-app",
        kind="plugin",
        params=Params(**{"command": command, "over": over}),
        vantages=("cloud",),
        interval=30.0,
        timeout=timeout,
        confirm=Confirm(m=2, n=3),
        host=host,
        center="cloud",
    )
    return asyncio.run(plugin.probe(check))


def sh(script: str, **options: Any) -> Measurement:
    return ask("/bin/sh", "-c", script, **options)


@pytest.mark.parametrize(
    ("code", "status"), [(0, Status.OK), (1, Status.DEGRADED), (2, Status.DOWN), (3, Status.UNKNOWN)]
)
def test_the_exit_code_decides(code: int, status: Status) -> None:
    seen = sh(f"echo 'QUEUE - 12 mails | waiting=12;50;100 age=3s'; exit {code}")
    assert (seen.status, seen.sentence, seen.value) == (status, "QUEUE - 12 mails", 12.0)
    assert seen.evidence == {"plugin": "sh", "measured": "waiting"}


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 4", "ended with 4, which means nothing: sh said nothing"),
        ("no-such-command", "ended with 127, which means nothing: /bin/sh: 1: no-such-command: not found"),
        ("kill -9 $$", "was ended by a signal"),
    ],
)
def test_every_other_end_is_unknown(script: str, said: str) -> None:
    seen = sh(script)
    assert seen.status is Status.UNKNOWN
    assert said in seen.sentence


def test_a_program_that_is_not_there_or_not_a_program(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    assert "cannot be run: No such file" in ask("/nowhere/check_x").sentence
    assert "cannot be run: Permission denied" in ask(str(tmp_path / "text")).sentence


def test_the_whole_group_ends_at_the_deadline(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    seen = sh(f"sleep 60 & echo $! > {pids}; echo $$ >> {pids}; wait", timeout=0.4)
    assert (seen.status, seen.sentence) == (Status.UNKNOWN, "sh did not end within 0.4 s")
    assert not [pid for pid in pids.read_text().split() if alive(int(pid))]


def test_a_child_left_behind_neither_delays_for_ever_nor_survives(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    seen = sh(f"sleep 60 & echo $! > {pid}; echo fine")
    assert (seen.status, seen.sentence) == (Status.OK, "fine")
    assert not alive(int(pid.read_text()))


def test_a_canceled_check_leaves_no_process(tmp_path: Path) -> None:
    pid = tmp_path / "pid"

    async def cancel() -> None:
        params = Params(command=("/bin/sh", "-c", f"echo $$ > {pid}.new; mv {pid}.new {pid}; sleep 60"))
        check = Check("x", "host:x", "plugin", params, ("cloud",), 30.0, 20.0, Confirm(m=1, n=1), None, None)
        task = asyncio.create_task(plugin.probe(check))
        while not pid.exists():
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(cancel())
    assert not alive(int(pid.read_text()))


def alive(pid: int) -> bool:
    """Whether the process still runs; a moment is given to whoever adopts it, a zombie counts as dead."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return False
        except (FileNotFoundError, ProcessLookupError):
            return False
        time.sleep(0.01)
    return True


def test_output_without_end_is_cut_and_the_program_ended() -> None:
    seen = ask("/usr/bin/yes", "\x1b[31m<script>{{ x }}")
    assert seen.status is Status.UNKNOWN
    assert seen.sentence.startswith("yes wrote more than 65536 bytes: <script>{{ x }}")
    assert len(seen.sentence) < 200


def test_what_a_plugin_says_is_text(tmp_path: Path) -> None:
    hostile = "\x1b[2J{{ lookup('pipe', 'touch owned') }} <script> $(touch owned) `touch owned`"
    seen = ask(sys.executable, "-c", f"print({hostile!r})")
    assert seen.sentence == "{{ lookup('pipe', 'touch owned') }} <script> $(touch owned) `touch owned`"


def test_arguments_meet_no_shell(tmp_path: Path) -> None:
    owned = tmp_path / "owned"
    seen = ask("/bin/echo", f"; touch {owned}", f"$(touch {owned})")
    assert seen.sentence == f"; touch {owned} $(touch {owned})"
    assert not owned.exists()


def test_our_environment_stays_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    assert "hunter2" not in ask("/usr/bin/env").sentence


def test_over_ssh_arguments_stay_arguments(tmp_path: Path) -> None:
    owned = tmp_path / "owned"
    with SshServer(tmp_path) as server:
        seen = ask("/bin/echo", f"; touch {owned}", "it's", "| n=1", host=server.host(), over="ssh")
        slow = ask("/bin/sleep", "60", host=server.host(), over="ssh", timeout=0.5)
        warning = ask("/bin/sh", "-c", "echo low; exit 1", host=server.host(), over="ssh")
        POOL.close()
    assert (seen.status, seen.sentence, seen.value) == (Status.OK, f"; touch {owned} it's", 1.0)
    assert slow.status is Status.UNKNOWN
    assert warning.status is Status.DEGRADED
    assert not owned.exists()


def test_over_ssh_without_a_host_is_unknown() -> None:
    assert ask("/bin/true", over="ssh").status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("time=0.03s;1;2;0", ("time", 0.03, "s")),
        ("'disk /var'=87%;80;90", ("disk /var", 87.0, "%")),
        ("'it''s'=1c", ("it's", 1.0, "c")),
        ("a=-1.5e3B b=2", ("a", -1500.0, "B")),
        ("a=U", ("", None, "")),
        ("nonsense", ("", None, "")),
        ("", ("", None, "")),
        ("a=nan", ("", None, "")),
        ("'" * 5000 + "=1", ("", None, "")),
    ],
)
def test_performance_data(text: str, read: tuple[str, float | None, str]) -> None:
    assert plugin.read_perfdata(text) == read


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"command": []}, "at least 1"),
        ({"command": ["x\x00y"]}, "pattern"),
        ({"command": "check_x -H host"}, "tuple"),
        ({"command": ["x"], "over": "telnet"}, "local"),
    ],
)
def test_mistakes_in_parameters_are_said(params: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Params(**params)
