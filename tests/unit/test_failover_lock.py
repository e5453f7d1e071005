"""One run on the estate: the lock, the open run, and an epoch that only grows."""

from __future__ import annotations

from pathlib import Path

import pytest

from failover import lock
from failover.lock import LockLost, Taken
from inventory.errors import OperatorError


def test_a_second_run_is_refused_and_told_by_whom(tmp_path: Path) -> None:
    held = lock.acquire(tmp_path, "run-1", "chen-zhiyuan")
    with pytest.raises(Taken, match=r"run-1 of chen-zhiyuan is running; nothing was started"):
        lock.acquire(tmp_path, "run-2", "zhao-lei")
    assert lock.holds(tmp_path)
    held.release()
    assert not lock.holds(tmp_path)


def test_a_run_whose_engine_died_stays_open_until_it_is_taken_up(tmp_path: Path) -> None:
    lock.acquire(tmp_path, "run-1", "chen-zhiyuan").release()
    with pytest.raises(Taken, match="was left open"):
        lock.acquire(tmp_path, "run-2", "zhao-lei")
    with pytest.raises(Taken, match="was left open"):
        lock.acquire(tmp_path, "run-2", "zhao-lei", resume=True)
    held = lock.acquire(tmp_path, "run-1", "zhao-lei", resume=True)
    held.close_run()
    held.release()
    assert lock.acquire(tmp_path, "run-2", "zhao-lei").epoch == 3


def test_the_epoch_only_grows(tmp_path: Path) -> None:
    epochs = []
    for _ in range(3):
        held = lock.acquire(tmp_path, "run", "x", resume=True)
        epochs.append(held.epoch)
        held.release()
    held = lock.acquire(tmp_path, "run", "x", resume=True)
    held.raise_epoch(40)
    held.raise_epoch(7)
    assert (epochs, held.epoch, lock.read(tmp_path).epoch) == ([1, 2, 3], 42, 42)
    held.check()


def test_an_epoch_is_on_disk_before_it_is_used(tmp_path: Path) -> None:
    synced: list[int] = []
    held = lock.acquire(tmp_path, "run", "x", sync=synced.append)
    assert len(synced) == 2  # the file, and the folder that names it
    held.release()


@pytest.mark.parametrize("how", ["lock removed", "lock replaced", "epoch raised", "file damaged"])
def test_whoever_lost_the_lock_is_told(how: str, tmp_path: Path) -> None:
    held = lock.acquire(tmp_path, "run", "x")
    held.check()
    file = tmp_path / "open.json"
    if how.startswith("lock"):
        (tmp_path / "lock").unlink()
    if how == "lock replaced":
        lock.acquire(tmp_path, "run", "y", resume=True)
    if how == "epoch raised":
        file.write_text(file.read_text().replace('"epoch": 1', '"epoch": 22'))
    if how == "file damaged":
        file.write_text("{")
    with pytest.raises(LockLost):
        held.check()


def test_a_damaged_file_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "open.json").write_text("{}")
    with pytest.raises(OperatorError, match="--take-over"):
        lock.acquire(tmp_path, "run", "x")
    (tmp_path / "open.json").unlink()
    lock.acquire(tmp_path, "run", "x").release()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorError, match="cannot lock"):
        lock.acquire(tmp_path / "file", "run", "x")
