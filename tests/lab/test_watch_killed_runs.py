"""What becomes of a runbook's run when the watch ends in the middle of it: by SIGTERM, and by kill -9.

The runbook restarts a real service under runit, over a real OpenSSH server; the service takes ten seconds to be ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runbooks import guard
from tests.fakes import runit
from tests.fakes.sshd import SSHD, sshd
from tests.lab.http_targets import Target, check, targets, write_estate
from tests.lab.watch_process import Watch, until, watching

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not (SSHD and runit.RUNSVDIR), reason="needs Debian's openssh-server and runit"),
]
STUBBORN = "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n"
WEB = "component:desk/web@main"


@dataclass
class Desk:
    """A watch, a web server that it asks, and the service that it may restart when that does not answer."""

    watch: Watch
    web: Target
    services: Path

    def begin_run(self) -> dict[str, Any]:
        """Break the web server and wait until the restart of its service is under way on the host; its record."""
        until(lambda: self.watch.status(WEB) == "ok", "the web server is known to work", self.watch)
        self.web.up = False
        until(lambda: self.on_host("force-restart"), "the runbook restarts the service", self.watch)
        (run,) = self.records("run")
        assert run["running"] is True
        assert len(at_work(run)) >= 3, "the guard, ansible-runner, ansible"
        return run

    def records(self, kind: str) -> list[dict[str, Any]]:
        store = self.watch.opened()
        try:
            return store.records(kind)
        finally:
            store.close()

    def on_host(self, word: str) -> set[int]:
        """The processes that work on this host's services and have this word in their command line."""
        return {pid for pid, line in _command_lines() if str(self.services) in line and word in line.split()}

    def scratch(self, run: dict[str, Any]) -> Path:
        """The folder that the guard of a run deletes when it is over."""
        for pid in at_work(run):
            argv = _argv(pid)
            if "runbooks.guard" in argv:
                return Path(argv[argv.index("runbooks.guard") + 2])
        raise AssertionError("the run has no guard")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    (tmp_path / "sshd").mkdir()
    with (
        targets("web", "steady") as served,
        sshd(tmp_path / "sshd") as server,
        runit.services(tmp_path / "sv", {"web": STUBBORN}) as services,
    ):
        box = {
            "center": "main",
            "address": "127.0.0.1",
            "services": ["web"],
            "services_dir": str(services),
            "ssh": {"user": server.user, "port": server.port, "key": str(server.key), "host_key": server.host_key},
            "checks": [{"id": "login", "kind": "ssh", "ask": "login", "interval": "3s", "timeout": "3s"}],
        }
        components = {name: [check(target, "1s", "1/1")] for name, target in served.items()}
        estate = write_estate(tmp_path / "estate", {"box": box}, components)
        with watching(tmp_path, estate) as watch:
            watch.start()
            yield Desk(watch, served["web"], services)


def at_work(run: dict[str, Any]) -> set[int]:
    """The processes of a run on the desk."""
    return guard.marked(f"TRICENTER_RUN={run['id']}")


def _command_lines() -> Iterator[tuple[int, str]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (argv := _argv(int(entry.name))):
            yield int(entry.name), " ".join(argv)


def _argv(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def test_sigterm_ends_an_idle_watch_with_0_and_leaves_no_child(desk: Desk) -> None:
    until(lambda: desk.watch.status(WEB) == "ok", "the web server is known to work", desk.watch)
    assert desk.watch.end() == 0
    assert guard.marked(desk.watch.marker) == set()
    assert "Traceback" not in desk.watch.log


def test_sigterm_cancels_the_run_under_way_and_leaves_no_child(desk: Desk) -> None:
    run = desk.begin_run()
    scratch = desk.scratch(run)
    assert desk.watch.end() == 0
    assert guard.marked(desk.watch.marker) == at_work(run) == set()
    assert not scratch.exists()
    (ended,) = desk.records("run")
    assert (ended["id"], ended["running"], ended["outcome"]) == (run["id"], False, "canceled")
    assert "Traceback" not in desk.watch.log
    until(lambda: not desk.on_host("sv"), "nothing works on the host's service any more", desk.watch)


def test_a_run_whose_watch_was_killed_leaves_nothing_and_is_called_unknown(desk: Desk) -> None:
    run = desk.begin_run()
    scratch = desk.scratch(run)
    desk.watch.kill()
    until(lambda: not at_work(run), "the run's processes are gone", desk.watch)
    until(lambda: not scratch.exists(), "its scratch folder is gone", desk.watch)
    until(lambda: not desk.on_host("sv"), "nothing works on the host's service any more", desk.watch)
    desk.watch.examine()
    assert [one["running"] for one in desk.records("run")] == [True]

    desk.watch.start()
    until(desk.watch.alive, "the watch lives again", desk.watch)
    (known,) = desk.records("run")
    assert (known["id"], known["running"], known["outcome"]) == (run["id"], False, "unknown")
    assert known["sentence"] == "the watch ended during this run"

    def waits() -> bool:
        """Nobody knows how far that run came: it counts as one, and the next waits its time."""
        return any(one["because"]["code"] == "runbook.cool_down" for one in desk.records("decision"))

    until(waits, "the watch decides not to run it again yet", desk.watch)
    desk.web.up = True
    until(lambda: desk.watch.status(WEB) == "ok", "the web server is known to work again", desk.watch)
    assert len(desk.records("run")) == 1
    assert desk.watch.ask("SELECT count(*) FROM incidents") == 1
    assert desk.watch.ask("SELECT count(*) FROM incidents WHERE closed IS NULL") == 0
    assert desk.watch.end() == 0
    assert any(Path(run["artifacts"]).iterdir()), "what Ansible wrote is kept to be looked at"
