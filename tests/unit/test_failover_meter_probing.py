"""Each probe is shown able to fail (rule R24): every fault of a service gives its own code, and none gives "ok"."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from failover.meter.agent.canaries import Writer
from failover.meter.agent.clock import Clock
from failover.meter.agent.files import Log
from failover.meter.agent.probing import Prober
from failover.meter.agent.read_back import read_back
from failover.meter.agent.settings import Channel, Probing, Unfit, settings
from failover.meter.agent.ticks import Ticks
from tests.fakes.metered_service import PASSWORD, Database, Web

MS = 1_000_000


@pytest.fixture
def stopping() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def serving(answer: bytes) -> str:
    """A server whose every answer is these bytes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener:
            while True:
                try:
                    guest, _ = listener.accept()
                except OSError:
                    return
                with guest, contextlib.suppress(OSError):  # a guest that hangs up is part of the tests
                    guest.recv(1000)
                    guest.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/"


def nobody() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}/"


def probed(folder: Path, urls: tuple[str, ...], name: str = "fresh", seconds: float = 0.25) -> list[dict[str, Any]]:
    """What a stream writes down, probing for a moment."""
    log = Log(folder / f"{name}.jsonl")
    probing = Probing(urls, "tricenter", '"center": "([a-z]+)"', 60 * MS, 300 * MS)

    async def run() -> None:
        over = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, over.set)
        await Prober(name, probing, Clock(), log).run(over)

    asyncio.run(run())
    log.close()
    lines = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
    return [line for line in lines if "gap" not in line]


@pytest.mark.parametrize("name", ["fresh", "kept"])
@pytest.mark.parametrize(
    ("fault", "why"),
    [("", ""), ("reset", "reset|closed"), ("mute", "timeout"), ("error", "status"), ("content", "content")],
)
def test_every_fault_of_a_service_is_seen(
    stopping: threading.Event, tmp_path: Path, name: str, fault: str, why: str
) -> None:
    web = Web(stopping, fault)
    found = probed(tmp_path, (web.url,), name)
    assert found
    assert {line.get("w", "") for line in found} <= set(why.split("|"))
    assert {line["r"] for line in found} == {"fail" if fault else "ok"}


BODY = b'{"marker": "tricenter", "center": "dr"}'


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY), ""),
        (b"HTTP/1.1 200 OK\r\n\r\n" + BODY, ""),  # the end of the connection is the end of the body
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x;a=b\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY), ""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + BODY, "closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n", "protocol"),
        (b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n", "status"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10000, "protocol"),
        (b"", "closed"),
    ],
)
def test_answers_of_all_kinds(tmp_path: Path, answer: bytes, why: str) -> None:
    found = probed(tmp_path, (serving(answer),), seconds=0.05)
    assert {line.get("w", "") for line in found} <= {why, "reset"} if why else {line["r"] for line in found} == {"ok"}


def test_the_next_address_is_tried_when_one_does_not_accept(stopping: threading.Event, tmp_path: Path) -> None:
    web = Web(stopping, server="dr")
    found = probed(tmp_path, (nobody(), web.url))
    assert {(line["r"], line["e"], line["c"]) for line in found} == {("ok", 1, "dr")}
    assert {line["w"] for line in probed(tmp_path, (nobody(), nobody()), "kept")} == {"refused"}


def test_an_address_that_accepts_has_the_last_word(stopping: threading.Event, tmp_path: Path) -> None:
    """As with clients: an entry that answers with an error is not passed over."""
    found = probed(tmp_path, (Web(stopping, "error").url, Web(stopping).url))
    assert {(line.get("w"), line["e"]) for line in found} == {("status", 0)}


def test_probes_leave_on_schedule_although_none_comes_back(stopping: threading.Event, tmp_path: Path) -> None:
    """Six in the time of one time-out: an outage is sampled as densely as the service."""
    found = probed(tmp_path, (Web(stopping, "mute").url,), seconds=0.35)
    first = min(line["b"] for line in found)
    assert sum(line["a"] < first for line in found) >= 3


@pytest.mark.parametrize(
    ("times", "gaps"),
    [
        ([0, 10, 20, 30], []),
        ([0, 10, 45, 50], [(10, 45)]),  # it was away; what was missed is not made up for
        ([3, 14, 33, 45], []),
    ],
)
def test_a_schedule_says_when_it_was_away(times: list[int], gaps: list[tuple[int, int]]) -> None:
    ticks = Ticks(0, 10)
    found = []
    for now in times:
        assert ticks.due <= now
        if gap := ticks.taken(now):
            found.append(gap)
        assert ticks.due > now
    assert found == gaps


@contextlib.contextmanager
def writing(database: Database, folder: Path, password: str = PASSWORD) -> Iterator[Writer]:
    entries = (("127.0.0.1", database.port),)
    channel = Channel("database", entries, "civil", "canary", "canary", password, 50 * MS, 200 * MS)
    log = Log(folder / "canaries.jsonl")
    one = Writer(channel, "run", "here", lambda: 1, Clock(), log)
    yield one
    one.hang_up()
    log.close()


