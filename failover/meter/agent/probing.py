"""The probes: every period one leaves, whether or not the former came back, on a fresh connection or on a kept one."""

from __future__ import annotations

import asyncio
import re
import ssl
from dataclasses import dataclass, field

from failover.meter.agent.clock import NS, Clock
from failover.meter.agent.files import Log
from failover.meter.agent.http_client import Address, Failed, Line, ask, dial
from failover.meter.agent.settings import Probing
from failover.meter.agent.ticks import Ticks

_MOST_IDLE = 2  #: connections kept; while one hangs, probes leave on another


@dataclass(slots=True)
class Tally:
    """What was seen so far."""

    sent: int = 0
    failed: int = 0
    last_ok: int = 0  #: ns, when the last good probe was sent; at first when probing began


@dataclass(slots=True)
class Prober:
    """One stream of probes."""

    name: str  #: ``fresh`` or ``kept``
    probing: Probing
    clock: Clock
    log: Log
    tally: Tally = field(default_factory=Tally)
    _idle: list[Line] = field(default_factory=list)
    _flying: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, stopped: asyncio.Event) -> None:
        """Probe until told to stop; those under way still end, each in its time."""
        ticks = Ticks(self.clock.mono_ns(), self.probing.period)
        self.tally.last_ok = ticks.start
        addresses = [Address.of(url) for url in self.probing.urls]
        trust = _trust(self.probing.authority) if any(one.tls for one in addresses) else None
        while not stopped.is_set():
            await _until(stopped, (ticks.due - self.clock.mono_ns()) / NS)
            if stopped.is_set():
                break
            now = self.clock.mono_ns()
            if gap := ticks.taken(now):
                self.log.add({"s": self.name, "gap": gap})
            flight = asyncio.create_task(self._probe(self.tally.sent, addresses, trust))
            self.tally.sent += 1
            self._flying.add(flight)
            flight.add_done_callback(self._flying.discard)
        if self._flying:
            await asyncio.wait(self._flying)
        for line in self._idle:
            line.close()

    async def _probe(self, number: int, addresses: list[Address], trust: ssl.SSLContext | None) -> None:
        sent = self.clock.mono_ns()
        line: Line | None = None
        why, server = "", ""
        try:
            async with asyncio.timeout(self.probing.timeout / NS):
                line = self._kept() or await dial(addresses, self.probing.timeout / NS, trust)
                status, body, again = await ask(line, addresses[line.entry], keep=self.name == "kept")
            why, server = self._judged(status, body)
            if again and not why and len(self._idle) < _MOST_IDLE:
                self._idle.append(line)
        except TimeoutError:
            why = "timeout"
        except Failed as error:
            why = str(error)
        finally:
            if line and line not in self._idle:
                line.close()
        self._note(number, sent, line.entry if line else -1, server, why)

    def _kept(self) -> Line | None:
        """The connection that is kept, if its other end has not closed it."""
        while self._idle:
            line = self._idle.pop(0)
            if line.open:
                return line
            line.close()
        return None

    def _judged(self, status: int, body: bytes) -> tuple[str, str]:
        """Why the answer is not right ("": it is), and who gave it."""
        text = body.decode(errors="replace")
        named = re.search(self.probing.answered_by, text) if self.probing.answered_by else None
        why = "" if status == 200 and self.probing.marker in text else "content" if status == 200 else "status"
        return why, (named[1] or "")[:60] if named else ""

    def _note(self, number: int, sent: int, entry: int, server: str, why: str) -> None:
        self.tally.failed += bool(why)
        if not why:
            self.tally.last_ok = max(self.tally.last_ok, sent)
        line = {"s": self.name, "i": number, "a": sent, "b": self.clock.mono_ns(), "r": "fail" if why else "ok"}
        self.log.add(line | {"e": entry, "c": server} | ({"w": why} if why else {}))


async def _until(stopped: asyncio.Event, seconds: float) -> None:
    """Wait, but not beyond the end."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await stopped.wait()
    except TimeoutError:
        return


def _trust(authority: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if authority:
        context.load_verify_locations(cadata=authority)
    return context
