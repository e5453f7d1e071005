"""kill -9 of the engine at every boundary of the journal and inside every step's act: real hosts, one run of a plan.

Each engine is killed at the first point where none was killed before; the next one resumes; the last one comes to the
end. ``OPS_KILLS=all`` (``make drill-kills``) visits every point, there and back, in both cities; with ``dear`` only
the steps for which clients wait are visited, where a mistake costs most. All instants, also those in the middle of a
write, are killed in simulated centers (``tests/scenarios/test_failover_killed.py``).
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from failover import journal
from failover.approvals import give
from failover.evidence import bundle
from failover.meter.measure import measure
from failover.plan import Objectives
from failover.plan_load import OWN
from failover.records import Kind, Record, State
from failover.run_folder import RunFolder
from failover.start import Desk
from failover.verify_bundle import verify
from lab.client import Lab
from tests.lab.engine_process import INSIDE, REFUSED, Job, Left, People, carry, person, read_plan
from tests.lab.order import Order, order, settled, timeline
from tests.lab.switching import DATABASES, ENTRIES

_WANTED = os.environ.get("OPS_KILLS", "")
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not _WANTED, reason="a quarter of an hour and more: make drill-kills (or OPS_KILLS=dear)"),
]
ALL = _WANTED == "all"
DEAR = ("fence", "catch-up", "promote", "point")  #: the steps for which clients wait
_CHOSEN = tuple(f"{kind} {step}" for kind in ("intent", "result") for step in DEAR)
_PATIENCE = (("{when: outage-over, limit: 45s}", "{when: outage-over, limit: 1h}"), ("timeout: 10m", "timeout: 60s"))
_MOST = 400  #: engines of one run
CLOUD, BIGDATA, DR = DATABASES
MOVES = {
    "switchover-dr": (CLOUD, DR),
    "failback-dr": (DR, CLOUD),
    "switchover-metro": (CLOUD, BIGDATA),
    "failback-metro": (BIGDATA, CLOUD),
}
#: the order in which a switchover to the remote center leaves the lab
REMOTE = Order(
    (f"{CLOUD} standby", f"{BIGDATA} standby", f"{DR} primary, commits wait for nobody"),
    (f"{BIGDATA} streaming async", f"{CLOUD} streaming async"),
    tuple(f"{entry} -> {DR}; kept out: nobody" for entry in ENTRIES),
)


@dataclass
class Play:
    """One plan in the lab, undisturbed or killed again and again."""

    lab: Lab
    folder: Path

    def job(self, name: str) -> Job:
        """The product's plan with other patience: clients wait while engines are killed, and a look at a copy that does
        not follow yet lasts as long as its step may.
        """
        text = (OWN / f"{name}.yml").read_text(encoding="utf-8")
        for old, new in _PATIENCE:
            assert old in text, old
            text = text.replace(old, new)
        plan = self.folder / "plans" / f"{name}.yml"
        plan.parent.mkdir(parents=True, exist_ok=True)
        plan.write_text(text, encoding="utf-8")
        desk = self.lab.folder / "desk"
        return Job(self.lab.estate_folder, desk, self.folder / "runs", plan, self.folder / f"{name}.log")

    def approve(self, job: Job) -> People:
        """Approvals are given; the people of the plan."""
        file, desk = read_plan(job.plan), Desk(job.desk, job.runs)
        for approval in file.plan.approvals:
            who = person(file.plan, approval.role)
            give(desk.approvals, file.plan, file.digest, approval.role, who, desk.clock.wall())
        # After a minute without a database the applications need some seconds; who asks them sooner asks again. On a
        # machine that is very busy a playbook may not even start in the time of its step.
        return People(desk, file.plan, bears=("business", "release"))

    def whole(self, name: str) -> tuple[RunFolder, Order]:
        """The plan as it goes when nobody kills anything, and the order it leaves."""
        job = self.job(name)
        left = carry(job, self.approve(job))
        assert left.standing.state is State.COMPLETED, left.standing.because
        return left.run, order(self.lab)

    def killed(self, name: str, took: dict[str, float]) -> tuple[Left, list[str], list[str]]:
        """The plan with an engine for every point; the run, the points in their order, and why it was resumed."""
        job = self.job(name)
        visited = self.folder / f"{name}.visited"
        job = replace(job, visited=visited, chosen=() if ALL else _CHOSEN, inside=took)
        people = self.approve(job)
        left = carry(job, people)
        for _ in range(_MOST):
            assert left.killed, f"{left.code}: {left.standing.state} {left.standing.because}"
            left = carry(replace(job, run=left.run.run), people)
            if not left.killed:
                break
        if ALL:  # the last point is behind the last record: there is nothing to resume, and the desk says so
            assert left.code == REFUSED
        return left, visited.read_text().splitlines(), people.paused


@pytest.fixture
def play(healthy: Lab, tmp_path: Path) -> Play:
    """The lab is shared, so the test brings the writer home."""
    return Play(healthy, tmp_path)


def _took(run: RunFolder) -> dict[str, float]:
    """Where the middle of each step's act lies, in seconds after its intent."""
    began: dict[str, int] = {}
    took: dict[str, float] = {}
    for record in journal.records(run.journal).records:
        step = str(record.payload.get("step", ""))
        if record.kind is Kind.INTENT:
            began[step] = record.mono_ns
        if record.kind is Kind.REPLY and record.payload["part"] == "do":
            took[step] = (record.mono_ns - began[step]) / 2e9
    return took


