"""The order in which answers arrive changes nothing: one fault, one incident, nothing done that could not help.

Two orders are tried each time, the second in a busy world; TRICENTER_ARRIVALS makes them more.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from checks.result import Status
from tests.scenarios.arrival import Arrival
from tests.scenarios.world import START, World

_ORDERS = int(os.environ.get("TRICENTER_ARRIVALS", "2"))


def _city(world: World) -> None:
    world.isolate("cloud")
    world.isolate("bigdata")


@pytest.fixture(params=range(_ORDERS))
def script(request: pytest.FixtureRequest) -> Iterator[Arrival]:
    running = Arrival(request.param)
    running.quiet_start(40)
    yield running
    running.store.close()


@pytest.mark.parametrize(
    ("harm", "roots"),
    [
        (lambda world: world.isolate("dr"), {"center:dr"}),
        (lambda world: world.isolate("bigdata"), {"center:bigdata"}),
        (_city, {"center:cloud", "center:bigdata"}),
        (lambda world: world.cut_both("cloud", "bigdata"), {"link:cloud-bigdata"}),
        (lambda world: world.cut.add(("bigdata", "dr")), {"link:bigdata-dr"}),
        (lambda world: world.frozen.add("bigdata-db"), {"host:bigdata-db"}),
        (lambda world: world.off.add("dr-db"), {"host:dr-db"}),
        (lambda world: world.off.add("cloud-ops"), {"host:cloud-ops"}),
        (lambda world: world.stopped.add("marriage/db@cloud"), {"component:marriage/db@cloud"}),
    ],
    ids=["dr", "metro", "city", "cut", "one way", "frozen", "off", "prober off", "database"],
)
def test_whatever_order_answers_arrive_in_one_fault_is_one_incident(
    script: Arrival, harm: Callable[[World], None], roots: set[str]
) -> None:
    harm(script.world)
    script.run(80)
    assert set(script.roots()) == roots, _shown(script)
    script.world.heal()
    script.run(130)
    assert script.roots() == [], _shown(script)
    assert set(script.roots(open_only=False)) == roots, _shown(script)
    assert script.acted == set()


def test_trouble_right_after_a_recovery_is_news(script: Arrival) -> None:
    """The primary's copy was gone and its commits hung; it is well again, and then it dies by itself."""
    script.world.frozen.add("bigdata-db")
    script.run(80)
    script.world.heal()
    while script.status("component:marriage/db@cloud") is not Status.OK:
        script.run(script.time + 2)
    script.world.stopped.add("marriage/db@cloud")
    script.run(script.time + 20)
    assert "component:marriage/db@cloud" in script.roots(), _shown(script)


def _shown(script: Arrival) -> str:
    """What was opened and said, to be read when it is wrong."""
    incidents = (
        f"{one.subject}, noticed {one.noticed - START:.0f}, closed {(one.closed or START) - START:.0f}"
        for one in script.store.incidents()
    )
    return "\n".join((*incidents, *(line for line in script.told() if int(line.split()[0]) > 40)))
