"""Logs from other machines: what cannot be is left out and named, and nothing hostile is believed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from failover.meter import logs
from failover.meter.measure import measure
from failover.meter.samples import VantageLog
from failover.plan import Objectives
from failover.records import Kind, Record
from failover.run_folder import RunFolder

MS = 1_000_000
HEAD: dict[str, Any] = {
    "format": 1,
    "run": "r",
    "vantage": "here",
    "center": "cloud",
    "boot": "one",
    "mono": 0,
    "wall": 1000.0,
    "probing": {"period": 100 * MS, "timeout": 500 * MS, "stable_count": 3, "stable_over": 200 * MS},
    "channels": [{"name": "database", "period": 100 * MS, "timeout": 500 * MS}],
}
START = {"boot": "one", "mono": 0, "wall": 1000.0}
END = {"end": 9000 * MS, "why": "stopped"}


def probes(count: int = 10, start: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "s": "fresh",
            "i": at,
            "a": start + at * 100 * MS,
            "b": start + at * 100 * MS + MS,
            "r": "ok",
            "e": 0,
            "c": "dr",
        }
        for at in range(count)
    ]


def writes(count: int = 3) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for seq in range(1, count + 1):
        lines.append({"ch": "database", "n": seq, "ep": 1, "a": seq * 100 * MS})
        lines.append({"ch": "database", "n": seq, "b": seq * 100 * MS + MS, "r": "acked", "c": "x", "e": 0})
    return lines


def home(folder: Path, name: str = "here", **changed: Any) -> Path:
    """A vantage's folder; a value given for a file takes its place."""
    at = folder / name
    at.mkdir(parents=True)
    files: dict[str, Any] = {
        "head": HEAD | {"vantage": name},
        "probes": [START, *probes(), END],
        "canaries": [START, *writes(), END],
        "readback": [{"ch": "database", "v": name, "settled": True}, {"ch": "database", "v": name, "seen": [[1, 3]]}],
        **changed,
    }
    for stem, content in files.items():
        path = at / ("head.json" if stem == "head" else f"{stem}.jsonl")
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, list):
            path.write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in content))
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))
    return at


def fresh(log: VantageLog) -> int:
    return len(log.streams[0].probes)


def test_what_a_meter_writes_is_read(tmp_path: Path) -> None:
    found = logs.read(home(tmp_path))
    assert (found.missing, found.notes, fresh(found)) == ("", (), 10)
    (channel,) = found.channels
    assert [one.fate for one in channel.writes] == ["acked"] * 3
    assert found.read_backs["database", "here"].seen == {1: 1, 2: 1, 3: 1}


@pytest.mark.parametrize(
    ("line", "note"),
    [
        ("{", "torn-lines"),
        ("[1, 2]", "bad-lines"),
        ('"text"', "bad-lines"),
        ("x" * 100_000, "torn-lines"),
        ("[" * 4000, "torn-lines"),
        ({"s": "other", "a": 1, "b": 2, "r": "ok"}, "bad-lines"),
        ({"s": "fresh", "a": 5, "b": 2, "r": "ok"}, "bad-lines"),
        ({"s": "fresh", "a": -5, "b": 2, "r": "ok"}, "bad-lines"),
        ({"s": "fresh", "a": 10**40, "b": 10**41, "r": "ok"}, "bad-lines"),
        ({"s": "fresh", "a": True, "b": 2, "r": "ok"}, "bad-lines"),
        ({"s": "fresh", "a": "1", "b": 2, "r": "ok"}, "bad-lines"),
        ({"s": "fresh", "a": 1, "b": 2, "r": "maybe"}, "bad-lines"),
        ({"s": ["fresh"], "a": 1, "b": 2, "r": "ok"}, "bad-lines"),
        ({"s": "fresh", "gap": [1]}, "bad-lines"),
        ({"s": "fresh", "gap": 7}, "bad-lines"),
        ({"boot": 7}, "bad-lines"),
    ],
)
def test_a_line_that_cannot_be_is_left_out_and_named(tmp_path: Path, line: object, note: str) -> None:
    found = logs.read(home(tmp_path, probes=[START, *probes(5), line, *probes(5, 500 * MS), END]))
    assert fresh(found) == 10
    assert found.notes == (note,)


