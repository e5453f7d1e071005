"""``ops watch`` as a process: it says that it lives, how it fares, reads its estate again or keeps the old one."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

import ops
from tests.lab.http_targets import check, targets, write_estate

BOX = {"center": "main", "address": "127.0.0.1", "services": []}


class Standing:
    """A watch under a service manager that listens."""

    def __init__(self, folder: Path, estate: Path) -> None:
        self.folder = folder
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(folder / "notify"))
        self.manager.settimeout(30)
        given = {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "300000"}
        argv = [sys.executable, ops.__file__, "watch", "--estate", str(estate), "--store", f"sqlite:///{folder}/s.db"]
        argv += ["--embedded", "--every", "0.2", "--listen", "127.0.0.1:0"]
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(argv, cwd=folder, env=os.environ | given, stdout=log, stderr=log)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def hears(self, wanted: str) -> str:
        """The next message of the watch that holds this."""
        limit = time.monotonic() + 30
        while time.monotonic() < limit:
            message = self.manager.recv(4096).decode()
            if wanted in message:
                return message
        raise AssertionError(f"never heard {wanted}: {self.log}")

    def asked(self, page: str) -> tuple[int, str]:
        url = until(lambda: re.search(r"on (127.0.0.1:\d+)", self.log), self)
        try:
            with urlopen(f"http://{url[1]}{page}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, name: str) -> float:
        _, text = self.asked("/metrics")
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else float("nan")

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.manager.close()


def until(seen: Callable[[], re.Match[str] | None], standing: Standing) -> re.Match[str]:
    limit = time.monotonic() + 30
    while time.monotonic() < limit and standing.process.poll() is None:
        if found := seen():
            return found
        time.sleep(0.02)
    raise AssertionError(standing.log)


@pytest.fixture
def standing(tmp_path: Path) -> Iterator[Standing]:
    with targets("desk") as found:
        estate = write_estate(tmp_path / "estate", {"box": BOX}, {"desk": [check(found["desk"], "500ms", "1/1")]})
        made = Standing(tmp_path, estate)
        try:
            yield made
        finally:
            made.end()


def test_a_watch_that_stands(standing: Standing) -> None:
    assert "watching" in standing.hears("READY=1")
    for _ in range(3):
        standing.hears("WATCHDOG=1")
    until(lambda: re.match("ok", standing.asked("/healthz")[1]), standing)
    until(lambda: re.match("y", "y" if standing.metric("tricenter_watch_results_total") > 0 else "n"), standing)
    assert standing.metric('tricenter_watch_loop_turns_total{loop="cycle"}') > 0
    assert standing.metric("tricenter_watch_store_bytes") > 10_000
    assert standing.metric('tricenter_watch_source_age_seconds{source="desk"}') < 30

    file = standing.folder / "estate" / "systems" / "desk.yml"
    good = file.read_text()
    file.write_text(good.replace('"500ms"', '"nonsense"'))
    standing.process.send_signal(signal.SIGHUP)
    assert "RELOADING=1" in (said := standing.hears("RELOADING=1")) and "MONOTONIC_USEC=" in said
    assert "desk.yml" in standing.hears("READY=1")
    assert "was NOT read again, the old one goes on" in standing.log
    assert standing.metric("tricenter_watch_estate_refused") == 1.0
    turns = standing.metric("tricenter_watch_results_total")
    until(lambda: re.match("y", "y" if standing.metric("tricenter_watch_results_total") > turns else "n"), standing)

    changed = json.loads(good)
    changed["components"]["desk"]["checks"].append({"id": "second", "kind": "tcp", "port": 1, "interval": "500ms"})
    file.write_text(json.dumps(changed))
    standing.process.send_signal(signal.SIGHUP)
    until(lambda: re.search("estate read again: 2 checks", standing.log), standing)
    assert standing.metric("tricenter_watch_estate_refused") == 0.0
    until(lambda: re.search(r"component:desk/desk@main: .*down", standing.log), standing)

    standing.process.terminate()
    standing.hears("STOPPING=1")
    assert standing.process.wait(30) == 0
