"""restore-time on a real chrony: restarted, and followed until it has a source again. No clock is set."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from checks.result import Status
from runbooks.run_record import Outcome
from tests.fakes import runit
from tests.fakes.loopback_host import LoopbackHost
from tests.fakes.sshd import SSHD, sshd

CHRONYD = shutil.which("chronyd", path="/usr/sbin:/usr/bin")
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        not (SSHD and runit.RUNSVDIR and CHRONYD), reason="needs Debian's openssh-server, runit, chrony"
    ),
]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[LoopbackHost]:
    config = tmp_path / "chrony.conf"
    config.write_text("local stratum 8\nport 0\n")
    script = f"#!/bin/sh\nexec {CHRONYD} -x -d -f {config}\n"  # -x: it never touches the clock
    (tmp_path / "sshd").mkdir()
    with sshd(tmp_path / "sshd") as server, runit.services(tmp_path / "sv", {"chrony": script}) as services:
        yield LoopbackHost(server, tmp_path / "var", services, names=("chrony",))


def test_a_stopped_time_service_is_restarted_and_follows_a_source(host: LoopbackHost) -> None:
    assert host.services is not None
    runit.down(host.services / "chrony")

    def verify() -> Status:
        assert host.services is not None
        return Status.OK if runit.state(host.services / "chrony") == "run" else Status.DOWN

    assert host.run("restore-time", {"service": "chrony"}, verify, check_mode=True).outcome is Outcome.CHECKED
    found = host.run("restore-time", {"service": "chrony", "within": "30s"}, verify)
    assert found.outcome is Outcome.REPAIRED, found