def _deaths(records: list[Record]) -> list[set[str]]:
    """For each engine that died: the steps whose act was under way, as the journal tells it."""
    found: list[set[str]] = []
    under_way: dict[str, int] = {}
    for record in records:
        step = str(record.payload.get("step", ""))
        if record.kind is Kind.INTENT:
            under_way[step] = len(record.payload["calls"])
        elif record.kind is Kind.REPLY and record.payload["part"] == "do" and step in under_way:
            under_way[step] -= 1
        elif record.kind is Kind.RECOVERED:
            found.append({step for step, left in under_way.items() if left > 0})
            under_way.clear()
    return found


def _alike(play: Play, name: str, wanted: Order, whole: RunFolder | None = None) -> str:
    """A run killed at every point ends in the wanted order, promoted once, nothing lost; figures of it."""
    old, new = MOVES[name]
    before, began = timeline(play.lab, old), time.monotonic()
    left, points, paused = play.killed(name, _took(whole) if whole else {})
    assert left.standing.state is State.COMPLETED, left.standing.because
    assert left.over
    assert settled(play.lab, wanted) == wanted
    assert timeline(play.lab, new) == before + 1, "promoted more than once, or not at all"
    records = list(journal.records(left.run.journal).records)
    acted = {str(record.payload["step"]) for record in records if record.kind is Kind.INTENT}
    inside = set().union(*_deaths(records))
    assert inside >= (acted if ALL else set(DEAR)), acted - inside
    assert len(set(points)) == len(points)
    _measured(left.run, records, read_plan(play.job(name).plan).plan.objectives)
    archive, _, sealed = bundle(left.run, play.folder / "evidence")
    assert not verify(archive, (sealed.manifest, sealed.journal))[1]
    within = sum(one.startswith(INSIDE) for one in points)
    figures = f"{len(points)} engines killed, {within} of them in an act; {len(records)} records"
    return f"{name}: {figures}; {time.monotonic() - began:.0f} s; pauses: {paused or 'none'}"


def _measured(run: RunFolder, records: list[Record], objectives: Objectives) -> None:
    """The meters saw it all, over the whole chain of engines."""
    measured = measure(run, records, objectives)
    assert not measured.missing
    for writes in measured.writes:
        assert writes.acked > 20
        assert (writes.lost, writes.phantom, writes.duplicate, writes.acked_after_fence) == ((), (), (), 0), writes


def test_killed_while_clients_wait_it_ends_as_ever(play: Play) -> None:
    """Only the steps between fence and traffic: what `make test` has the time for."""
    home = order(play.lab)
    print("\n" + _alike(play, "switchover-dr", REMOTE))
    assert play.whole("failback-dr")[1] == home


@pytest.mark.skipif(not ALL, reason="takes long: make drill-kills")
@pytest.mark.parametrize(("there", "back"), [("switchover-dr", "failback-dr"), ("switchover-metro", "failback-metro")])
def test_killed_at_every_boundary_and_inside_every_act_it_ends_as_if_it_had_not_been(
    play: Play, there: str, back: str
) -> None:
    """There and back undisturbed, then there and back with an engine for each point."""
    (away, at_away), (home, at_home) = play.whole(there), play.whole(back)
    print("\n" + _alike(play, there, at_away, away))
    print(_alike(play, back, at_home, home))
