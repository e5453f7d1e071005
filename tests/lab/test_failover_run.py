"""The engine in the lab: what was acknowledged is there afterwards, whatever was switched and whoever was killed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from failover import journal
from failover.evidence import bundle
from failover.measured import Measured
from failover.records import Kind, Record, State
from failover.run_folder import RunFolder
from failover.verify_bundle import verify
from lab.client import Lab
from lab.faults import inject, undo
from lab.topology import PORTS
from tests.lab.drilling import Drilling, acts, report

pytestmark = pytest.mark.lab
GOOD = (State.COMPLETED, State.COMPLETED_WITH_EXCEPTIONS)
#: what nobody can see when a center is gone, taken upon themselves by who fails over
UNSEEN = dict.fromkeys(("replication-sync", "lag-within-rpo", "one-writer", "never-two-writers"), "it does not answer")


@pytest.fixture
def drilling(healthy: Lab, tmp_path: Path) -> Drilling:
    """The lab is shared, so every test brings the writer home."""
    return Drilling(healthy, tmp_path)


def _nothing_lost(measured: Measured) -> None:
    assert measured.writes, "no canaries were written"
    assert not measured.missing, measured.missing
    for writes in measured.of_databases:
        assert writes.acked > 20, writes
        assert not writes.lost, writes
        assert not writes.phantom, writes
        assert not writes.duplicate, writes
        assert writes.acked_after_fence == 0, writes


def _sealed(drilling: Drilling, run: RunFolder) -> None:
    """The evidence verifies, as an auditor would do it."""
    archive, _, sealed = bundle(run, drilling.folder / "evidence")
    _, problems = verify(archive, (sealed.manifest, sealed.journal))
    assert not problems


def _part(step: str, kind: Kind, part: str = "do") -> Callable[[Record], bool]:
    return lambda record: (
        record.kind is kind and (record.payload.get("step"), record.payload.get("part")) == (step, part)
    )


def test_a_switchover_to_the_metro_center_and_back_loses_nothing(drilling: Drilling) -> None:
    for name in ("switchover-metro", "failback-metro"):
        run, ended = drilling.run(name)
        assert ended.state is State.COMPLETED, ended
        measured = drilling.measured(run, name)
        print(f"{name}: {report(measured)}")
        _nothing_lost(measured)
        _sealed(drilling, run)


@pytest.mark.parametrize(
    ("name", "step"), [("switchover-dr", "promote"), ("failback-dr", "fence")], ids=["there", "back"]
)
def test_an_engine_killed_inside_a_step_goes_on_and_promotes_once(drilling: Drilling, name: str, step: str) -> None:
    """All instants are killed in simulated centers; here it is real hosts that did something nobody heard of."""
    run = drilling.killed(name, _part(step, Kind.INTENT))
    run, ended = drilling.resume(run.run, name)
    assert ended.state is State.COMPLETED, ended
    records = list(journal.records(run.journal).records)
    promoted = [one for one in records if _part("promote", Kind.REPLY)(one) and one.payload["outcome"] == "done"]
    assert acts(records, "promote") == 1 or all(one.payload["facts"].get("already") for one in promoted[1:])
    measured = drilling.measured(run, name)
    print(f"{name}, killed in {step}: {report(measured)}")
    _nothing_lost(measured)
    _sealed(drilling, run)


def test_cut_off_with_its_own_clients_the_old_writer_acknowledges_nothing_more(drilling: Drilling) -> None:
    """Partition with both writers alive: what anybody was told is written is there, whomever they told it to."""
    lab, name = drilling.lab, "lost-production-metro"
    try:
        cut = {"declare": lambda: _happens(lab, ("isolate", "cloud"))}
        run, ended = drilling.run(name, drill="real", overrides=UNSEEN, before=cut)
        assert ended.state in GOOD, ended
    finally:
        undo(lab, "isolate", ("cloud",))
    inside, outside = _acknowledged(lab, "cloud-ops", run.run), _acknowledged(lab, "provinces", run.run)
    there = _rows(lab, "bigdata-db", run.run)
    assert len(outside) > 20
    assert len(inside) > 5
    assert outside | inside <= there
    print(f"{name}: {report(drilling.measured(run, name))}")
    _home(drilling, "production-returned", "failback-metro")


def test_what_a_lagging_copy_lacks_is_counted_to_the_last_write(drilling: Drilling) -> None:
    """The line to the remote center was cut before the city was lost: LOST is what PostgreSQL there lacks, exactly."""
    lab, name = drilling.lab, "lost-city-dr"
    line = ("cloud", "dr")
    try:
        lost = {"declare": lambda: _happens(lab, ("cut-link", *line), ("lose-city",))}
        run, ended = drilling.run(name, drill="real", overrides=UNSEEN, before=lost)
        assert ended.state in GOOD, ended
    finally:
        undo(lab, "lose-city", ())
        undo(lab, "cut-link", line)
    measured = drilling.measured(run, name)
    print(f"{name}: {report(measured)}")
    there, before = _rows(lab, "dr-db", run.run), _rows(lab, "cloud-db", run.run)
    outside = _acknowledged(lab, "provinces", run.run)
    told = next(writes for writes in measured.writes if writes.vantage == "provinces")
    assert {("provinces", number) for number in told.lost} == outside - there
    assert told.lost
    assert outside - there <= before
    _home(drilling, "city-returned", "failback-dr")


def _happens(lab: Lab, *faults: tuple[str, ...]) -> None:
    """Some seconds of clients at work, then each fault, and a while after it."""
    for fault in faults:
        time.sleep(4)
        inject(lab, fault[0], fault[1:])
    time.sleep(2)


def _home(drilling: Drilling, returned: str, back: str) -> None:
    for name, drill in ((returned, "real"), (back, "switchover")):
        _, ended = drilling.run(name, drill=drill)
        assert ended.state in GOOD, f"{name}: {ended}"


def _acknowledged(lab: Lab, vantage: str, run: str) -> set[tuple[str, int]]:
    """The canary writes that a meter was told are written, from its own log on its host."""
    found = set()
    log = lab.layout.host(vantage) / "data" / "meters" / run / "canaries.jsonl"
    for line in log.read_text().splitlines():
        written = json.loads(line)
        if written.get("r") == "acked" and written.get("ch") == "database":
            found.add((vantage, int(written["n"])))
    return found


def _rows(lab: Lab, host: str, run: str) -> set[tuple[str, int]]:
    """The canaries of a run that a database holds, asked directly once it serves."""
    address = f"host={lab.address(host)} port={PORTS['postgres']} dbname=civil user=canary"
    limit = time.monotonic() + 60
    while True:
        try:
            with psycopg.connect(f"{address} connect_timeout=3", password=lab.password("canary")) as session:
                return set(session.execute("SELECT vantage, seq FROM canary WHERE run = %s", (run,)).fetchall())
        except psycopg.OperationalError:
            assert time.monotonic() < limit, f"{host} does not serve"
            time.sleep(0.5)
