"""The journal on disk: synced before anything follows, a torn end cut off, a full disk refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from failover.journal import Disk, Journal, JournalFailed, boot_id, records
from failover.records import Kind
from tests.fakes.clock import Clock
from tests.fakes.drill_runs import SimClock


def opened(folder: Path, disk: Disk | None = None) -> Journal:
    return Journal(folder / "run" / "journal.jsonl", "r", 7, SimClock(Clock()), disk=disk)


def test_records_come_back_with_boot_and_epoch(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append(Kind.OPENED, {"plan": "x"}, actor="chen-zhiyuan")
    journal.append(Kind.STATE, {"state": "preflight"})
    journal.close()
    again = opened(tmp_path)
    assert [(record.seq, record.actor, record.epoch, record.boot_id) for record in again.records] == [
        (0, "chen-zhiyuan", 7, boot_id()),
        (1, "engine", 7, boot_id()),
    ]
    again.append(Kind.CLOSED, {})
    assert records(again.path).broken == ""


def test_what_is_meant_is_synced_and_what_was_seen_may_wait(tmp_path: Path) -> None:
    synced: list[int] = []
    journal = opened(tmp_path, Disk(sync=lambda fd: synced.append(os.fstat(fd).st_size)))
    synced.clear()
    for kind, syncs in ((Kind.INTENT, 1), (Kind.REPLY, 1), (Kind.RESULT, 1), (Kind.INTENT, 2), (Kind.STATE, 3)):
        journal.append(kind, {})
        assert len(synced) == syncs, kind
    assert synced[-1] == journal.path.stat().st_size


@pytest.mark.parametrize("keep", [1, 40, -1])
def test_a_torn_last_line_is_cut_off_and_known(keep: int, tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append(Kind.OPENED, {})
    whole = journal.path.read_bytes()
    journal.append(Kind.STATE, {"state": "preflight"})
    journal.close()
    torn = journal.path.read_bytes()[len(whole) :][:keep]
    journal.path.write_bytes(whole + torn)
    assert len(records(journal.path).records) == 1
    again = opened(tmp_path)
    assert again.torn == torn.decode()[:200]
    assert journal.path.read_bytes() == whole
    again.append(Kind.STATE, {"state": "preflight"})
    assert records(again.path).broken == ""


def test_an_altered_journal_is_not_continued(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for _ in range(3):
        journal.append(Kind.STATE, {"state": "running"})
    journal.close()
    before = journal.path.read_bytes().replace(b"running", b"paused!", 1)
    journal.path.write_bytes(before)
    with pytest.raises(JournalFailed, match="record 0: was altered"):
        opened(tmp_path)
    assert journal.path.read_bytes() == before


def test_a_full_disk_leaves_no_half_record_and_room_for_the_last_word(tmp_path: Path) -> None:
    room = [2_000]

    def write(fd: int, data: bytes) -> int:
        if room[0] <= 0:
            raise OSError(28, "No space left on device")
        count = os.write(fd, data[: min(len(data), room[0])])
        room[0] -= count
        return count

    journal = opened(tmp_path, Disk(write=write, sync=lambda _: None))
    kept = 0
    with pytest.raises(JournalFailed, match="No space left"):
        while True:
            journal.append(Kind.INTENT, {"step": "x"})
            kept += 1
    assert kept == len(records(journal.path).records) > 0
    assert (tmp_path / "run" / "journal.reserve").stat().st_size > 60_000
    journal.free_reserve()
    room[0] = 60_000
    journal.append(Kind.STATE, {"state": "paused"})
    assert records(journal.path).broken == ""


def test_a_folder_that_cannot_be_written_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where the folder should be")
    with pytest.raises(JournalFailed, match="Nothing is done without it"):
        opened(tmp_path)
