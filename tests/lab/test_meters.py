"""The meters on three real centers: an outage of known times, a desk that dies meanwhile, a standby that is tried."""

from __future__ import annotations

import asyncio
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from checks.ssh_pool import Pool
from failover.measured import Measured, Verdict
from failover.measuring import LiveMeters
from failover.meter.measure import measure
from failover.plan import Objectives
from failover.run_folder import RunFolder
from inventory.load import load
from inventory.model import Estate
from lab.client import Lab
from lab.faults import inject, undo
from lab.topology import PORTS

pytestmark = pytest.mark.lab

VANTAGES = {"cloud-ops", "bigdata-ops", "dr-ops", "provinces"}
ENVELOPES = "write:exchange"
_DOWN = 3.0  #: seconds
_CUT = 9.0  #: seconds: a courier waits 5 s for an answer


@pytest.fixture
def pools() -> Iterator[list[Pool]]:
    """The connections of each desk."""
    made: list[Pool] = []
    yield made
    for pool in made:
        pool.close()


def desk(lab: Lab, run: RunFolder, epoch: int, pools: list[Pool]) -> LiveMeters:
    pools.append(Pool())
    return LiveMeters(estate(lab), run, epoch, pool=pools[-1])


def estate(lab: Lab) -> Estate:
    return load(lab.layout.estate)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return b'"marker": "tricenter"' in answer.read(1000)
    except (OSError, urllib.error.URLError):
        return False


def break_the_database(lab: Lab) -> tuple[int, int, int, int]:
    """The database is stopped for a while: begun, surely down, still down, up again as another reader sees it."""
    meters = estate(lab).meters
    assert meters is not None
    url = meters.probes.urls[0]
    begun = time.monotonic_ns()
    inject(lab, "stop-service", ["cloud-db", "postgres"])
    down = time.monotonic_ns()
    time.sleep(_DOWN)
    still = time.monotonic_ns()
    undo(lab, "stop-service", ["cloud-db", "postgres"])
    limit = time.monotonic() + 30
    while not answers(url):
        assert time.monotonic() < limit, "the database never came back"
    return begun, down, still, time.monotonic_ns()


def measured(run: RunFolder) -> Measured:
    return measure(run, [], Objectives.model_construct(rto=30.0, rpo=0.0, doo=None, nro=None))


def test_a_known_outage_is_measured_at_every_vantage(healthy: Lab, tmp_path: Path, pools: list[Pool]) -> None:
    run = RunFolder(tmp_path / "20260101T000000Z-meters-0001")
    standby = healthy.address("bigdata-db")

    async def drill() -> tuple[int, int, int, int]:
        first = desk(healthy, run, 1, pools)
        assert await first.start() == dict.fromkeys(VANTAGES, "")
        await asyncio.sleep(2)
        times = await asyncio.to_thread(break_the_database, healthy)
        # The desk dies: nobody tells the meters anything, and another desk finds them.
        assert first._renewing is not None
        first._renewing.cancel()
        second = desk(healthy, run, 2, pools)
        assert await second.start() == dict.fromkeys(VANTAGES, "")
        await second.fenced(f"{standby}:5432")
        await asyncio.sleep(3.5)
        pulse = await second.pulse()
        assert (pulse.vantages, pulse.acked_at_old) == (dict.fromkeys(VANTAGES, ""), 0)
        assert pulse.down_for is not None and pulse.down_for < 2
        assert await second.stop() == dict.fromkeys(VANTAGES, "")
        return times

    begun, down, still, up = asyncio.run(drill())
    found = measured(run)
    assert {one.vantage for one in found.outages} == VANTAGES
    for one in (each for each in found.outages if each.stream != ENVELOPES):
        assert one.rto is not None and one.rto.high is not None, one
        assert one.rto.low <= (up - begun) / 1e9 + 2 * one.resolution, one
        assert one.rto.high >= (still - down) / 1e9, one
        # One machine has one monotonic clock, so the stamps can be compared as they are.
        assert one.last_ok is not None and one.first_fail is not None and one.first_ok is not None
        assert one.last_ok <= down and begun <= one.first_fail and still <= one.first_ok, one
    for writes in found.of_databases:
        assert writes.read_back and (writes.lost, writes.phantom, writes.duplicate) == ((), (), ()), writes
        assert writes.acked == writes.kept > 20
        assert writes.after_fence > 2 and writes.acked_after_fence == 0, "a standby refuses"
    assert set(found.offsets) == VANTAGES
    assert all(abs(offset) <= error for offset, error in found.offsets.values()), found.offsets
    print({(one.vantage, one.stream): one.rto for one in found.outages}, (still - down) / 1e9, (up - begun) / 1e9)
    print(found.offsets, found.writes)


def test_an_entry_that_stops_is_passed_over_as_clients_do(healthy: Lab, tmp_path: Path, pools: list[Pool]) -> None:
    run = RunFolder(tmp_path / "20260101T000000Z-meters-0002")

    async def drill() -> None:
        meters = desk(healthy, run, 1, pools)
        await meters.start()
        await asyncio.sleep(1.5)
        await asyncio.to_thread(inject, healthy, "stop-service", ["cloud-entry", "haproxy"])
        await asyncio.sleep(2.5)
        await meters.stop()

    asyncio.run(drill())
    for name in VANTAGES:
        text = (run.meters / name / "probes.jsonl").read_text()
        assert '"e":0' in text and '"e":1' in text, "both entries have answered"
    fresh = [one for one in measured(run).outages if one.stream == "fresh"]
    assert all(one.rto is None or (one.rto.high or 99) < 1.5 for one in fresh), fresh
    assert all(not one.lost for one in measured(run).writes)


