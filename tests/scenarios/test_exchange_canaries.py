"""Envelopes over a real SSH server: an outage of the exchange, a loader, a known set that is lost, every class told."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from failover.measured import Measured, Verdict, Writes
from failover.meter.agent import read_back
from failover.meter.agent.clock import NS, Clock
from failover.meter.agent.life import Meter
from failover.meter.agent.settings import Channel, Front, Inbox, Probing, Settings
from failover.meter.measure import measure
from failover.plan import Objectives
from failover.run_folder import RunFolder
from tests.fakes.metered_service import PASSWORD, Database, Web
from tests.fakes.sshd import SSHD, Sshd, sshd

pytestmark = pytest.mark.skipif(SSHD is None, reason="needs OpenSSH's server")

RUN, HERE = "20260101T000000Z-exchange-0001", "provinces"
_PATIENCE = 60.0  #: seconds, far beyond what is normal


@dataclass
class Gate:
    """The way to the front end: while it is shut, every connection is broken off."""

    to: int
    stopping: threading.Event
    shut: bool = False
    open_: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.shut = True
        for one in self.open_:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with self.listener:
            self.listener.settimeout(0.1)
            while not self.stopping.is_set():
                with contextlib.suppress(TimeoutError):
                    guest = self.listener.accept()[0]
                    threading.Thread(target=self._through, args=(guest,), daemon=True).start()

    def _through(self, guest: socket.socket) -> None:
        """One connection, both ways."""
        with guest, socket.create_connection(("127.0.0.1", self.to)) as host:
            if self.shut:
                return
            self.open_ += [guest, host]
            back = threading.Thread(target=self._carry, args=(host, guest), daemon=True)
            back.start()
            self._carry(guest, host)
            back.join()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@dataclass
class Exchange:
    """A front end with its inbox and its loader, and a meter that stands where partners do."""

    server: Sshd
    folder: Path
    stopping: threading.Event

    def __post_init__(self) -> None:
        self.gate = Gate(self.server.port, self.stopping)
        self.web, self.database = Web(self.stopping), Database(self.stopping)
        self.inbox = self.folder / "exchange" / "000000"
        self.inbox.parent.mkdir(parents=True)
        self.run = RunFolder(self.folder / RUN)
        self.logs = self.run.meters / HERE
        self.logs.mkdir(parents=True)

    def settings(self) -> Settings:
        front = Front("front", "127.0.0.1", self.gate.port, str(self.inbox), self.server.host_key)
        inbox = Inbox((front,), self.server.user, str(self.server.key))
        entries = (("127.0.0.1", self.database.port),)
        table = ("civil", "canary", "exchange_canary", PASSWORD)
        channel = Channel("exchange", entries, *table, period=NS // 10, timeout=10 * NS, inbox=inbox)
        return Settings(RUN, HERE, 1, Probing((self.web.url,), "tricenter", timeout=5 * NS), (channel,))

    def there(self) -> list[int]:
        """Complete envelopes in the inbox, oldest first."""
        ours = re.compile(rf"{RUN}~{HERE}~1~([0-9]+)\.csv\.ok")
        names = [one.name for one in self.inbox.iterdir()] if self.inbox.exists() else []
        return sorted(int(found[1]) for name in names if (found := ours.fullmatch(name)))

    def take(self, number: int) -> None:
        """Out of the inbox."""
        for end in ("", ".ok"):
            (self.inbox / f"{RUN}~{HERE}~1~{number}.csv{end}").unlink()

    def load(self, number: int) -> None:
        """Into the table, as a loader does."""
        self.database.rows.append((RUN, HERE, 1, number))
        self.take(number)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(_PATIENCE):
            while not holds():
                await asyncio.sleep(0.02)

    def acked(self) -> set[int]:
        text = (self.logs / "canaries.jsonl").read_text()
        return {int(found[1]) for found in re.finditer(r'"n":([0-9]+),"b":[0-9]+,"r":"acked"', text)}

    def measured(self, rpo_of: dict[str, float]) -> Measured:
        objectives = Objectives.model_construct(rto=60.0, rpo=0.0, doo=None, nro=None, rpo_of=rpo_of)
        return measure(self.run, [], objectives)


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    (tmp_path / "sshd").mkdir()
    stopping = threading.Event()
    with sshd(tmp_path / "sshd") as server:
        made = Exchange(server, tmp_path / "x", stopping)
        yield made
        made.gate.close()
        stopping.set()
        made.gate.thread.join()


def living(exchange: Exchange) -> asyncio.Task[None]:
    return asyncio.create_task(Meter(exchange.settings(), exchange.logs, Clock()).live())


async def stop(exchange: Exchange, meter: asyncio.Task[None]) -> None:
    (exchange.logs / "stop").touch()
    async with asyncio.timeout(_PATIENCE):
        await meter


def only(found: Measured) -> Writes:
    (one,) = found.writes
    return one


def test_an_outage_of_the_exchange_and_exactly_the_envelopes_that_were_lost(exchange: Exchange) -> None:
    lost: set[int] = set()
    times: list[int] = []

    async def drill() -> None:
        meter = living(exchange)
        await exchange.until(lambda: len(exchange.there()) >= 7)
        for number in exchange.there()[:3]:
            exchange.load(number)
        exchange.gate.close()
        times.append(time.monotonic_ns())
        await exchange.until(lambda: '"r":"rejected"' in (exchange.logs / "canaries.jsonl").read_text())
        lost.update(sorted(exchange.acked() & set(exchange.there()))[-2:])
        for number in lost:
            exchange.take(number)
        await asyncio.sleep(0.3)
        times.append(time.monotonic_ns())
        exchange.gate.shut = False
        before = len(exchange.acked())
        await exchange.until(lambda: len(exchange.acked()) >= before + 3)
        await stop(exchange, meter)

    asyncio.run(drill())
    found = exchange.measured({"exchange": 0.0})
    told = only(found)
    assert (told.exchange, told.channel, told.vantage, told.read_back) == (True, "exchange", HERE, True)
    assert set(told.lost) == lost and len(lost) == 2
    assert told.kept + len(told.lost) == told.acked == len(exchange.acked())
    assert told.waiting == len(exchange.there()), "what the loader has not taken is there, and told as waiting"
    assert told.recovered + told.dropped == told.unknown
    assert (told.phantom, told.duplicate, told.holes) == ((), (), ())
    assert told.rejected >= 1
    assert told.rpo is not None and told.rpo.high is not None and told.rpo.low <= told.rpo.high
    (seen,) = [one for one in found.outages if one.stream == "write:exchange"]
    begun, over = times
    assert seen.rto is not None and seen.last_ok is not None and seen.first_fail is not None
    assert seen.last_ok <= begun <= seen.first_fail <= over
    judged = {one.objective: one for one in found.judged}
    assert judged["rpo:exchange"].verdict is Verdict.FAIL
    assert judged["rpo"].because == "nothing-acknowledged", "the databases' objective is not about envelopes"
    assert found.worst is None or found.worst.stream != "write:exchange", "partners wait: no client was without service"
    assert "rpo:exchange" not in {one.objective for one in exchange.measured({}).judged}


def test_every_other_class_of_envelopes(exchange: Exchange) -> None:
    async def drill() -> None:
        meter = living(exchange)
        await exchange.until(lambda: len(exchange.there()) >= 5)
        first, second, third = exchange.there()[:3]
        exchange.load(first)
        exchange.database.rows.append((RUN, HERE, 1, first))
        exchange.take(second)
        exchange.load(third)
        exchange.database.rows.append((RUN, HERE, 1, 10_000))
        for name in ("x.csv", f"{RUN}~other~1~8.csv", f"{RUN}~{HERE}~1~20000.csv", "sub"):
            (exchange.inbox / name).write_text("half")
        await stop(exchange, meter)

    asyncio.run(drill())
    told = only(exchange.measured({}))
    assert (told.duplicate, told.lost, told.holes, told.phantom) == ((1,), (2,), (2,), (10_000,))
    assert told.acked == told.kept + 1


def test_an_inbox_that_nobody_can_read_leaves_everything_open(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_back, "PATIENCE", 2)

    async def drill() -> None:
        meter = living(exchange)
        await exchange.until(lambda: len(exchange.there()) >= 2)
        exchange.gate.close()
        await stop(exchange, meter)

    asyncio.run(drill())
    found = exchange.measured({"exchange": 60.0})
    told = only(found)
    assert (told.read_back, told.lost, told.kept) == (False, (), 0) and told.acked >= 2
    (judged,) = [one for one in found.judged if one.objective == "rpo:exchange"]
    assert (judged.verdict, judged.because) == (Verdict.INCONCLUSIVE, "not-read-back")
