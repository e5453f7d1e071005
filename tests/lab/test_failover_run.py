"""The engine in the lab: what was acknowledged is there afterwards, whatever was switched and whoever was killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from failover.evidence import bundle
from failover.measured import Measured
from failover.records import State
from failover.verify_bundle import verify
from lab.client import Lab
from tests.lab.drilling import Drilling, acts, report

pytestmark = pytest.mark.lab


@pytest.fixture
def drilling(healthy: Lab, tmp_path: Path) -> Drilling:
    """A desk of its own for each test; the lab is shared, so every test brings the writer home."""
    return Drilling(healthy, tmp_path)


def _nothing_lost(measured: Measured) -> None:
    assert measured.writes, "no canaries were written"
    assert not measured.missing, measured.missing
    for writes in measured.writes:
        assert writes.acked > 20, writes
        assert not writes.lost, writes
        assert not writes.phantom, writes
        assert not writes.duplicate, writes
        assert writes.acked_after_fence == 0, writes


@pytest.mark.parametrize(("there", "back"), [("switchover-metro", "failback-metro"), ("switchover-dr", "failback-dr")])
def test_a_switchover_and_its_way_back_lose_nothing(drilling: Drilling, there: str, back: str) -> None:
    for name in (there, back):
        run, ended = drilling.run(name)
        assert ended.state is State.COMPLETED, ended
        measured = drilling.measured(run, name)
        print(f"{name}: {report(measured)}")
        _nothing_lost(measured)
        assert acts(drilling.records, "promote") >= 1
        archive, _, sealed = bundle(run, drilling.folder / "evidence")
        _, problems = verify(archive, (sealed.manifest, sealed.journal))
        assert not problems
