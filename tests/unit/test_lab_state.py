from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lab import lock, state
from lab.errors import LabError
from lab.layout import Layout
from lab.state import State

STATE = State("namespaces", "10.77", "starting", 1_800_000_000.0)


def test_state_is_read_as_written(tmp_path: Path) -> None:
    state.write(Layout(tmp_path), STATE)
    assert state.read(Layout(tmp_path)) == STATE


def test_no_state_is_no_lab(tmp_path: Path) -> None:
    assert state.read(Layout(tmp_path)) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"mode": "namespaces"}', '{"colour": "red"}'])
def test_a_foreign_file_is_said_to_be_one(tmp_path: Path, text: str) -> None:
    Layout(tmp_path).state.write_text(text)
    with pytest.raises(LabError, match=r"state\.json is not the state of a lab"):
        state.read(Layout(tmp_path))


def test_a_file_is_replaced_whole_and_leaves_no_other(tmp_path: Path) -> None:
    state.replace(tmp_path / "links.json", "old")
    state.replace(tmp_path / "links.json", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["links.json"]
    assert (tmp_path / "links.json").read_text() == "new"


def test_one_lab_has_one_lock_for_a_purpose(tmp_path: Path) -> None:
    with lock.held(tmp_path, "life"):
        with pytest.raises(LabError, match="another command is at work"), lock.held(tmp_path, "life"):
            pass
        with lock.held(tmp_path, "faults"), lock.held(tmp_path / "other", "life"):
            pass
    with lock.held(tmp_path, "life"):
        pass


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    script = f"""
from pathlib import Path
import time
from lab import lock
with lock.held(Path({str(tmp_path)!r}), "life"):
    print("held", flush=True)
    time.sleep(300)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LabError), lock.held(tmp_path, "life"):
            pass
        holder.kill()
    with lock.held(tmp_path, "life"):
        pass