FAULTS = [
    ("", "acked", True),
    ("refuse", "rejected", False),
    ("reset", "unknown", False),
    ("mute", "unknown", False),
    ("lost-ack", "unknown", True),
    ("lost-write", "unknown", False),
]


@pytest.mark.parametrize(("fault", "fate", "there"), FAULTS)
def test_every_fate_of_a_write(stopping: threading.Event, tmp_path: Path, fault: str, fate: str, there: bool) -> None:
    database = Database(stopping)
    with writing(database, tmp_path) as one:
        one.write()  # opens the session
        database.fault = fault
        one.write()
    lines = [json.loads(line) for line in (tmp_path / "canaries.jsonl").read_text().splitlines()]
    assert [line.get("r") for line in lines] == [None, "acked", None, fate]
    assert (2 in database.held()) is there
    assert getattr(one.counts, fate) == (2 if fate == "acked" else 1)


def test_a_write_stands_on_the_disk_before_it_is_sent(stopping: threading.Event, tmp_path: Path) -> None:
    database = Database(stopping)
    seen: list[str] = []
    database.rows = _Watching(lambda: seen.append((tmp_path / "canaries.jsonl").read_text()))
    with writing(database, tmp_path) as one:
        one.write()
    assert json.loads(seen[0].splitlines()[-1])["n"] == 1


class _Watching(list[tuple[str, str, int, int]]):
    def __init__(self, look: Callable[[], None]) -> None:
        super().__init__()
        self._look = look

    def append(self, row: tuple[str, str, int, int]) -> None:
        self._look()
        super().append(row)


@pytest.mark.parametrize("fault", ["reset", "mute"])
def test_without_a_session_nothing_was_sent(stopping: threading.Event, tmp_path: Path, fault: str) -> None:
    database = Database(stopping, fault)
    with writing(database, tmp_path) as one:
        one.write()
    assert (one.counts.rejected, one.counts.unknown) == (1, 0)
    with writing(Database(stopping), tmp_path, password="wrong") as one:
        one.write()
    assert one.counts.rejected == 1


def test_reading_back_needs_two_equal_reads_of_a_server_that_is_no_standby(
    stopping: threading.Event, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("failover.meter.agent.read_back.PATIENCE", 1.0)
    database = Database(stopping)
    with writing(database, tmp_path) as one:
        for _ in range(3):
            one.write()
    log = Log(tmp_path / "readback.jsonl")
    assert read_back(one.channel, "run", "here", None, Clock(), log, tmp_path)
    database.standby = True
    assert not read_back(one.channel, "run", "here", None, Clock(), log, tmp_path)
    assert not read_back(one.channel, "run", "here", ("127.0.0.1", 1), Clock(), log, tmp_path)
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "readback.jsonl").read_text().splitlines()]
    assert [line["seen"] for line in lines if "seen" in line] == [[[1, 3]]]


GOOD = {
    "run": "r1",
    "vantage": "here",
    "epoch": 1,
    "probing": {"urls": ["http://10.0.0.1/"], "marker": "x"},
    "channels": [{"name": "db", "entries": [["10.0.0.1", 5432]], "database": "d", "user": "u", "table": "t"}],
}


@pytest.mark.parametrize(
    "change",
    [
        {"run": "../../etc"},
        {"vantage": "a b"},
        {"probing": {"urls": [], "marker": "x"}},
        {"probing": {"urls": ["file:///etc/passwd"], "marker": "x"}},
        {"probing": {"urls": ["http://10.0.0.1/"], "marker": ""}},
        {"probing": {"urls": ["http://10.0.0.1/"], "marker": "x", "period": MS}},
        {"probing": {"urls": ["http://10.0.0.1/"], "marker": "x", "timeout": 10**12}},
        {"probing": {"urls": ["http://10.0.0.1/\r\nX: y"], "marker": "x"}},
        {"channels": [GOOD["channels"][0] | {"table": 't"; DROP TABLE x; --'}]},  # type: ignore[index]
        {"channels": [GOOD["channels"][0] | {"entries": []}]},  # type: ignore[index]
        {"lease": 10**15},
        {"unknown": 1},
    ],
)
def test_a_meter_does_not_start_with_unfit_settings(change: dict[str, Any]) -> None:
    settings(json.dumps(GOOD))
    with pytest.raises(Unfit):
        settings(json.dumps(GOOD | change))


def test_hanging_writes_slow_the_writer_down(stopping: threading.Event, tmp_path: Path) -> None:
    """A write that waits for its copy may hold a session on the server: not more and more of them."""
    with writing(Database(stopping), tmp_path) as one:
        now = time.monotonic_ns()
        one._hanging.extend([now] * 21)
        assert one._next(Ticks(now, 50 * MS)) >= now + 3_000 * MS
        one._hanging.clear()
        assert one._next(Ticks(now, 50 * MS)) == now
