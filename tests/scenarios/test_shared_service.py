"""A service that several systems share: one stopped program is one fault, one incident, one thing to repair."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from checks.result import Status
from inventory.services import shared
from state.verdict import Fault
from tests.scenarios.estate import sharing
from tests.scenarios.test_faults import heals
from tests.scenarios.world import Script

OK, DOWN = Status.OK, Status.DOWN
APPS = [f"{system}/app@cloud" for system in ("marriage", "subsidies", "place-names")]
SERVICE = "service:cloud-app/app"


@pytest.fixture
def script() -> Iterator[Script]:
    running = Script(sharing())
    running.quiet_start()
    yield running
    running.store.close()


def test_only_services_with_several_users_are_shared() -> None:
    found = shared(sharing().estate)
    assert set(found) == {(f"{center}-app", "app") for center in ("cloud", "bigdata", "dr")}
    assert found["cloud-app", "app"] == tuple(f"component:{app}" for app in APPS)


def test_a_stopped_shared_service_is_one_incident_from_the_first_moment(script: Script) -> None:
    script.world.stopped.update(APPS)
    script.run(120)
    change = script.expect(SERVICE, DOWN, 66, 85)
    assert change.fault is Fault.SERVICE
    assert script.roots() == [SERVICE]
    opened = {each.subject: each for each in script.store.incidents()}
    assert not [about for about in opened if about.startswith("component:")], "no component opened one of its own"
    suffering = opened[SERVICE].affects
    assert {f"component:{app}" for app in APPS} <= set(suffering)
    assert "system:marriage" in suffering
    assert script.status("host:cloud-app") is OK
    script.world.heal()
    script.run(200)
    assert script.roots(open_only=False) == [SERVICE], "nothing new opens while the many recover one by one"
    heals(script)


def test_one_ill_system_of_many_on_a_service_is_that_system(script: Script) -> None:
    script.world.stopped.add(APPS[0])
    script.run(120)
    script.expect(f"component:{APPS[0]}", DOWN, 66, 95)
    assert script.status(SERVICE) is OK
    assert script.roots() == [f"component:{APPS[0]}"]
    heals(script)


def test_a_dead_host_is_the_cause_of_its_services_too(script: Script) -> None:
    script.world.off.add("cloud-app")
    script.run(120)
    assert script.roots() == ["host:cloud-app"]
    heals(script)


def test_an_isolated_center_says_nothing_of_its_services(script: Script) -> None:
    script.world.isolate("cloud")
    script.run(120)
    assert script.status(SERVICE) is Status.UNKNOWN
    assert script.roots() == ["center:cloud"]
    heals(script, 90)
