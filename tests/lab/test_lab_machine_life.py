"""A lab comes and goes whole: nothing of it stays, wherever its beginning was interrupted."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import mode
from lab.down import down
from lab.errors import LabError
from lab.machine import processes
from lab.status import status
from lab.up import up

NET = "10.76"
INTERFACE = Path("/sys/class/net/tri76")

_UP = """
import sys
from pathlib import Path
from lab.up import up
up(Path(sys.argv[1]), lambda line: print(line, flush=True), net=sys.argv[2], patience=60)
"""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
pytestmark = [pytest.mark.lab, needs_root]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    if why := mode.detect()[1]:
        pytest.skip(f"needs network namespaces: {why}")
    yield tmp_path / "lab"
    down(tmp_path / "lab", print)


def left_behind(folder: Path) -> list[object]:
    """Processes, mounts, interface and files of the lab that are still there."""
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(folder) in line]
    files = [folder] if folder.exists() or folder.is_symlink() else []
    return [*processes.of_lab(str(folder), folder), *mounts, *([INTERFACE] if INTERFACE.exists() else []), *files]


def begin_up(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _UP, str(folder), NET],
        cwd=Path(__file__).parent.parent.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize(
    "stage", ["making keys", "fitting out", "laying the network", "starting the hosts", "10 of", "40 of"]
)
def test_nothing_stays_of_an_up_that_was_killed(folder: Path, stage: str) -> None:
    with begin_up(folder) as climbing:
        assert climbing.stdout is not None
        for line in climbing.stdout:
            if line.startswith(stage) or (stage.endswith(" of") and line >= stage and line[:1].isdigit()):
                break
        climbing.kill()
    assert down(folder, print)
    assert left_behind(folder) == []
    assert not down(folder, print)


def test_an_up_after_a_killed_one_starts_from_nothing(folder: Path) -> None:
    with begin_up(folder) as climbing:
        assert climbing.stdout is not None
        for line in climbing.stdout:
            if line.startswith("starting the hosts"):
                break
        climbing.kill()
    old = {one.pid for one in processes.of_lab(str(folder), folder)}
    lines: list[str] = []
    lab = up(folder, lines.append, net=NET)
    assert lines[0] == "removing what an interrupted command left"
    assert all(lab.alive(host) for host in lab.hosts())
    assert not old & {one.pid for one in processes.of_lab(str(folder), folder)}
    check_a_second_lab_is_refused(folder)
    check_kept_data(folder)


def check_a_second_lab_is_refused(folder: Path) -> None:
    with pytest.raises(LabError, match=r"a lab on the net 10\.76 is up already; it has the interface tri76"):
        up(folder.with_name("other"), print, net=NET)
    with pytest.raises(LabError, match=r"a lab on the net 10\.76 stands in .*; take it down first"):
        up(folder, print, net="10.75")
    assert not folder.with_name("other").exists()


def check_kept_data(folder: Path) -> None:
    (folder / "hosts" / "cloud-xchg" / "data" / "mine").write_text("keep me")
    assert down(folder, print, keep=True)
    assert status(folder) is None
    assert left_behind(folder) == [folder]
    lab = up(folder, print, net=NET)
    seen = lab.inside("cloud-xchg") / "data" / "mine"
    assert lab.run("cloud-xchg", ["cat", str(seen)]).stdout == "keep me"


def test_one_up_at_a_time(folder: Path) -> None:
    with begin_up(folder) as climbing:
        assert climbing.stdout is not None
        climbing.stdout.readline()
        with pytest.raises(LabError, match="another command is at work"):
            up(folder, print, net=NET)
        with pytest.raises(LabError, match="another command is at work"):
            down(folder, print)
        climbing.kill()


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(LabError, match="holds other things than a lab"):
        up(tmp_path, print, net=NET)
    assert not down(tmp_path, print)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_net_of_this_machine_is_not_taken(folder: Path) -> None:
    subprocess.run(["ip", "link", "add", "name", "tri-test", "type", "veth", "peer", "name", "tri-peer"], check=True)
    try:
        subprocess.run(["ip", "addr", "add", "10.76.200.1/24", "dev", "tri-test"], check=True)
        subprocess.run(["ip", "link", "set", "tri-test", "up"], check=True)
        with pytest.raises(LabError, match=r"10\.76 is in use on this machine \(10\.76\.200\.0/24 dev tri-test\)"):
            up(folder, print, net=NET)
    finally:
        subprocess.run(["ip", "link", "del", "tri-test"], check=True)
