"""The plans of another database stack by the engine in the simulated centers: there, back, undone, killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from failover.engine_work import Choices
from failover.records import Kind, Record, State
from tests.fakes.drill_runs import STARTER, Stage, Story, plan
from tests.fakes.three_centers import Centers
from tests.fakes.three_centers import Kill as Killing

THERE, BACK = plan("patroni/patroni-switchover-metro"), plan("patroni/patroni-failback-metro")
SHORT = Choices(STARTER, stay=False, soak=1.0)


def staged(folder: Path, of: Story) -> Stage:
    stage = Stage(folder, of)
    stage.approve()
    return stage


def nothing_lost(world: Centers, writer: str) -> None:
    there = world.primary()
    assert there is not None
    assert (there.host, world.lost(), world.dual()) == (writer, [], [])


def test_there_and_back(tmp_path: Path) -> None:
    world = Centers()
    for number, (bound, writer) in enumerate(((THERE, "bigdata-db"), (BACK, "cloud-db"))):
        stage = staged(tmp_path / str(number), Story(bound, world=lambda: world, choices=SHORT))
        stage.clock.monotonic = max(stage.clock.monotonic, world.now)
        ended = stage.play()
        assert ended is not None
        assert ended.state is State.COMPLETED, ended
        nothing_lost(world, writer)


@pytest.mark.parametrize("step", ["switch", "point", "release"])
def test_undone_the_writer_is_where_it_was(tmp_path: Path, step: str) -> None:
    stage = staged(tmp_path, Story(THERE, choices=SHORT))

    def abort(record: Record) -> None:
        if record.kind is Kind.RESULT and record.payload["step"] == step:
            stage.people.say("abort")

    stage.hooks.append(abort)
    ended = stage.play()
    assert ended is not None
    assert ended.state is State.ROLLED_BACK, ended
    nothing_lost(stage.world, "cloud-db")


def test_killed_at_any_instant_it_goes_on(tmp_path: Path) -> None:
    counting = Killing()
    whole = staged(tmp_path / "whole", Story(THERE, choices=SHORT))
    assert whole.play(counting)
    for instant in counting.distinct[::3]:  # the engine's own instants are killed one by one elsewhere
        stage = staged(tmp_path / str(instant), Story(THERE, choices=SHORT))
        assert stage.play(Killing(instant)) is None
        ended = stage.play()
        assert ended is not None
        assert ended.state is State.COMPLETED, (instant, ended)
        nothing_lost(stage.world, "bigdata-db")
        assert stage.world.servers["bigdata-db"].promotions == 1
