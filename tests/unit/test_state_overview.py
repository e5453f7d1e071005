"""The page of `status`: nothing left out, and the age of every datum."""

from __future__ import annotations

import json

from checks.result import Result, Status
from state.overview import Overview, overview
from state.verdict import Fault
from tests.scenarios.estate import CENTERS
from tests.scenarios.world import START, Script


def page(script: Script, now: float) -> Overview:
    return overview(
        script.small.estate,
        script.store.verdicts(),
        script.store.latest(),
        script.store.incidents(open_only=True),
        subjects={check.id: check.subject for check in script.small.checks},
        watched_at=script.store.watched()[-1][1] if script.store.watched() else None,
        now=now,
    )


def troubled() -> Script:
    script = Script()
    script.quiet_start()
    script.world.off.add("cloud-db")
    script.world.mute.add("310000")
    script.run(100)
    return script


def test_the_page_shows_systems_by_centers_and_who_is_to_blame() -> None:
    script = troubled()
    found = page(script, START + 103)
    marriage = next(row for row in found.systems if row.line.subject == "system:marriage")
    cells = {center: cell and cell.status for center, cell in marriage.cells.items()}
    assert cells == {"cloud": Status.DOWN, "bigdata": Status.OK, "dr": Status.OK}
    assert marriage.line.cause == "host:cloud-db"
    assert found.provinces == {Status.OK: 2, Status.DOWN: 1}
    assert [line.subject for line in found.province_lines] == ["province:310000"]
    assert sorted(each.subject for each in found.incidents) == ["host:cloud-db", "province:310000"]
    assert found.watched_at == START + 100
    script.store.close()


def test_every_datum_has_its_age() -> None:
    script = troubled()
    found = page(script, START + 1000)
    ages = [line.age for line in (*found.hosts, *found.links, *(row.line for row in found.systems)) if line.age]
    assert min(ages) >= 900
    later = overview(
        script.small.estate,
        [],
        [Result("host/dr-db/ssh", "dr", Status.OK, "fine", START + 990, 0.1)],
        [],
        subjects={"host/dr-db/ssh": "host:dr-db"},
        watched_at=None,
        now=START + 1000,
    )
    assert {line.subject: line.age for line in later.hosts}["host:dr-db"] == 10
    script.store.close()


def test_an_empty_store_shows_everything_as_unknown() -> None:
    script = Script()
    found = page(script, START)
    lines = [*found.centers, *found.hosts, *found.links, found.estate, *(row.line for row in found.systems)]
    assert {(line.status, line.fault, line.age) for line in lines} == {(Status.UNKNOWN, Fault.WATCH, None)}
    assert len(found.centers) == len(CENTERS)
    script.store.close()


def test_the_json_is_plain_and_speaks_both_languages() -> None:
    script = troubled()
    zh, en = (json.loads(json.dumps(page(script, START + 103).to_json(lang))) for lang in ("zh", "en"))
    assert zh["centers"][0]["name"] == "政务云中心"
    assert en["centers"][0]["status"] == "degraded"
    assert any("主机 cloud-db 宕机" in each["sentence"] for each in zh["incidents"])
    assert en["systems"][1]["centers"]["cloud"]["status"] == "down"
    script.store.close()