def test_a_log_without_its_end_was_cut_short(tmp_path: Path) -> None:
    found = logs.read(home(tmp_path, probes=[START, *probes()]))
    assert "cut-short" in found.streams[0].notes
    other = logs.read(home(tmp_path / "two", probes=[START, *probes(), {"end": 1, "why": "lease"}]))
    assert "cut-short" in other.streams[0].notes
    third = logs.read(home(tmp_path / "three", probes=[START, {"end": 1, "why": "lease"}, START, *probes(), END]))
    assert third.notes == (), "a later meter went on to the end"


def test_a_write_whose_end_was_not_written_down_is_unknown(tmp_path: Path) -> None:
    found = logs.read(home(tmp_path, canaries=[START, *writes()[:-1], END]))
    last = found.channels[0].writes[-1]
    assert (last.seq, last.fate) == (3, "unknown")


def test_times_of_another_boot_are_brought_over_and_noted(tmp_path: Path) -> None:
    again = {"boot": "two", "mono": 50 * MS, "wall": 1010.0}  # ten seconds later by the wall clock
    found = logs.read(home(tmp_path, probes=[START, *probes(5), again, *probes(5, 100 * MS), END]))
    assert found.streams[0].probes[5].sent == 100 * MS + 10_000 * MS - 50 * MS
    assert "clock-jump" in found.streams[0].notes


def test_a_wall_clock_that_moves_within_a_boot_means_nothing(tmp_path: Path) -> None:
    again = {"boot": "one", "mono": 500 * MS, "wall": 4600.0}
    found = logs.read(home(tmp_path, probes=[START, *probes(5), again, *probes(5, 500 * MS), END]))
    assert (found.streams[0].probes[5].sent, found.notes) == (500 * MS, ())


@pytest.mark.parametrize(
    "lines",
    [
        [{"ch": "database", "v": "here", "settled": True}, {"ch": "database", "v": "here", "seen": [[1, 10**15]]}],
        [{"ch": "database", "v": "here", "settled": True}, {"ch": "database", "v": "here", "seen": [[5, 1]]}],
        [{"ch": "database", "v": "here", "seen": [[1, 3]]}],
        [{"ch": ["database"], "v": "here", "settled": True}],
    ],
)
def test_a_read_back_that_cannot_be_is_named(tmp_path: Path, lines: list[object]) -> None:
    found = logs.read(home(tmp_path, readback=lines))
    assert "bad-lines" in found.notes
    assert not any(one.settled for one in found.read_backs.values()), "a hidden number is no lost one"


@pytest.mark.parametrize(
    "head",
    [
        "",
        "{}",
        "[]",
        "{",
        json.dumps(HEAD | {"format": 2}),
        json.dumps(HEAD | {"probing": {"period": -1}}),
        "9" * 70_000,
    ],
)
def test_a_head_that_cannot_be_is_a_vantage_without_logs(tmp_path: Path, head: str) -> None:
    found = logs.read(home(tmp_path, head=head))
    assert found.missing.startswith("head.json") and found.streams == ()


def test_links_are_not_followed(tmp_path: Path) -> None:
    at = home(tmp_path)
    (at / "probes.jsonl").rename(tmp_path / "elsewhere")
    (at / "probes.jsonl").symlink_to(tmp_path / "elsewhere")
    assert fresh(logs.read(at)) == 0
    (tmp_path / "linked").symlink_to(at)
    assert logs.vantages(tmp_path) == ["here"]


@pytest.mark.parametrize("seed", range(30))
def test_whatever_bytes_come_nothing_breaks(tmp_path: Path, seed: int) -> None:
    """Bytes of sound logs are changed, dropped and doubled; reading and measuring still come to an end."""
    rng = random.Random(seed)
    at = home(tmp_path / "meters")
    for path in at.iterdir():
        data = bytearray(path.read_bytes())
        for _ in range(rng.randrange(1, 8)):
            where = rng.randrange(len(data) or 1)
            _harm(rng)(data, where, rng)
        path.write_bytes(bytes(data))
    measured(tmp_path)


