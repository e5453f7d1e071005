"""A meter's life: begin, look after everything four times a second, end, read back. What ends it is written down."""

from __future__ import annotations

import asyncio
import os
import platform
import threading
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from failover.meter.agent import files
from failover.meter.agent.canaries import Writer
from failover.meter.agent.clock import NS, Clock, boot_id
from failover.meter.agent.control import Lease, fenced, last_numbers, read_from, stopped
from failover.meter.agent.envelopes import Courier, know
from failover.meter.agent.files import Full, Log
from failover.meter.agent.probing import Prober
from failover.meter.agent.read_back import read_back
from failover.meter.agent.settings import Channel, Settings

_LOOK = 0.2  #: seconds between two looks at the desk's files
_FENCED_PERIOD = NS // 2  #: ns between two attempts at the old writer
_BLOCK = 1_000_000  #: numbers


@dataclass(slots=True)
class Meter:
    """One meter in its folder."""

    settings: Settings
    folder: Path
    clock: Clock
    state: str = "measuring"
    why: str = ""  #: what ended it
    _lease: Lease = field(init=False)
    _begun: int = 0
    _looks: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _no_longer_old: threading.Event = field(default_factory=threading.Event)
    _probers: list[Prober] = field(default_factory=list)
    _writers: list[Writer] = field(default_factory=list)
    _old: list[Writer] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    async def live(self) -> None:
        """Measure until the desk has had enough, or is silent for too long; then read the canaries back."""
        told = self.settings
        self._begun = self.clock.mono_ns()
        self._lease = Lease(self.folder, told.lease, self.clock, told.epoch)
        numbers = last_numbers(self.folder)
        probes, canaries = Log(self.folder / "probes.jsonl"), Log(self.folder / "canaries.jsonl")
        head = self._head()
        files.replace(self.folder / "head.json", head, firm=True)
        know(told.channels, self.folder)
        for log in (probes, canaries):
            log.add({key: head[key] for key in ("boot", "mono", "wall")}, firm=True)
        self._probers = [Prober(name, told.probing, self.clock, probes) for name in ("fresh", "kept")]
        for channel in told.channels:
            last = numbers.get(f"canaries.jsonl:{channel.name}", 0)
            self._writers.append(self._write(channel, told.vantage, canaries, last, self._stop))
        over = asyncio.Event()
        probing = [asyncio.create_task(prober.run(over)) for prober in self._probers]
        try:
            await self._watch(probes, numbers, probing)
        finally:
            over.set()
            self._stop.set()
            self._no_longer_old.set()
            await asyncio.gather(*probing)
            await asyncio.to_thread(self._joined)
            self._end(probes, canaries)
        await self._read_back()

    def _head(self) -> dict[str, Any]:
        """Who measures what, and how: everything but the secrets."""
        told = self.settings
        return {
            "format": 1,
            "run": told.run,
            "vantage": told.vantage,
            "center": told.center,
            "epoch": told.epoch,
            "boot": boot_id(),
            "mono": self.clock.mono_ns(),
            "wall": self.clock.wall(),
            "pid": os.getpid(),
            "host": platform.node()[:100],
            "python": platform.python_version(),
            "lease": told.lease,
            "probing": {key: value for key, value in asdict(told.probing).items() if key != "authority"},
            "channels": [
                {key: value for key, value in asdict(one).items() if key != "password"} for one in told.channels
            ],
        }

    def _write(self, channel: Channel, vantage: str, log: Log, last: int, stop: threading.Event) -> Writer:
        """Start a writer that goes on with the number after ``last``."""
        told = (channel, self.settings.run, vantage, lambda: self._lease.epoch, self.clock, log, last)
        writer = Courier(*told, folder=self.folder) if channel.inbox else Writer(*told)
        writer.counts.last_ok = self._begun
        thread = threading.Thread(target=writer.work, args=(stop,), name=f"canary-{channel.name}")
        self._threads.append(thread)
        thread.start()
        return writer

    async def _watch(self, probes: Log, numbers: dict[str, int], probing: list[asyncio.Task[None]]) -> None:
        """Until something ends it."""
        tried: tuple[str, int] | None = None
        while not self.why:
            probes.flush()
            self._tell()
            old = fenced(self.folder)
            if old != tried:
                self._no_longer_old.set()
                self._no_longer_old = threading.Event()
                if old:
                    self._try_old(old, numbers)
                tried = old
            await asyncio.sleep(_LOOK)
            self.why = self._reason_to_end() or ("probes failed" if any(one.done() for one in probing) else "")

    def _reason_to_end(self) -> str:
        if stopped(self.folder):
            return "stopped"
        if not self._lease.left():
            return "lease"
        if self.clock.mono_ns() - self._begun > self.settings.life:
            return "life"
        return next((writer.trouble for writer in self._writers if writer.trouble), "")

    def _try_old(self, address: tuple[str, int], numbers: dict[str, int]) -> None:
        """From now on also write straight at the old writer, which must refuse."""
        log = Log(self.folder / "fenced.jsonl")
        log.add({"boot": boot_id(), "mono": self.clock.mono_ns(), "address": address}, firm=True)
        for channel in (one for one in self.settings.channels if not one.inbox):
            straight = replace(channel, entries=(address,), period=max(channel.period, _FENCED_PERIOD))
            # A block of numbers for each address: the former writer may not have ended yet.
            last = max(numbers.get(f"fenced.jsonl:{channel.name}", 0), *(one.seq for one in self._old), 0)
            last = -(-last // _BLOCK) * _BLOCK
            name = f"{self.settings.vantage}/fenced"
            self._old.append(self._write(straight, name, log, last, self._no_longer_old))

    def _joined(self) -> None:
        for thread in self._threads:
            thread.join()

    def _end(self, *logs: Log) -> None:
        """The last line of each log says what ended it: a log without one was cut short."""
        for log in (*logs, *{id(writer.log): writer.log for writer in self._old}.values()):
            try:
                log.add({"end": self.clock.mono_ns(), "why": self.why or "failed"})
                log.close()
            except Full as error:
                self.why = str(error)

    async def _read_back(self) -> None:
        self.state = "reading-back"
        self._tell()
        log = Log(self.folder / "readback.jsonl")
        told = self.settings
        direct = read_from(self.folder)
        read = [
            asyncio.to_thread(read_back, channel, told.run, told.vantage, direct, self.clock, log, self.folder)
            for channel in told.channels
        ]
        settled = await asyncio.gather(*read)
        log.close()
        self.state = "ended" if all(settled) else "ended-unsettled"
        self._tell()

    def _tell(self) -> None:
        """What the desk may read at any time."""
        self._looks += 1
        now = self.clock.mono_ns()
        last = [prober.tally.last_ok or self._begun for prober in self._probers]
        # An exchange keeps what it cannot deliver: its partners wait, and nobody is without service.
        last += [writer.counts.last_ok or self._begun for writer in self._writers if not writer.channel.inbox]
        told = {
            "looks": self._looks,
            "state": self.state,
            "why": self.why,
            "epoch": self._lease.epoch,
            "lease_left": self._lease.left() / NS,
            "down_for": (now - min(last, default=now)) / NS,
            "probes": {prober.name: [prober.tally.sent, prober.tally.failed] for prober in self._probers},
            "writes": {
                one.channel.name: [one.counts.acked, one.counts.rejected, one.counts.unknown] for one in self._writers
            },
            "old": [sum(one.seq for one in self._old), sum(one.counts.acked for one in self._old)],
        }
        files.replace(self.folder / "now.json", told)
