"""What is known of each center when its Prometheus, its prober, both or neither answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from checks.collect import Collected, collect
from checks.result import Result, Status
from inventory.errors import Mark
from inventory.model import Center, Defaults, Estate, Name, Role
from tests.fakes.prometheus_server import PrometheusServer, Respond, checks, series, status

NOW = 1_800_000_000.0
GONE = "http://127.0.0.1:1"
CENTERS = ("cloud", "bigdata", "dr")
ROLES = dict(zip(CENTERS, (Role.PRODUCTION, Role.METRO, Role.REMOTE), strict=True))


def estate(addresses: Mapping[str, tuple[str | None, str | None]]) -> Estate:
    name = Name(zh="名", en="name")
    mark = Mark(Path("estate.yml"), 1)
    centers = tuple(
        Center(id=center, name=name, site="capital", role=ROLES[center], prometheus=first, prober=second, mark=mark)
        for center, (first, second) in addresses.items()
    )
    return Estate(
        id="estate",
        name=name,
        timezone="Asia/Shanghai",
        defaults=Defaults(),
        sites=(),
        centers=centers,
        links=(),
        hosts=(),
        systems=(),
        folder=".",
        digest="",
    )


def row(check: str, number: int = 0, age: float = 5.0, vantage: str = "cloud") -> dict[str, Any]:
    return {"check": check, "vantage": vantage, "subject": "s", "status": number, "at": NOW - age, "took": 0.1}


def told(check: str, say: str, age: float = 5.0, vantage: str = "cloud", **more: Any) -> dict[str, Any]:
    known = {"check": check, "vantage": vantage, "subject": "s", "status": say, "sentence": f"because {check}"}
    return known | {"at": NOW - age, "took": 0.1, "value": None, "unit": "", "evidence": {}} | more


def page(*results: dict[str, Any]) -> Respond:
    return status(200, json.dumps({"center": "cloud", "now": NOW, "results": results}).encode())


def look(server: PrometheusServer, timeout: float = 5.0) -> Collected:
    return collect(estate({"cloud": (server.url, server.url)}), NOW, timeout)


def by_check(collected: Collected) -> dict[str, Result]:
    return {result.check: result for result in collected.results}


def test_when_all_is_well_the_prober_is_left_in_peace() -> None:
    with PrometheusServer(checks([row("a"), row("b", age=9)]), page()) as server:
        seen = look(server)
        assert [path for path, _ in server.asked] == ["/api/v1/query"]
    view = seen.centers["cloud"]
    assert (view.reached, view.source, view.newest) == (True, "prometheus", NOW - 5)
    assert {result.status for result in seen.results} == {Status.OK}


def test_what_is_not_ok_gets_its_words_from_the_prober() -> None:
    answer = page(told("b", "down", unit="s", value=3.5, evidence={"phase": "tls", "retried": False}))
    with PrometheusServer(checks([row("a"), row("b", 2)]), answer) as server:
        seen = look(server)
        assert server.asked[1] == ("/results", {"check": ["b"]})
    result = by_check(seen)["b"]
    assert (result.sentence, result.value, result.unit) == ("because b", 3.5, "s")
    assert result.evidence == {"phase": "tls", "retried": False}
    assert by_check(seen)["a"].status is Status.OK


def test_with_much_amiss_everything_is_asked_for_at_once() -> None:
    rows = [row(f"c{number}", 2) for number in range(200)]
    answer = page(*(told(f"c{number}", "down") for number in range(200)))
    with PrometheusServer(checks(rows), answer) as server:
        seen = look(server)
        assert server.asked[1] == ("/results", {})
    assert all(result.sentence.startswith("because") for result in seen.results)


def test_the_younger_answer_counts() -> None:
    with PrometheusServer(checks([row("a", 2, age=20)]), page(told("a", "ok", age=1))) as server:
        assert by_check(look(server))["a"].status is Status.OK
    with PrometheusServer(checks([row("a", 2, age=1)]), page(told("a", "ok", age=20))) as server:
        assert by_check(look(server))["a"].status is Status.DOWN


def test_a_lost_prometheus_is_replaced_by_the_prober() -> None:
    with PrometheusServer(series(), page(told("a", "ok"), told("b", "down"))) as server:
        seen = collect(estate({"cloud": (GONE, server.url)}), NOW, 5.0)
    view = seen.centers["cloud"]
    assert (view.reached, view.source) == (True, "prober")
    assert "read from its prober directly, because Prometheus at 127.0.0.1:1 refuses" in view.sentence
    assert by_check(seen)["b"].status is Status.DOWN


@pytest.mark.parametrize(
    ("remembered", "said"),
    [
        (series(), "has no results of this center"),
        (checks([row("a", age=200)]), "is 200 s old"),
        (series(warnings=["x"]), "no results"),
        (status(200, b"<html>"), "does not answer like Prometheus"),
    ],
)
def test_a_prometheus_that_remembers_nothing_new_is_replaced_too(remembered: Respond, said: str) -> None:
    with PrometheusServer(remembered, page(told("a", "ok", age=1))) as server:
        seen = look(server)
    assert seen.centers["cloud"].source == "prober"
    assert said in seen.centers["cloud"].sentence
    assert by_check(seen)["a"].at == NOW - 1


def test_a_lost_prober_leaves_the_status_without_reasons() -> None:
    with PrometheusServer(checks([row("a", 2)])) as server:
        seen = collect(estate({"cloud": (server.url, GONE)}), NOW, 5.0)
    view = seen.centers["cloud"]
    assert (view.reached, view.source) == (True, "prometheus")
    assert "without reasons: 127.0.0.1:1 refuses" in view.sentence
    assert by_check(seen)["a"].sentence == "down, as its Prometheus remembers"


def test_a_center_that_says_nothing_is_not_reached_and_hides_no_other() -> None:
    with ExitStack() as stack:
        well = stack.enter_context(PrometheusServer(checks([row("a")])))
        hung = stack.enter_context(PrometheusServer(series()))
        hung.query = hung.results = hung.silence
        addresses = {"cloud": (well.url, well.url), "bigdata": (GONE, GONE), "dr": (hung.url, hung.url)}
        seen = collect(estate(addresses), NOW, 0.8)
    assert [seen.centers[center].reached for center in CENTERS] == [True, False, False]
    assert "refuses" in seen.centers["bigdata"].sentence
    assert "did not answer in full" in seen.centers["dr"].sentence
    assert seen.centers["dr"].newest is None
    assert [result.vantage for result in seen.results] == ["cloud"]


def test_a_center_without_addresses_is_not_reached() -> None:
    view = collect(estate({"cloud": (None, None)}), NOW, 1.0).centers["cloud"]
    assert (view.reached, view.source) == (False, "none")
    assert "names no Prometheus" in view.sentence


def test_a_center_speaks_only_for_itself() -> None:
    liar = page(told("a", "down", vantage="dr"))
    with PrometheusServer(checks([row("a", vantage="dr"), row("b", 2)]), liar) as server:
        seen = look(server)
    assert [(result.check, result.vantage) for result in seen.results] == [("b", "cloud")]


def test_hostile_words_are_bounded_and_a_future_is_not_believed() -> None:
    hostile = told("a", "down", sentence="\x1b[31m<script>" * 10_000, evidence={f"k{n}": "x" * 9999 for n in range(99)})
    with PrometheusServer(checks([row("a", 2), row("b", 2)]), page(hostile, told("b", "ok", age=-900))) as server:
        seen = by_check(look(server))
    assert len(seen["a"].sentence) <= 500
    assert "\x1b" not in seen["a"].sentence
    assert len(seen["a"].evidence) == 20
    assert max(len(str(value)) for value in seen["a"].evidence.values()) <= 200
    assert seen["b"].status is Status.UNKNOWN


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"results": 5}', b'{"results": [{"check": "a", "at": NaN}]}', b"[" * 100_000]
)
def test_a_prober_that_talks_nonsense_takes_nothing_away(body: bytes) -> None:
    with PrometheusServer(checks([row("a", 2)]), status(200, body)) as server:
        seen = look(server)
    assert by_check(seen)["a"].status is Status.DOWN
    assert "does not answer like a prober" in seen.centers["cloud"].sentence
