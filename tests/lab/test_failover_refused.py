"""A drill in the lab that must not begin: nothing is meant, nothing is touched, and the reason is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from failover import journal
from failover.approvals import give
from failover.plan_load import OWN
from failover.records import Kind, State
from failover.start import Desk
from lab.client import Lab
from lab.faults import inject, undo
from tests.lab.engine_process import Job, People, carry, person, read_plan
from tests.lab.order import order, settled

pytestmark = pytest.mark.lab
_HOURS = 3600.0


def _refused(lab: Lab, folder: Path, ago: float = 0.0) -> str:
    """Why a switchover does not begin; ``ago``: how long ago it was approved, seconds."""
    job = Job(lab.estate_folder, lab.folder / "desk", folder / "runs", OWN / "switchover-dr.yml", folder / "engine.log")
    file, desk = read_plan(job.plan), Desk(job.desk, job.runs)
    for approval in file.plan.approvals:
        who = person(file.plan, approval.role)
        give(desk.approvals, file.plan, file.digest, approval.role, who, desk.clock.wall() - ago)
    left = carry(job, People(desk, file.plan))
    assert left.standing.state is State.REFUSED, left.standing
    kinds = {record.kind for record in journal.records(left.run.journal).records}
    assert not kinds & {Kind.INTENT, Kind.DECIDED}
    return left.standing.because


@pytest.mark.parametrize(
    ("host", "why"),
    [("bigdata-db", "hosts-answer fail: bigdata-db"), ("dr-ops", "vantages-measure fail: dr-ops")],
    ids=["a host", "a vantage"],
)
def test_what_does_not_answer_is_named_and_nothing_begins(healthy: Lab, tmp_path: Path, host: str, why: str) -> None:
    before = order(healthy)
    try:
        inject(healthy, "power-off", (host,))
        assert _refused(healthy, tmp_path).startswith(why)
    finally:
        undo(healthy, "power-off", (host,))
    assert settled(healthy, before, 60.0) == before


def test_an_approval_of_yesterday_is_none(healthy: Lab, tmp_path: Path) -> None:
    before = order(healthy)
    assert _refused(healthy, tmp_path, 25 * _HOURS) == "approval of approver: expired"
    assert order(healthy) == before
