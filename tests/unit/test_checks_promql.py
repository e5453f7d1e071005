"""Kind ``promql`` and the reading of Prometheus's answers, good and hostile."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from checks import promql
from checks.check import Check
from checks.deadline import Deadline
from checks.prometheus import Answer, NoAnswer, Sample, instant
from checks.promql import Params
from checks.result import Measurement, Status
from inventory.model import Confirm
from tests.fakes.prometheus_server import PrometheusServer, Respond, series, status, zipped

ENOUGH = 5.0


def ask(url: str, timeout: float = ENOUGH, **params: Any) -> Measurement:
    check = Check(
        id="host/cloud-db/lag",
        subject="host:cloud-db",
        kind="promql",
        params=Params(**({"url": url, "query": "lag", "down": ">= 10", "degraded": "> 5"} | params)),
        vantages=("cloud",),
        interval=30.0,
        timeout=timeout,
        confirm=Confirm(m=2, n=3),
        host=None,
        center="cloud",
    )
    return asyncio.run(promql.probe(check))


@pytest.mark.parametrize(
    ("value", "expected"),
    [("4", Status.OK), ("5.1", Status.DEGRADED), ("10", Status.DOWN), ("+Inf", Status.DOWN), ("NaN", Status.UNKNOWN)],
)
def test_one_series_is_judged_by_its_limits(value: str, expected: Status) -> None:
    with PrometheusServer(series(({"__name__": "lag", "to": "dr"}, value))) as server:
        seen = ask(server.url)
    assert seen.status is expected
    assert 'lag{to="dr"}' in seen.sentence


def test_no_series_is_unknown() -> None:
    with PrometheusServer(series()) as server:
        seen = ask(server.url)
    assert (seen.status, seen.sentence) == (Status.UNKNOWN, "the expression has no series: nothing was measured")


def test_a_scalar_is_a_value_too() -> None:
    document = {"status": "success", "data": {"resultType": "scalar", "result": [1.5, "7"]}}
    with PrometheusServer(status(200, json.dumps(document).encode())) as server:
        assert ask(server.url).status is Status.DEGRADED


def test_the_worst_of_several_speaks_and_is_named() -> None:
    samples = [({"to": "bigdata"}, "11"), ({"to": "dr"}, "99"), ({"to": "a"}, "NaN"), ({"to": "b"}, "1")]
    with PrometheusServer(series(*samples)) as server:
        seen = ask(server.url)
    assert seen.status is Status.DOWN
    assert seen.value == 99
    assert seen.sentence == '99, >= 10: {to="dr"} of 4 series'
    assert seen.evidence == {"series": 4, "worst": '{to="dr"}'}


def test_no_number_among_good_ones_is_unknown() -> None:
    with PrometheusServer(series(({"to": "dr"}, "1"), ({"to": "b"}, "NaN"))) as server:
        assert ask(server.url).status is Status.UNKNOWN


def test_partial_data_that_looks_fine_is_unknown_and_said() -> None:
    with PrometheusServer(series(({}, "1"), warnings=["store dr is away"])) as server:
        seen = ask(server.url)
    assert seen.status is Status.UNKNOWN
    assert "partial data: store dr is away" in seen.sentence


def test_hostile_labels_are_shown_as_bounded_text() -> None:
    labels = {f"l{number}": "\x1b[31m<script>{{ x }}" * 1000 for number in range(100)}
    with PrometheusServer(series((labels, "11"))) as server:
        seen = ask(server.url)
    assert seen.status is Status.DOWN
    assert len(seen.sentence) < 1000
    assert "\x1b" not in seen.sentence


def test_an_answer_may_be_compressed() -> None:
    document = {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "1"]}]}}
    with PrometheusServer(zipped(json.dumps(document).encode())) as server:
        assert ask(server.url).status is Status.OK


def ssh(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")


BROKEN: dict[str, tuple[Respond, str]] = {
    "html": (status(200, b"<html>Please log in</html>", "text/html"), "does not answer like Prometheus"),
    "error in a 200": (status(200, b'{"status":"error","error":"boom"}'), "boom"),
    "bad query": (status(400, b'{"status":"error","errorType":"bad_data","error":"parse error at 3"}'), "parse error"),
    "unavailable": (status(503, b"Service Unavailable"), "Service Unavailable"),
    "redirect": (status(302, b"", Location="http://127.0.0.1:1/"), "refuses the query"),
    "truncated": (status(200, b'{"status":"succ', Content_Length="5000"), "cannot be asked"),
    "a string": (status(200, b'{"status":"success","data":{"resultType":"string","result":[1,"x"]}}'), "127.0.0.1"),
    "a range": (status(200, b'{"status":"success","data":{"result":[{"metric":{},"values":[[1,"2"]]}]}}'), "like Prom"),
    "null": (status(200, b"null"), "does not answer like Prometheus"),
    "deep": (status(200, b"[" * 200_000), "does not answer like Prometheus"),
    "a huge number": (status(200, b'{"data":' + b"9" * 10_000 + b"}"), "127.0.0.1"),
    "not HTTP": (ssh, "cannot be asked"),
    "nothing": (lambda handler: None, "cannot be asked"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_every_other_answer_is_unknown_and_said(case: str) -> None:
    answer, said = BROKEN[case]
    with PrometheusServer(answer) as server:
        seen = ask(server.url)
    assert seen.status is Status.UNKNOWN
    assert said in seen.sentence
    assert len(seen.sentence) < 500


@pytest.mark.parametrize(
    "how",
    [PrometheusServer.silence, PrometheusServer.drip, PrometheusServer.drip_body],
    ids=["silent", "drips", "body"],
)
def test_a_server_that_never_finishes_is_left_at_the_deadline(how: Callable[..., None]) -> None:
    with PrometheusServer(series()) as server:
        server.query = how.__get__(server)
        seen = ask(server.url, timeout=0.4)
    assert seen.status is Status.UNKNOWN
    assert "did not answer in full within 0.4 s" in seen.sentence


def test_an_answer_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checks.prometheus._LIMIT", 100_000)
    with PrometheusServer(status(200, b" " * 1_000_000)) as server:
        assert "more than 100000 bytes" in ask(server.url).sentence


def test_a_bomb_of_compressed_blanks_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checks.prometheus._LIMIT", 100_000)
    with PrometheusServer(zipped(b" " * 50_000_000)) as server:
        assert "more than 100000 bytes" in ask(server.url).sentence


def test_nobody_listens_and_the_password_in_the_address_is_not_shown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    seen = ask(f"http://ops:secret@127.0.0.1:{port}")
    assert seen.sentence == f"Prometheus at 127.0.0.1:{port} refuses connections"


def test_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with PrometheusServer(series(({}, "1"))) as server:
        assert ask(server.url).status is Status.OK
        assert "Authorization" not in server.headers[0]


def test_one_question_is_one_request_without_retries() -> None:
    with PrometheusServer(status(503, b"no")) as server:
        with pytest.raises(NoAnswer):
            instant(server.url + "/", "up", Deadline.after(ENOUGH))
        assert server.asked == [("/api/v1/query", {"query": ["up"]})]


def test_a_passed_deadline_asks_nothing() -> None:
    with PrometheusServer(series()) as server:
        with pytest.raises(NoAnswer, match="busy"):
            promql._measure(Params(url=server.url, query="up", down="> 1"), Deadline(time.monotonic() - 1, 1))
        assert not server.asked


@pytest.mark.parametrize(
    ("limit", "value", "held"),
    [
        ("> 5", 5, False),
        (">= 5", 5, True),
        ("< 1", 0.5, True),
        ("<=-1.5", -2, True),
        ("== 0", 0, True),
        ("!= 1", 0, True),
        ("> 1e3", 1001, True),
    ],
)
def test_comparisons(limit: str, value: float, held: bool) -> None:
    assert promql.holds(limit, value) is held


def test_the_lowest_of_two_too_low_ones_speaks() -> None:
    params = Params(url="http://x", query="up", down="< 5")
    judged = promql.judge(params, Answer((Sample({}, 4.0), Sample({}, 1.0))))
    assert judged is not None
    assert judged.sample.value == 1.0


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"down": None, "degraded": None}, "could never fail"),
        ({"down": "5"}, "comparison with a number"),
        ({"down": "> 5; drop"}, "comparison with a number"),
        ({"url": "file:///etc/passwd"}, "pattern"),
        ({"query": ""}, "at least 1"),
        ({"warn": "> 1"}, "Extra inputs"),
    ],
)
def test_mistakes_in_parameters_are_said(params: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Params(**({"url": "http://x", "query": "up", "down": "> 1"} | params))
