"""The way back: what was blamed on something larger does not become trouble of its own while it recovers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from checks.result import Status
from tests.scenarios.estate import KINDS
from tests.scenarios.world import Action, Script, World

DOWN = Status.DOWN


@pytest.fixture
def script() -> Iterator[Script]:
    running = Script()
    running.quiet_start()
    yield running
    running.store.close()


def _off(*centers: str) -> Action:
    return lambda world: world.off.update(f"{center}-{kind}" for center in centers for kind in KINDS)


def _isolated(center: str) -> Action:
    return lambda world: world.isolate(center)


@pytest.mark.parametrize("seconds", [30, 34, 37, 41, 120])
@pytest.mark.parametrize(
    ("harm", "roots"),
    [
        (lambda world: world.off.add("cloud-app"), {"host:cloud-app"}),
        (lambda world: world.frozen.add("cloud-db"), {"host:cloud-db"}),
        (lambda world: world.off.add("dr-ops"), {"host:dr-ops"}),
        (_isolated("dr"), {"center:dr"}),
        (_isolated("cloud"), {"center:cloud"}),
        (_off("bigdata"), {"center:bigdata"}),
        (_off("cloud", "bigdata"), {"center:cloud", "center:bigdata"}),
        (lambda world: world.cut_both("cloud", "bigdata"), {"link:cloud-bigdata"}),
    ],
    ids=["off", "frozen", "prober off", "dr isolated", "cloud isolated", "no power", "no city", "cut"],
)
def test_what_recovers_later_than_its_cause_opens_no_incident(
    script: Script, harm: Callable[[World], None], roots: set[str], seconds: int
) -> None:
    harm(script.world)
    script.run(60 + seconds)
    assert set(script.roots()) == roots
    script.world.heal()
    script.run(160 + seconds)
    assert script.roots() == []
    assert set(script.roots(open_only=False)) == roots, script.told()


def test_what_stays_broken_after_its_host_is_back_is_trouble_of_its_own(script: Script) -> None:
    script.world.off.add("cloud-app")
    script.run(120)
    script.world.heal()
    script.world.stopped.add("marriage/app@cloud")
    script.run(180)
    assert script.status("host:cloud-app") is Status.OK
    assert script.roots() == ["component:marriage/app@cloud"]


def test_what_breaks_right_after_its_host_is_back_is_noticed_as_soon_as_ever(script: Script) -> None:
    script.world.off.add("cloud-app")
    script.run(120)
    script.world.heal()
    script.run(150)
    script.world.stopped.add("marriage/app@cloud")
    script.run(180)
    script.expect("component:marriage/app@cloud", DOWN, 155, 175)
