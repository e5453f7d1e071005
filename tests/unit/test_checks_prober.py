"""The prober of a center, asked over real HTTP; its exposition, read back by the library that Prometheus publishes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvloop
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from checks import curl, metrics, prober
from checks.result import Result, Status
from checks.serving import CONNECTIONS, Page, Query, answer, serving
from inventory.errors import Mark, OperatorError
from inventory.model import Center, Confirm, Defaults, Document, Estate, Host, Name, RawCheck, Role, Site
from tests.fakes.checks import check
from tests.fakes.http_server import page
from tests.fakes.http_server import serving as web_server

T = TypeVar("T")
MARK = Mark(Path("hosts.yml"), 1)
NAME = Name(zh="云", en="cloud")


def run(work: Coroutine[Any, Any, T]) -> T:
    return uvloop.run(work)


def estate(*urls: str) -> Estate:
    checks = tuple(
        RawCheck.model_construct(
            id=f"web{at}",
            kind="http",
            params={"url": url},
            lines={},
            mark=MARK,
            vantage=("all",),
            interval=0.5,
            timeout=0.4,
            confirm=None,
            on=(),
        )
        for at, url in enumerate(urls)
    )
    host = Host.model_construct(id="cloud-app", center="cloud", address="127.0.0.1", checks=checks, mark=MARK)
    return Estate(
        id="test",
        name=NAME,
        timezone="UTC",
        defaults=Defaults.model_construct(interval=30.0, timeout=5.0, confirm=Confirm(m=1, n=1)),
        sites=(Site(id="capital", name=NAME),),
        centers=(Center(id="cloud", name=NAME, site="capital", role=Role.PRODUCTION, mark=MARK),),
        links=(),
        hosts=(host,),
        systems=(),
        folder=".",
        digest="",
    )


async def get(port: int, path: str) -> curl.Answer:
    return await curl.client().fetch(curl.prepare(f"http://127.0.0.1:{port}{path}"), 5.0)


def test_a_prober_asks_and_shows_what_it_saw() -> None:
    async def scenario() -> tuple[bytes, str, dict[str, Any], dict[str, Any]]:
        bound: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        stop = asyncio.Event()
        async with web_server(page()) as up, web_server(page(status="500 No")) as broken:
            work = asyncio.create_task(
                prober.serve(
                    "cloud",
                    estate(up.url, broken.url),
                    "127.0.0.1:0",
                    stop=stop,
                    ready=lambda _host, port: bound.set_result(port),
                )
            )
            port = await bound
            everything: dict[str, Any] = {"results": []}
            while len(everything["results"]) < 2:
                everything = json.loads((await get(port, "/results")).body)
            one = json.loads((await get(port, "/results?check=host/cloud-app/web1&check=nobody")).body)
            text = (await get(port, "/metrics")).body.decode()
            health = (await get(port, "/healthz")).body
            stop.set()
            await work
            assert asyncio.all_tasks() == {asyncio.current_task()}
            return health, text, everything, one

    began = time.time()
    health, text, everything, one = run(scenario())
    assert health == b"ok\n"
    assert everything["center"] == "cloud"
    assert {row["check"]: row["status"] for row in everything["results"]} == {
        "host/cloud-app/web0": "ok",
        "host/cloud-app/web1": "down",
    }
    (row,) = one["results"]
    assert set(row) == {
        *("check", "vantage", "subject", "status", "sentence", "at", "took", "value", "unit", "evidence"),
    }
    assert (row["subject"], row["vantage"]) == ("host:cloud-app", "cloud")
    assert began < row["at"] <= everything["now"] <= time.time()
    assert row["sentence"] == "status 500, expected 200"
    families = {family.name: family for family in text_string_to_metric_families(text)}
    statuses = {sample.labels["check"]: sample.value for sample in families["tricenter_check_status"].samples}
    assert statuses == {"host/cloud-app/web0": 0, "host/cloud-app/web1": 2}
    assert families["tricenter_prober_asked"].samples[0].value >= 2
    assert "process_cpu_seconds" in families


ODD = 'a"b\\c\nd {{ x }} <script>'


def result(check_id: str, status: Status, value: float | None) -> Result:
    return Result(check_id, "cloud", status, "sentence is no label", 1_700_000_000.25, 0.0125, value, "s")


def test_the_exposition_is_what_the_library_writes() -> None:
    checks = [check("http", Document(), check_id=name) for name in ("plain", ODD)]
    results = [result("plain", Status.DOWN, None), result(ODD, Status.OK, 0.25)]
    text = metrics.exposition(results, {one.id: metrics.labels(one, "cloud") for one in checks})

    columns: dict[str, Callable[[Result], float | None]] = {
        "status": lambda one: one.status.number,
        "at_seconds": lambda one: one.at,
        "took_seconds": lambda one: one.took,
        "value": lambda one: one.value,
    }

    class Library(Collector):
        def collect(self) -> Iterator[Metric]:
            for name, pick in columns.items():
                family = GaugeMetricFamily(f"tricenter_check_{name}", "", labels=("check", "vantage", "subject"))
                for one in results:
                    if (value := pick(one)) is not None:
                        family.add_metric((one.check, "cloud", "host:cloud-app"), value)
                yield family

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Library())
    theirs = generate_latest(registry).decode()
    assert samples(text) == samples(theirs)
    assert "sentence is no label" not in text


def samples(text: str) -> list[tuple[str, dict[str, str], float]]:
    return [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def test_no_results_are_no_samples() -> None:
    assert samples(metrics.exposition([], {})) == []


async def one_page(_query: Query) -> Page:
    return Page(b"here")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 200),
        (b"GET /?a=1&a=2 HTTP/1.0\r\n\r\n", 200),
        (b"GET /etc/passwd HTTP/1.1\r\n\r\n", 404),
        (b"GET /../ HTTP/1.1\r\n\r\n", 404),
        (b"POST / HTTP/1.1\r\n\r\n", 405),
        (b"\x16\x03\x01\x00\xff\r\n\r\n", 400),
        (b"GET http://[ HTTP/1.1\r\n\r\n", 400),
        (b"GET /?" + b"a=1&" * 1500 + b" HTTP/1.1\r\n\r\n", 400),
    ],
)
def test_a_request_whatever_it_holds_has_an_answer(head: bytes, status: int) -> None:
    assert run(answer({"/": one_page}, head)).status == status


def test_who_never_ends_a_request_cannot_take_more_than_a_share() -> None:
    async def scenario() -> tuple[int, int, bytes]:
        async with serving("127.0.0.1", 0, {"/": one_page}) as (host, port):
            held = [await asyncio.open_connection(host, port) for _ in range(CONNECTIONS + 5)]
            turned_away = 0
            for reader, _writer in held[CONNECTIONS:]:
                try:
                    turned_away += await reader.read() == b""
                except ConnectionResetError:
                    turned_away += 1
            first_reader, first_writer = held[0]
            first_writer.write(b"GET / HTTP/1.1\r\nX: " + b"y" * 100_000 + b"\r\n\r\n")
            try:
                cut = await first_reader.read()
            except ConnectionResetError:
                cut = b""
            late = (await get(port, "/")).status
            for _reader, writer in held:
                writer.transport.abort()
            return turned_away, late, cut

    assert run(scenario()) == (5, 200, b"")


@pytest.mark.parametrize(
    ("center", "listen", "said"),
    [
        ("clowd", "127.0.0.1:0", "`clowd` is not a center of this estate: did you mean `cloud`?"),
        ("cloud", "9300", "`9300` is not an address to listen on"),
        ("cloud", "127.0.0.1:99999", "is not an address to listen on"),
        ("cloud", "192.0.2.1:9300", "cannot serve on 192.0.2.1:9300"),
    ],
)
def test_what_the_operator_got_wrong_is_said(center: str, listen: str, said: str) -> None:
    with pytest.raises(OperatorError) as caught:
        run(prober.serve(center, estate(), listen))
    assert said in str(caught.value)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_in_order(number: signal.Signals) -> None:
    program = (
        "import sys; from checks import prober; from tests.unit.test_checks_prober import estate\n"
        "prober.run('cloud', estate('http://127.0.0.1:1/'), '127.0.0.1:0', lambda *bound: print(*bound, flush=True))\n"
        "print('ended', flush=True)\n"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("127.0.0.1")
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "ended\n", "")
