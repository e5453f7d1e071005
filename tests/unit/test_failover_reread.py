"""A run with meters read back: every sample on the desk's clock, with what became of it, and the report made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

import ops
from failover.drill_record import DrillRecord, Seen, Track
from failover.lint import ours
from failover.records import Kind
from failover.reread import Reread, reread
from failover.run_folder import RunFolder
from tests.golden.drills.journal import ORIGIN, SECOND, Script, written
from tests.unit.test_failover_meter_logs import END, HEAD, MS, START, home

RUN = "20260912T010000Z-switchover-metro-a1b2"
AHEAD = 7_000 * SECOND  #: by which the vantages' clocks are ahead of the desk's
DOWN = range(60, 72)  #: numbers of the probes and writes that met the outage
LOST = (58, 59)


def there(number: int) -> int:
    """When probe or write ``number`` was sent, on the vantage's clock."""
    return ORIGIN + AHEAD + number * 100 * MS


def metered(folder: Path, name: str, center: str) -> None:
    """One vantage: ten probes and writes a second, an outage in the middle, two acknowledged writes lost."""
    probes = [
        {"s": "fresh", "i": number, "a": there(number), "b": there(number) + 2 * MS, "e": 0, "c": center}
        | {"r": "fail" if number in DOWN else "ok", "w": "refused" if number in DOWN else ""}
        for number in range(150)
    ]
    writes: list[dict[str, object]] = []
    for number in range(1, 150):
        writes.append({"ch": "database", "n": number, "ep": 1, "a": there(number)})
        fate: dict[str, object] = (
            {"r": "unknown", "w": "timeout"} if number in DOWN else {"r": "acked", "c": "x", "e": 0}
        )
        writes.append({"ch": "database", "n": number, "b": there(number) + 3 * MS} | fate)
    clock = [
        {"boot": "one", "group": group, "asked": at, "answered": at + 2 * MS, "there": at + AHEAD + MS}
        for group, at in enumerate((ORIGIN, ORIGIN + 20 * SECOND))
    ]
    last = LOST[0] - 1
    home(
        folder,
        name,
        head=HEAD | {"vantage": name, "center": center, "mono": there(0)},
        probes=[START | {"mono": there(0)}, *probes, END | {"end": there(150)}],
        canaries=[START | {"mono": there(0)}, *writes, END | {"end": there(150)}],
        readback=[
            {"ch": "database", "v": name, "settled": True},
            {"ch": "database", "v": name, "seen": [[1, last], [DOWN[-1] + 1, 149]]},
        ],
        fenced=[
            START | {"mono": there(0)},
            *(
                line
                for number in range(1, 20)
                for line in (
                    {"ch": "database", "n": 1000 + number, "ep": 1, "a": there(65 + number)},
                    {"ch": "database", "n": 1000 + number, "b": there(65 + number) + MS, "r": "rejected"},
                )
            ),
            END | {"end": there(150)},
        ],
        clock=clock,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    script = Script(RUN)
    opened = {"plan": "switchover-metro", "drill": "switchover", "mode": "graceful", "from": "cloud", "to": "bigdata"}
    script.at(0, Kind.OPENED, opened)
    vantages = {"cloud-ops": "", "bigdata-ops": "", "dr-ops": "", "moon": "no route"}
    script.at(0.5, Kind.METERS, {"state": "started", "vantages": vantages})
    script.at(1, Kind.DECIDED, {"what": "go", "by": "wang-jianhua"})
    for step, begin, end in (("fence", 5.8, 6.1), ("promote", 6.2, 6.6), ("point", 6.7, 7.0)):
        script.at(begin, Kind.INTENT, {"step": step, "part": "do", "attempt": 1, "calls": []})
        script.at(end, Kind.RESULT, {"step": step, "outcome": "done", "because": "", "facts": {}})
    script.at(20, Kind.CLOSED, {"state": "completed", "because": ""})
    made = written(tmp_path_factory.mktemp("drills"), script, [("plan.yml", ours()["switchover-metro"].data)])
    for center in ("cloud", "bigdata", "dr"):
        metered(made.meters, f"{center}-ops", center)
    return made


@pytest.fixture(scope="module")
def read(run: RunFolder) -> Reread:
    return reread(run)


def track(read: Reread, what: str, vantage: str) -> Track:
    return next(one for one in read.tracks if (one.what, one.vantage) == (what, vantage))


def test_every_sample_stands_on_the_desks_clock(read: Reread) -> None:
    probes = track(read, "probe", "dr-ops")
    assert [sample.at for sample in probes.samples] == pytest.approx(
        [ORIGIN + n * 100 * MS for n in range(150)], abs=MS
    )
    assert [n for n, sample in enumerate(probes.samples) if sample.seen is Seen.FAILED] == list(DOWN)


def test_every_write_shows_what_became_of_it(read: Reread) -> None:
    seen = {number: sample.seen for number, sample in enumerate(track(read, "write", "cloud-ops").samples, 1)}
    assert [number for number, what in seen.items() if what is Seen.LOST] == list(LOST)
    assert {seen[number] for number in DOWN} == {Seen.DROPPED}
    assert seen[1] is seen[149] is Seen.KEPT


def test_what_was_tried_at_the_old_writer_is_one_track(read: Reread) -> None:
    (old,) = [one for one in read.tracks if one.what == "old-writer"]
    assert len(old.samples) == 3 * 19
    assert {sample.seen for sample in old.samples} == {Seen.REFUSED}
    assert [sample.at for sample in old.samples] == sorted(sample.at for sample in old.samples)


def test_outages_are_brought_to_the_desks_clock_too(read: Reread) -> None:
    record: DrillRecord = read.record
    assert record.measured and record.measured.worst
    worst = record.measured.worst
    assert worst.last_ok is not None and worst.first_ok is not None
    assert worst.last_ok - ORIGIN == pytest.approx(5.9 * SECOND, abs=0.2 * SECOND)
    assert worst.first_ok - ORIGIN == pytest.approx(7.2 * SECOND, abs=0.2 * SECOND)
    assert record.measured.missing == {"moon": "no route"}
    assert [len(one.lost) for one in record.measured.writes] == [2, 2, 2]


def test_the_report_shows_them(run: RunFolder, tmp_path: Path) -> None:
    argv = ["drill", "report", str(run.folder), "--out", str(tmp_path), "--runs", str(run.folder.parent)]
    assert ops.main(argv) == 0
    text = (tmp_path / f"{RUN}-zh.html").read_text(encoding="utf-8")
    assert "丢失 6 笔已确认写入" in text
    assert "记录缺失" in text


def test_without_samples_it_reads_the_figures_alone(run: RunFolder, read: Reread) -> None:
    quick = reread(run, samples=False)
    assert quick.tracks == ()
    assert quick.record == read.record
