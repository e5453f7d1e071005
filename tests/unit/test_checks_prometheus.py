"""Results rebuilt from the metrics of a prober, as Prometheus gives them back."""

from __future__ import annotations

from typing import Any

import pytest

from checks.prometheus import NoAnswer, read_results
from checks.result import Status
from tests.fakes.prometheus_server import PrometheusServer, checks, series, status

NOW = 1_800_000_000.0


def row(check: str = "host/cloud-db/ssh", **values: Any) -> dict[str, Any]:
    known = {"check": check, "vantage": "cloud", "subject": "host:cloud-db", "status": 0, "at": NOW - 5, "took": 0.25}
    return known | values


def read(*rows: dict[str, Any], **labels: str) -> list[Any]:
    with PrometheusServer(checks(rows, **labels)) as server:
        return list(read_results(server.url, NOW, 5.0).results)


def test_a_result_comes_back_as_it_was() -> None:
    (result,) = read(row(status=2, value=17.5))
    assert (result.check, result.vantage) == ("host/cloud-db/ssh", "cloud")
    assert (result.status, result.at, result.took, result.value) == (Status.DOWN, NOW - 5, 0.25, 17.5)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, Status.OK),
        (1, Status.DEGRADED),
        (2, Status.DOWN),
        (3, Status.UNKNOWN),
        ("NaN", Status.UNKNOWN),
        (7, Status.UNKNOWN),
    ],
)
def test_every_status(number: object, expected: Status) -> None:
    assert read(row(status=number))[0].status is expected


def test_without_a_status_it_is_unknown() -> None:
    assert read(row(status=None))[0].status is Status.UNKNOWN


def test_without_a_time_there_is_no_result() -> None:
    assert read(row(at=None), row("other", at="NaN"), row("third", at="+Inf")) == []


def test_no_number_is_no_value() -> None:
    (result,) = read(row(value="NaN", took="+Inf"))
    assert (result.value, result.took) == (None, 0.0)


def test_a_result_of_the_future_is_not_believed() -> None:
    (result,) = read(row(at=NOW + 500))
    assert (result.status, result.at) == (Status.UNKNOWN, NOW)
    assert "500 s ahead of ours" in result.sentence


def test_of_two_scrapes_of_one_check_the_younger_counts() -> None:
    old, new = row(status=2, at=NOW - 100, subject="host:was"), row(status=0, at=NOW - 1)
    (result,) = read(old, new)
    assert result.status is Status.OK


def test_partial_data_is_said() -> None:
    with PrometheusServer(series(warnings=["store away\x1b[2J"])) as server:
        assert read_results(server.url, NOW, 5.0).partial == "store away"


def test_other_metrics_and_foreign_labels_do_no_harm() -> None:
    with PrometheusServer(series(({"__name__": "tricenter_check_status"}, "0"), ({}, "1"))) as server:
        assert read_results(server.url, NOW, 5.0).results == ()


def test_two_thousand_checks_are_one_question() -> None:
    rows = [row(f"host/cloud-{number}/ssh", value=number) for number in range(2000)]
    with PrometheusServer(checks(rows, instance="127.0.0.1:9300")) as server:
        results = read_results(server.url, NOW, 10.0).results
        assert len(server.asked) == 1
    assert len(results) == 2000
    assert {result.value for result in results} == set(range(2000))


def test_no_answer_is_an_error_with_a_sentence() -> None:
    with (
        PrometheusServer(status(200, b"<html>", "text/html")) as server,
        pytest.raises(NoAnswer, match="like Prometheus"),
    ):
        read_results(server.url, NOW, 5.0)
