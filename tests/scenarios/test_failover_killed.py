"""kill -9 at every instant: before, in and after every write of the journal, and inside every act; then resume."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from failover import chain
from failover.engine import Ended
from failover.engine_work import Choices
from failover.ports import Outcome, Reply
from failover.records import State
from tests.fakes.drill_plans import BACK, SYNC_BACK, UNPLANNED
from tests.fakes.drill_runs import STARTER, Stage, Story, from_text, plan
from tests.fakes.three_centers import Centers, Kill


def without_power() -> Centers:
    """The writer's center was lost a moment ago."""
    world = Centers()
    world.go_on(2.0)
    world.dead.add("cloud")
    return world


def lying_fence() -> Centers:
    """A fence that says it is done, and the writer goes on."""
    world = Centers()
    world.sabotage["pg-fence"] = lambda _: Reply(Outcome.DONE, facts={"lsn": 0, "timeline": 1, "system_id": "1"})
    return world


def lifted_fence() -> Centers:
    """A fence that somebody lifts once it is proved."""
    world = Centers()

    def lift() -> None:
        world.servers["cloud-db"].fenced = False
        world.moments["lifted"] = world.now

    world.after["pg-refused-write"] = lift
    return world


SHORT = Choices(STARTER, stay=False, soak=1.0)
STORIES: dict[str, tuple[Callable[[], Story], State]] = {
    "switchover": (lambda: Story(plan(), choices=SHORT), State.COMPLETED),
    "unplanned": (lambda: Story(from_text(UNPLANNED), without_power, choices=SHORT), State.COMPLETED),
    "nobody-commits": (lambda: Story(from_text(SYNC_BACK), commits=False, choices=SHORT), State.ROLLED_BACK),
    "lying-fence": (lambda: Story(plan(), lying_fence, choices=SHORT), State.PAUSED),
}


@cache
def story(name: str) -> Story:
    return STORIES[name][0]()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Thousands of small runs: in memory where there is such a disk."""
    import tempfile

    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else tmp_path) as made:
        yield Path(made)


def begin(folder: Path, name: str) -> Stage:
    stage = Stage(folder, story(name))
    stage.approve()
    return stage


def judged(stage: Stage, ended: Ended | None) -> dict[str, Any]:
    """What must be the same however often the engine was killed."""
    assert ended is not None
    found = chain.check(stage.folder.journal.read_bytes().splitlines(keepends=True))
    assert not found.broken
    assert stage.world.lost() == []
    assert stage.world.dual() == []
    assert all(server.promotions <= 1 for server in stage.world.servers.values())
    return {"state": ended.state, **stage.world.picture()}


@pytest.mark.parametrize("name", STORIES)
def test_killed_at_every_instant_it_ends_as_if_it_had_not_been(name: str, folder: Path) -> None:
    undisturbed, counting = begin(folder / "whole", name), Kill()
    expected = judged(undisturbed, undisturbed.play(counting))
    assert expected["state"] is STORIES[name][1]
    for instant in counting.distinct:
        stage = begin(folder / str(instant), name)
        assert stage.play(Kill(instant)) is None, f"instant {instant} of {counting.count} was not reached"
        assert judged(stage, stage.play()) == expected, f"killed at instant {instant}"


def test_killed_at_every_instant_a_lifted_fence_still_stops_the_promotion(folder: Path) -> None:
    """It pauses, or goes back when the meters see the old writer acknowledge first.

    Only when the crash came before the proof was on record may it go on, and then the fence was put up and proved anew.
    """
    lifted, counting = Story(from_text(BACK), lifted_fence, choices=SHORT), Kill()
    whole = Stage(folder / "whole", lifted)
    whole.approve()
    whole.play(counting)
    stopped = 0
    for instant in counting.distinct:
        stage = Stage(folder / str(instant), lifted)
        stage.approve()
        assert stage.play(Kill(instant)) is None
        state = judged(stage, stage.play())["state"]
        if state not in (State.PAUSED, State.ROLLED_BACK):
            order = [call.action for began, _, call in stage.world.calls if began > stage.world.moments["lifted"]]
            again = order.index("pg-fence")
            assert again < order.index("pg-refused-write", again) < order.index("pg-promote"), f"instant {instant}"
        else:
            stopped += 1
            assert stage.world.servers["bigdata-db"].promotions == 0
    assert stopped > len(counting.distinct) * 0.8


def test_killed_at_every_instant_and_sent_back_commits_wait_for_whom_they_waited_before(folder: Path) -> None:
    """Also when the engine never heard what the step found: the host knows, or surely did nothing."""
    back, counting = Story(from_text(SYNC_BACK), commits=False, choices=SHORT), Kill()
    begun = Stage(folder / "whole", back)
    begun.approve()
    over: list[int] = []
    begun.hooks.append(lambda record: over.append(counting.count) if record.payload.get("step") == "fence" else None)
    begun.play(counting)
    recalled = 0
    for instant in (each for each in counting.distinct if each < over[0]):
        stage = Stage(folder / str(instant), back)
        stage.approve()
        assert stage.play(Kill(instant)) is None
        stage.people.say("roll-back")
        ended = stage.play()
        assert ended is not None
        assert ended.state in (State.ROLLED_BACK, State.ABORTED), f"killed at instant {instant}: {ended}"
        assert stage.world.servers["cloud-db"].sync_names == ("bigdata-db",), f"killed at instant {instant}"
        recalled += any(call.action == "recall" for _, _, call in stage.world.calls)
    assert recalled >= 3  # before the act, in it, and before its reply was heard


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(STORIES)), instants=st.lists(st.integers(0, 250), min_size=2, max_size=4))
def test_killed_again_and_again(name: str, instants: list[int], folder: Path) -> None:
    undisturbed = begin(folder / str(next(_NUMBERS)), name)
    expected = judged(undisturbed, undisturbed.play())
    stage = begin(folder / str(next(_NUMBERS)), name)
    ended = None
    for instant in instants:
        ended = ended or stage.play(Kill(instant))
    assert judged(stage, ended or stage.play()) == expected


_NUMBERS = itertools.count()