def complete(lab: Lab, run: RunFolder) -> dict[int, Path]:
    """The envelopes of a run that lie whole in the inbox, by number."""
    inbox = lab.layout.data("cloud-xchg") / "exchange" / "000000"
    names = {one.name for one in inbox.iterdir()} if inbox.exists() else set()
    ours = re.compile(rf"{run.run}~provinces~[0-9]+~([0-9]+)\.csv")
    return {int(told[1]): inbox / name for name in names if (told := ours.fullmatch(name)) and f"{name}.ok" in names}


def loaded(session: psycopg.Connection[tuple[int, ...]], run: RunFolder) -> set[int]:
    """The numbers of a run that the loader has put into the envelopes' own table."""
    rows = session.execute("SELECT seq FROM exchange_canary WHERE run = %s", (run.run,)).fetchall()
    return {seq for (seq,) in rows}


def database(lab: Lab) -> psycopg.Connection[tuple[int, ...]]:
    address = f"host={lab.address('cloud-db')} port={PORTS['postgres']} dbname=civil user=app connect_timeout=30"
    return psycopg.connect(address, password=lab.password("app"), autocommit=True)


def taken(lab: Lab, run: RunFolder) -> set[int]:
    """The envelopes of which the provinces were told that they were taken, from the courier's own log."""
    log = lab.layout.data("provinces") / "meters" / run.run / "canaries.jsonl"
    told = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return {int(one["n"]) for one in told if one.get("ch") == "exchange" and one.get("r") == "acked"}


def test_envelopes_that_vanish_from_the_inbox_are_lost_and_no_others(
    healthy: Lab, tmp_path: Path, pools: list[Pool], until: Callable[..., None]
) -> None:
    lab, run = healthy, RunFolder(tmp_path / "20260101T000000Z-meters-0003")
    ingest, line = ("cloud-xchg", "ingest"), ("cloud", "outside")
    lost: set[int] = set()

    def break_the_exchange() -> tuple[int, int]:
        """Some envelopes are loaded, then none; the line is cut, and the newest three are gone for good."""
        with database(lab) as session:
            until(lambda: len(loaded(session, run)) >= 3, "envelopes in their table", 60)
            inject(lab, "stop-service", ingest)
            safe = loaded(session, run)  # once the line is cut, this test cannot ask the database either
        until(lambda: len(taken(lab, run) & (complete(lab, run).keys() - safe)) >= 5, "a backlog", 60)
        inject(lab, "cut-link", line)
        down = time.monotonic_ns()
        time.sleep(1)
        waiting = complete(lab, run)
        lost.update(sorted(taken(lab, run) & (waiting.keys() - safe))[-3:])
        for number in lost:
            for path in (waiting[number].with_name(waiting[number].name + ".ok"), waiting[number]):
                path.unlink()
        time.sleep(_CUT)
        still = time.monotonic_ns()
        undo(lab, "cut-link", line)
        before = len(taken(lab, run))
        # ten in a row are an exchange that is back for good
        until(lambda: len(taken(lab, run)) >= before + 12, "envelopes after the cut", 60)
        undo(lab, "stop-service", ingest)
        return down, still

    async def drill() -> tuple[int, int]:
        meters = desk(lab, run, 1, pools)
        assert await meters.start() == dict.fromkeys(VANTAGES, "")
        times = await asyncio.to_thread(break_the_exchange)
        assert await meters.stop() == dict.fromkeys(VANTAGES, "")
        return times

    down, still = asyncio.run(drill())
    objectives = Objectives.model_construct(rto=30.0, rpo=0.0, doo=None, nro=None, rpo_of={"exchange": 0.0})
    found = measure(run, [], objectives)
    (told,) = [one for one in found.writes if one.exchange]
    print(told, (still - down) / 1e9)
    assert (told.channel, told.vantage, told.read_back) == ("exchange", "provinces", True)
    assert set(told.lost) == lost and len(lost) == 3
    assert told.kept + len(told.lost) == told.acked == len(taken(lab, run))
    assert told.recovered + told.dropped == told.unknown
    assert (told.phantom, told.duplicate, told.holes) == ((), (), ())
    (seen,) = [one for one in found.outages if one.stream == ENVELOPES]
    assert seen.rto is not None and seen.rto.high is not None and seen.rto.high >= (still - down) / 1e9
    assert seen.last_ok is not None and seen.last_ok <= down
    judged = {one.objective: one.verdict for one in found.judged}
    assert (judged["rpo:exchange"], judged["rpo"]) == (Verdict.FAIL, Verdict.PASS)
    with database(lab) as session:
        business = session.execute("SELECT count(*) FROM exchange_batch WHERE province = '000000'").fetchone()
    assert business == (0,), "no envelope stands among the provinces' batches"
