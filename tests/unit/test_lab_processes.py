"""With real processes: small shells that sleep."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.machine import processes

_FAMILY = "sleep 300 & sleep 300 & echo ready; wait"


@pytest.fixture
def family(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A shell with two children, marked as a lab in ``tmp_path``."""
    environment = {**os.environ, processes.MARK: str(tmp_path)}
    with subprocess.Popen(
        ["sh", "-c", _FAMILY], env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as shell:
        assert shell.stdout is not None
        assert shell.stdout.readline() == "ready\n"
        yield shell
        os.killpg(shell.pid, signal.SIGKILL)


def first(family: subprocess.Popen[str]) -> processes.Process:
    found = processes.look(family.pid)
    assert found is not None
    return found


def test_a_process_is_recalled_until_it_ends(tmp_path: Path, family: subprocess.Popen[str]) -> None:
    processes.remember(tmp_path / "pid", family.pid)
    assert processes.recall(tmp_path / "pid") == first(family)
    processes.end([first(family)])
    assert processes.recall(tmp_path / "pid") is None


def test_another_process_under_the_same_number_is_not_taken_for_it(
    tmp_path: Path, family: subprocess.Popen[str]
) -> None:
    (tmp_path / "pid").write_text(f"{family.pid} {first(family).started - 1}\n")
    assert processes.recall(tmp_path / "pid") is None


@pytest.mark.parametrize("text", ["", "12", "x y", "1 2 3"])
def test_a_damaged_file_recalls_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "pid").write_text(text)
    assert processes.recall(tmp_path / "pid") is None


def test_all_marked_processes_are_the_lab_s_and_no_others(tmp_path: Path, family: subprocess.Popen[str]) -> None:
    found = processes.of_lab(str(tmp_path), tmp_path)
    assert {one.pid for one in found} == {one.pid for one in processes.members(first(family))}
    assert len(found) == 3
    assert processes.of_lab(f"{tmp_path}2", Path(f"{tmp_path}2")) == []


def test_a_child_that_shed_the_mark_is_found_by_its_parent(tmp_path: Path) -> None:
    environment = {**os.environ, processes.MARK: str(tmp_path)}
    command = ["sh", "-c", "env -i sleep 300 & echo ready; wait"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        processes.end(processes.of_lab(str(tmp_path), tmp_path))
    assert processes.of_lab(str(tmp_path), tmp_path) == []


def test_the_caller_is_spared_although_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = f"""
from pathlib import Path
from lab.machine import processes
print([one.pid for one in processes.of_lab({str(tmp_path)!r}, Path({str(tmp_path)!r}))])
"""
    monkeypatch.setenv(processes.MARK, str(tmp_path))
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def test_frozen_processes_stand_still_until_thawed(family: subprocess.Popen[str]) -> None:
    processes.freeze(first(family))
    assert {one.state for one in processes.members(first(family))} == {"T"}
    processes.thaw(first(family))
    assert "T" not in {one.state for one in processes.members(first(family))}
    processes.thaw(first(family))


def test_the_dead_that_nobody_collected_count_as_gone() -> None:
    with subprocess.Popen(["sleep", "300"]) as sleeper:
        found = processes.look(sleeper.pid)
        assert found is not None
        processes.end([found])
        assert Path(f"/proc/{sleeper.pid}").exists()  # a zombie until the end of this block
        assert processes.look(sleeper.pid) is None


def test_a_name_with_brackets_is_read_whole(tmp_path: Path) -> None:
    odd = tmp_path / "a) R (b"
    odd.symlink_to("/bin/sleep")
    with subprocess.Popen([str(odd), "300"]) as sleeper:
        found = processes.look(sleeper.pid)
        sleeper.kill()
    assert found is not None
    assert (found.name, found.parent) == ("a) R (b", os.getpid())
