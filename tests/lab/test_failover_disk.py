"""The journal's disk is really full: a tmpfs of its own, filled to the last byte at a moment of a run."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from failover.actions import ACTIONS
from failover.engine_work import Choices
from failover.records import Kind, Record, State
from lab.machine.mounts import mount, unmount
from tests.fakes.drill_plans import BACK
from tests.fakes.drill_runs import STARTER, Stage, Story, from_text

pytestmark = pytest.mark.lab
SHORT = Choices(STARTER, stay=False, soak=1.0)
_SIZE = "1m"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    if os.geteuid() != 0:
        pytest.skip("mounting a disk needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount("journal", disk, "tmpfs", options=f"size={_SIZE},mode=700")
    try:
        yield disk
    finally:
        unmount(disk)


def _fill(disk: Path) -> None:
    with contextlib.suppress(OSError), (disk / "ballast").open("ab", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)


def _played(disk: Path, at: int | None) -> tuple[Stage, int]:
    """A run on that disk, which is full from a record on; the run, and how many records it has by then."""
    stage = Stage(disk / "run", Story(from_text(BACK), choices=SHORT))
    stage.approve()

    def told(record: Record) -> None:
        if record.seq == at:
            _fill(disk)

    stage.hooks.append(told)
    ended = stage.play()
    assert ended is not None
    if at is None:
        assert ended.state is State.COMPLETED
    else:
        assert "No space left on device" in ended.because
        assert stage.told[-1].payload.get("state") in (State.PAUSED, None), "what was kept back is for the last word"
    return stage, len(stage.told)


@pytest.mark.parametrize("part", [0.02, 0.25, 0.5, 0.7])
def test_a_full_disk_pauses_the_run_and_with_room_again_it_ends_as_ever(small: Path, part: float) -> None:
    whole, count = _played(small / "whole", None)
    stage, _ = _played(small / "full", int(count * part))
    meant = [one for one in stage.told if one.kind is Kind.INTENT and one.payload.get("changes") is not False]
    acts = [call.action for _, _, call in stage.world.calls if ACTIONS[call.action].changes]
    assert len([one for one in acts if one != "write-through"]) <= sum(len(one.payload["calls"]) for one in meant)
    (small / "full" / "ballast").unlink()
    stage.people.say("resume")
    again = stage.play()
    assert again is not None
    assert again.state is State.COMPLETED
    assert stage.world.picture() == whole.world.picture()
    assert (stage.world.lost(), stage.world.dual()) == ([], [])