def _harm(rng: random.Random) -> Callable[[bytearray, int, random.Random], None]:
    def flip(data: bytearray, where: int, rng: random.Random) -> None:
        data[where : where + 1] = bytes([rng.randrange(256)])

    def drop(data: bytearray, where: int, rng: random.Random) -> None:
        del data[where : where + rng.randrange(40)]

    def double(data: bytearray, where: int, rng: random.Random) -> None:
        data[where:where] = data[where : where + rng.randrange(200)]

    return rng.choice([flip, drop, double])


def measured(folder: Path, *records: Record) -> Any:
    return measure(RunFolder(folder), records, Objectives.model_construct(rto=60.0, rpo=0.0, doo=None, nro=None))


def record(kind: Kind, **payload: object) -> Record:
    return Record(0, "run", 1, 0, "boot", "", "engine", kind, payload, "sha256", "", "")


def test_one_vantage_reads_for_another_that_could_not(tmp_path: Path) -> None:
    both = [
        *({"ch": "database", "v": name, "settled": True} for name in ("here", "there")),
        *({"ch": "database", "v": name, "seen": [[1, 3]]} for name in ("here", "there")),
    ]
    home(tmp_path / "meters", "here", readback=both)
    at = home(tmp_path / "meters", "there")
    (at / "readback.jsonl").unlink()
    assert [(one.vantage, one.read_back, one.kept) for one in measured(tmp_path).writes] == [
        ("here", True, 3),
        ("there", True, 3),
    ]


def test_vantages_that_brought_nothing_home_are_named(tmp_path: Path) -> None:
    home(tmp_path / "meters")
    home(tmp_path / "meters", "bad", head="{")
    found = measured(tmp_path, record(Kind.METERS, vantages={"here": "", "gone": "no TCP connection", "late": ""}))
    assert set(found.missing) == {"bad", "gone", "late"}
    assert found.missing["gone"] == "no TCP connection"


def test_who_stands_in_the_lost_center_is_shown_but_is_no_client(tmp_path: Path) -> None:
    dark = [one | {"r": "fail", "w": "refused"} if at > 4 else one for at, one in enumerate(probes())]
    home(tmp_path / "meters", "inside", probes=[START, *dark, END])
    home(tmp_path / "meters", "here", head=HEAD | {"center": "dr"})
    planned = measured(tmp_path, record(Kind.OPENED, mode="graceful", **{"from": "cloud"}))
    lost = measured(tmp_path, record(Kind.OPENED, mode="ungraceful", **{"from": "cloud"}))
    assert planned.worst is not None and planned.worst.vantage == "inside"
    assert lost.worst is None
    assert {one.vantage for one in lost.outages} == {"here", "inside"}


def test_an_empty_run_measured_nothing(tmp_path: Path) -> None:
    found = measured(tmp_path)
    assert (found.outages, found.writes, found.worst) == ((), (), None)
    assert {one.because for one in found.judged} == {"not-measured", "nothing-acknowledged"}


def test_an_exchange_that_stands_still_is_told_and_is_no_outage_of_the_service(tmp_path: Path) -> None:
    head = HEAD | {"channels": [{"name": "exchange", "period": 100 * MS, "timeout": 500 * MS, "inbox": {"fronts": []}}]}
    canaries = [{**one, "ch": "exchange"} for one in writes()]
    canaries[3] |= {"r": "rejected", "w": "no session"}
    back = [{"ch": "exchange", "v": "here", "waiting": 1}, {"ch": "exchange", "v": "here", "settled": True}]
    back.append({"ch": "exchange", "v": "here", "seen": [[1, 1], [3, 3]]})
    home(tmp_path / "meters", head=head, canaries=[START, *canaries, END], readback=back)
    found = measured(tmp_path)
    (told,) = found.writes
    assert (told.exchange, told.acked, told.kept, told.rejected, told.waiting) == (True, 2, 2, 1, 1)
    assert found.of_databases == ()
    assert [one.failed for one in found.outages if one.stream == "write:exchange"] == [1]
    assert found.worst is None
