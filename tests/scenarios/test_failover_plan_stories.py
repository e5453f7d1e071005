"""Every plan of the product carried out by the engine in the simulated centers: the failure, and the way home."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from failover import approvals
from failover.engine_work import Choices
from failover.records import State
from tests.fakes.drill_runs import COMMANDER, STARTER, Stage, Story, plan
from tests.fakes.three_centers import Centers

SAYS = {"commander": COMMANDER, "operator": "zhao-lei", "business": "li-xiulan"}
Happens = Callable[[Centers], None]


def lose(*centers: str) -> Happens:
    return lambda world: world.dead.update(centers)


def bring_back(*centers: str) -> Happens:
    return lambda world: world.dead.difference_update(centers)


def cut(one: str, other: str) -> Happens:
    return lambda world: world.cut.add(frozenset((one, other)))


def heal(world: Centers) -> None:
    world.cut.clear()


def carry_out(world: Centers, name: str, folder: Path) -> State | None:
    bound = plan(name)
    kind = "rehearsal" if "rehearsal" in bound.plan.drills else "real"
    stage = Stage(folder, Story(bound, world=lambda: world, choices=Choices(STARTER, drill=kind, stay=False)))
    stage.clock.monotonic = max(stage.clock.monotonic, world.now)
    stage.approve()
    if any(one.role == "accept-loss" for one in bound.plan.approvals):
        given = stage.state / "approvals"
        approvals.give(given, bound.plan, bound.digest, "accept-loss", "he-yan", stage.clock.wall() - 1.0)
    stage.people.answer = lambda step: stage.people._later(  # type: ignore[method-assign]
        0.5, "confirm", SAYS[bound.plan.step(step).role or "commander"], step
    )
    ended = stage.play()
    return ended.state if ended else None


#: what happens, and where the writer is at the end
STORIES: dict[str, tuple[tuple[str | Happens, ...], str]] = {
    "metro and back": (("switchover-metro", "failback-metro"), "cloud-db"),
    "remote and back": (("switchover-dr", "failback-dr"), "cloud-db"),
    "production lost": (
        (lose("cloud"), "lost-production-metro", bring_back("cloud"), "production-returned", "failback-metro"),
        "cloud-db",
    ),
    "production lost, to the remote center": (
        (lose("cloud"), "lost-production-dr", bring_back("cloud"), "city-returned", "failback-dr"),
        "cloud-db",
    ),
    "the city lost": ((lose("cloud", "bigdata"), "lost-city-dr"), "dr-db"),
    "the line cut": ((cut("cloud", "bigdata"), "link-cut-metro", heal, "link-restored"), "cloud-db"),
    "the metro center lost": ((lose("bigdata"), "metro-lost", bring_back("bigdata"), "metro-returned"), "cloud-db"),
    "the remote center lost": ((lose("dr"), "dr-lost", bring_back("dr"), "dr-returned"), "cloud-db"),
}


@pytest.mark.parametrize("title", STORIES)
def test_a_story_ends_well(title: str, tmp_path: Path) -> None:
    events, writer = STORIES[title]
    world = Centers()
    for number, event in enumerate(events):
        if callable(event):
            event(world)
        else:
            assert carry_out(world, event, tmp_path / str(number)) is State.COMPLETED, event
    there = world.primary()
    assert there
    assert there.host == writer
    assert world.lost() == []
    assert world.dual() == []


def test_a_city_that_comes_back_is_stopped_and_rejoins(tmp_path: Path) -> None:
    """Its old writer may acknowledge until it is stopped: that is why the differences are kept before it rejoins."""
    world = Centers()
    events: tuple[str | Happens, ...] = (lose("cloud", "bigdata"), "lost-city-dr", bring_back("cloud", "bigdata"))
    for number, event in enumerate(events):
        if callable(event):
            event(world)
        else:
            assert carry_out(world, event, tmp_path / str(number)) is State.COMPLETED
    assert carry_out(world, "city-returned", tmp_path / "back") is State.COMPLETED
    assert world.servers["cloud-db"].serves == world.servers["bigdata-db"].serves == "standby"
    assert carry_out(world, "failback-dr", tmp_path / "home") is State.COMPLETED
    there = world.primary()
    assert there
    assert there.host == "cloud-db"


def test_every_plan_has_a_story() -> None:
    from failover.lint import ours

    assert {event for events, _ in STORIES.values() for event in events if isinstance(event, str)} == set(ours())
