"""Faults as time scripts: what happens at second 60, what is said of it, when, and that it heals.

Checks run every 10 s (links: 2 s) and count after 2 of 3, so a fault is due within about 20 s of its beginning.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from checks.result import Status
from state.verdict import Fault
from tests.scenarios.world import START, Script

OK, DEGRADED, DOWN, UNKNOWN = Status


@pytest.fixture
def script() -> Iterator[Script]:
    running = Script()
    running.quiet_start()
    yield running
    running.store.close()


def heals(script: Script, seconds: float = 60) -> None:
    """After the repair everything is ok again and no incident is left open."""
    script.world.heal()
    script.run(script.time + seconds)
    wrong = {about: status for about, status in script.statuses().items() if status is not OK}
    assert not wrong, (wrong, script.told())
    assert script.roots() == []


def test_ten_quiet_minutes_bring_no_change(script: Script) -> None:
    assert script.run(660) == []
    assert script.store.incidents() == []


def test_a_stopped_service_is_the_service_and_not_its_host(script: Script) -> None:
    script.world.stopped.add("marriage/app@cloud")
    script.run(90)
    change = script.expect("component:marriage/app@cloud", DOWN, 70, 85)
    assert change.fault is Fault.SERVICE
    assert 60 < change.since - START <= 71, "dated back to the first failure"
    assert script.status("host:cloud-app") is OK
    assert script.status("system:marriage") is DOWN
    assert script.roots() == ["component:marriage/app@cloud"]
    heals(script)


def test_a_host_without_power_takes_the_blame_for_what_ran_on_it(script: Script) -> None:
    script.world.off.add("cloud-db")
    script.run(90)
    change = script.expect("host:cloud-db", DOWN, 70, 85)
    assert (change.fault, change.because.code) == (Fault.HOST, "host.down")
    assert script.expect("component:marriage/db@cloud", DOWN, 70, 85).cause == "host:cloud-db"
    assert script.roots() == ["host:cloud-db"]
    affected = script.store.incidents(open_only=True)[0].affects
    assert {"component:marriage/db@cloud", "system:marriage", "center:cloud"} <= set(affected)
    heals(script)


def test_a_frozen_host_is_down_though_it_still_accepts_connections(script: Script) -> None:
    script.world.frozen.add("cloud-app")
    script.run(90)
    assert script.expect("host:cloud-app", DOWN, 70, 85).because.code == "host.frozen"
    assert script.roots() == ["host:cloud-app"]
    heals(script)


def test_a_full_disk_degrades_its_host(script: Script) -> None:
    script.world.full.add("dr-db")
    script.run(90)
    change = script.expect("host:dr-db", DEGRADED, 70, 85)
    assert change.because.facts["said"] == "disk 99 % full"
    assert script.status("component:marriage/db@dr") is OK
    heals(script)


@pytest.mark.parametrize("ways", [[("cloud", "bigdata"), ("bigdata", "cloud")], [("cloud", "bigdata")]])
def test_a_cut_link_is_the_link_even_if_only_one_direction_is_cut(script: Script, ways: list[tuple[str, str]]) -> None:
    """TCP needs both directions, so a one-way cut is seen from both ends."""
    script.world.cut |= set(ways)
    script.run(180)
    change = script.expect("link:cloud-bigdata", DOWN, 62, 70)
    assert (change.fault, change.because.code) == (Fault.LINK, "link.cut")
    assert change.because.facts["referee"] == "dr"
    assert script.roots() == ["link:cloud-bigdata"]
    assert {about for about, status in script.statuses().items() if status is not OK} == {
        "link:cloud-bigdata",
        "estate",
    }
    heals(script)


def test_added_latency_degrades_the_link(script: Script) -> None:
    script.world.slow.add("cloud-dr")
    script.run(90)
    assert script.expect("link:cloud-dr", DEGRADED, 62, 70).because.code == "link.slow"
    heals(script)


def test_an_isolated_center_is_down_for_users_and_unknown_inside(script: Script) -> None:
    script.world.isolate("cloud")
    script.run(120)
    change = script.expect("center:cloud", DOWN, 62, 85)
    assert (change.fault, change.because.code) == (Fault.ISOLATED, "center.dark")
    assert script.status("host:cloud-db") is UNKNOWN
    assert script.status("component:marriage/app@cloud") is UNKNOWN
    assert script.expect("system:marriage", DOWN, 62, 90).cause == "center:cloud"
    assert script.status("link:cloud-dr") is DOWN
    assert script.status("link:bigdata-dr") is OK
    assert script.roots() == ["center:cloud"]
    heals(script)


def test_a_center_that_only_the_desk_still_reaches_is_cut_off_and_alive(script: Script) -> None:
    script.world.isolate("cloud", desk_too=False)
    script.run(120)
    change = script.expect("center:cloud", DEGRADED, 62, 85)
    assert (change.fault, change.because.code) == (Fault.ISOLATED, "center.cut_off")
    assert script.status("host:cloud-db") is OK
    assert script.expect("system:marriage", DEGRADED, 62, 90).because.code == "system.cut_off"
    assert script.roots() == ["center:cloud"]
    heals(script)


def test_a_lost_city_is_named(script: Script) -> None:
    script.world.isolate("cloud")
    script.world.isolate("bigdata")
    script.run(120)
    assert script.status("center:cloud") is DOWN
    assert script.status("center:bigdata") is DOWN
    verdicts = {each.subject: each for each in script.store.verdicts()}
    assert verdicts["center:cloud"].because.code == "center.city_lost"
    assert verdicts["center:cloud"].because.facts["site_zh"] == "北京"
    assert script.status("center:dr") is OK
    assert sorted(script.roots()) == ["center:bigdata", "center:cloud"]
    heals(script)


def test_a_center_without_power_is_a_lost_center_and_not_fifteen_incidents(script: Script) -> None:
    script.world.off |= {f"bigdata-{kind}" for kind in ("entry", "app", "db", "xchg", "ops")}
    script.run(120)
    assert script.expect("center:bigdata", DOWN, 62, 85).fault is Fault.ISOLATED
    assert script.roots() == ["center:bigdata"]
    assert script.status("system:marriage") is DEGRADED, "only readiness is lost"
    heals(script)


def test_most_hosts_down_while_the_prober_lives_is_the_center(script: Script) -> None:
    script.world.off |= {f"bigdata-{kind}" for kind in ("entry", "app", "db", "xchg")}
    script.run(120)
    change = script.expect("center:bigdata", DOWN, 62, 90)
    assert (change.fault, change.because.code) == (Fault.CENTER, "center.down")
    assert script.roots() == ["center:bigdata"]
    heals(script)


@pytest.mark.parametrize("center", ["cloud", "bigdata", "dr"])
def test_a_dead_operations_host_never_takes_its_center_with_it(script: Script, center: str) -> None:
    """Prober and Prometheus die together: every voice of the center falls silent, and its link checks fail."""
    script.world.off.add(f"{center}-ops")
    script.run(180)
    assert script.expect(f"host:{center}-ops", DOWN, 65, 90)
    said = {change.subject: change.new for change in script.changes if change.at > START + 60}
    assert said[f"center:{center}"] is DEGRADED
    assert not [about for about in said if about.startswith("link:")]
    assert script.roots() == [f"host:{center}-ops"]
    heals(script)


def test_a_stale_prober_is_the_watch_and_nothing_else(script: Script) -> None:
    script.world.dead_probers.add("dr")
    script.run(300)
    assert script.expect("watch:dr", DOWN, 62, 85).because.code == "watch.silent"
    assert script.roots() == ["watch:dr"]
    assert script.status("center:dr") is OK
    assert script.status("component:marriage/app@dr") is OK, "others still see it"
    heals(script)


def test_a_desk_that_loses_one_center_blames_the_watch(script: Script) -> None:
    script.world.cut_both("desk", "dr")
    script.run(300)
    assert script.expect("watch:dr", DOWN, 62, 75).because.code == "watch.unreached"
    assert script.roots() == ["watch:dr"]
    assert script.status("center:dr") is OK
    heals(script)


def test_a_restarted_prober_raises_no_false_word_about_links_or_centers(script: Script) -> None:
    for start in range(60, 300, 17):
        script.run(start)
        script.world.dead_probers.add("bigdata")
        script.run(start + 5)
        script.world.dead_probers.clear()
    script.run(360)
    spoken = {change.subject for change in script.changes if change.at > START + 60}
    assert spoken <= {"watch:bigdata", "estate"}, script.told()


def test_a_blip_is_no_incident(script: Script) -> None:
    for start in range(60, 360, 60):
        script.run(start)
        script.world.stopped.add("marriage/app@cloud")
        script.run(start + 9)
        script.world.heal()
    script.run(420)
    assert not [change for change in script.changes if change.at > START + 60], script.told()


def test_a_silent_province_is_the_province(script: Script) -> None:
    script.world.mute.add("310000")
    script.run(90)
    assert script.expect("province:310000", DOWN, 70, 85).fault is Fault.PROVINCE
    assert script.roots() == ["province:310000"]
    heals(script)


def test_provinces_behind_a_dead_front_end_are_not_blamed(script: Script) -> None:
    script.world.off.add("cloud-xchg")
    script.run(90)
    assert script.expect("province:110000", DOWN, 65, 85).cause == "host:cloud-xchg"
    assert script.roots() == ["host:cloud-xchg"]
    assert [each.subject for each in script.store.incidents() if each.subject.startswith("province")] == []
    heals(script)


def test_a_lost_standby_is_lost_readiness_and_no_outage(script: Script) -> None:
    script.world.stopped.add("marriage/app@dr")
    script.run(90)
    change = script.expect("system:marriage", DEGRADED, 65, 85)
    assert (change.because.code, change.cause) == ("system.readiness_lost", "component:marriage/app@dr")
    heals(script)


def test_two_faults_at_once_are_two_incidents(script: Script) -> None:
    script.world.cut_both("bigdata", "dr")
    script.world.off.add("cloud-db")
    script.run(180)
    assert sorted(script.roots()) == ["host:cloud-db", "link:bigdata-dr"]
    heals(script)


def test_a_host_that_dies_before_its_center_is_lost_is_merged_into_the_larger_incident(script: Script) -> None:
    script.world.off.add("bigdata-db")
    script.run(100)
    (host,) = [each for each in script.store.incidents(open_only=True) if each.subject == "host:bigdata-db"]
    script.world.isolate("bigdata")
    script.run(160)
    assert script.roots() == ["center:bigdata"]
    (center,) = script.store.incidents(open_only=True)
    assert center.opened == host.opened, "dates back to the first trouble"
    assert [each.merged for each in script.store.incidents() if each.id == host.id] == [center.id]
    heals(script)


@pytest.mark.parametrize("away", [8, 200])
def test_an_outage_survives_a_restart_of_the_watch(script: Script, away: int) -> None:
    script.world.off.add("cloud-db")
    script.run(100)
    opened = script.store.incidents(open_only=True)
    script.stop_watch()
    script.run(100 + away)
    script.start_watch()
    script.run(150 + away)
    assert script.status("host:cloud-db") is DOWN
    assert [(each.id, each.opened) for each in script.store.incidents(open_only=True)] == [
        (each.id, each.opened) for each in opened
    ], "the same incident, not a new one"
    assert len(script.store.watched()) == (1 if away < 75 else 2)
    heals(script)


def test_the_chain_of_changes_of_every_subject_is_continuous(script: Script) -> None:
    for action in (script.world.off.add, script.world.frozen.add, script.world.stopped.add):
        action("cloud-app")
        script.run(script.time + 40)
        script.world.isolate("cloud")
        script.run(script.time + 40)
        script.world.heal()
        script.run(script.time + 40)
    current: dict[str, Status] = {}
    began: dict[str, float] = {}
    for change in script.store.changes():
        assert change.old is current.get(change.subject, UNKNOWN)
        assert began.get(change.subject, 0.0) <= change.since <= change.at
        current[change.subject], began[change.subject] = change.new, change.since
    assert {about: current.get(about, UNKNOWN) for about in script.statuses()} == script.statuses()
