"""The meters of a real run: started, watched, told and collected over SSH. The meters' only file that reaches out.

The meters live on their own at their vantages, for as long as their lease is renewed. So a desk that crashed finds them
again: starting a meter that runs is attaching to it. A vantage that cannot be reached is named; nothing waits for it.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
import zlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any

from checks.sentence import clean
from checks.ssh_pool import POOL, Pool
from checks.ssh_target import Reply, Unasked, Unreached
from failover.concrete import ConcretePlan
from failover.meter.ship import program
from failover.meter.words import OUTSIDE, Now, Trouble, answer, now, settings
from failover.no_meters import NoMeters
from failover.ports import Meters as PortMeters
from failover.ports import Pulse
from failover.run_folder import RUN_ID, RunFolder
from inventory.model import Estate, Host, Meters, Vantage

FILES = ("head.json", "probes.jsonl", "canaries.jsonl", "fenced.jsonl", "readback.jsonl", "meter.log")
_SOON, _PATIENT = 5.0, 20.0  #: seconds for a word, and for starting a program on a busy host
_PULSE, _STARTED, _COLLECTED = 2.0, 45.0, 100.0  #: seconds for all of it: seeing what is, starting, bringing home
_READING_BACK = 45.0  #: seconds in which a meter ends and reads back
_PACKED, _UNPACKED = 48 * 1024 * 1024, 300 * 1024 * 1024  #: bytes of one log
_EXCHANGES = 5
_TIME = "import time;b=open('/proc/sys/kernel/random/boot_id').read().strip();print(b,time.monotonic_ns())"


@dataclass(slots=True)
class _Vantage:
    """One vantage, and what is known of its meter."""

    id: str
    host: Host
    folder: str  #: of the run, there
    why_not: str = "not started"
    looks: int = -1
    told_fence: str = ""


@dataclass(slots=True)
class LiveMeters:
    """Implements :class:`failover.ports.Meters`."""

    estate: Estate
    folder: RunFolder
    epoch: int
    #: ``address:port`` of the server that writes once the old writer is fenced: then canaries are read back from it,
    #: since entries in a lost city cost a time-out each; else through the entries
    new_writer: str = ""
    aside: Collection[str] = ()  #: centers taken for lost: what is seen from there says nothing of clients
    pool: Pool = POOL
    mono_ns: Callable[[], int] = time.monotonic_ns
    _meters: Meters = field(init=False)
    _vantages: list[_Vantage] = field(init=False)
    _renewing: asyncio.Task[None] | None = None
    _fence: str = ""

    def __post_init__(self) -> None:
        if not RUN_ID.fullmatch(self.folder.run):
            raise ValueError(f"no id of a run: {self.folder.run!r}")
        hosts = {host.id: host for host in self.estate.hosts}
        if self.estate.meters is None:
            raise ValueError("the estate has no meters.yml")
        self._meters = self.estate.meters
        self._vantages = [_vantage(one, hosts, self.folder.run) for one in self._meters.vantages]

    async def start(self) -> Mapping[str, str]:
        """Start probes and canary writers at every vantage, or attach to those that run."""
        try:
            words = {
                one.id: settings(
                    self._meters,
                    one.id,
                    one.host.center,
                    self.folder.run,
                    self.epoch,
                    self.estate.hosts,
                    self.aside,
                )
                for one in self._vantages
            }
        except OSError as error:
            why = f"the password of a channel cannot be read: {error.strerror}"
            return {one.id: why for one in self._vantages}
        found = await self._everywhere(lambda one: self._start(one, words[one.id]), _STARTED)
        for one in self._vantages:
            one.why_not = found[one.id]
        self._renewing = self._renewing or asyncio.create_task(self._renew())
        return found

    async def pulse(self) -> Pulse:
        """What is seen now; asking also renews the leases."""
        seen: dict[str, Now] = {}

        async def ask(one: _Vantage) -> None:
            seen[one.id] = await self._ask(one, renew=True)

        found = await self._everywhere(ask, _PULSE)
        for one in self._vantages:
            found[one.id] = found[one.id] or self._measures(one, seen[one.id])
        good = {one.id: one for one in self._vantages if not found[one.id]}
        counted = [seen[name].down_for for name, one in good.items() if one.host.center not in self.aside]
        return Pulse(found, max(counted, default=None), sum(seen[name].acked_at_old for name in good))

    async def fenced(self, address: str) -> None:
        """From now on also try to write straight at ``address:port``; empty: no longer, as before an undo."""
        self._fence = address
        await self._everywhere(self._tell_fence, _SOON)

    async def stop(self) -> Mapping[str, str]:
        """End the meters, let them read back, bring their logs home."""
        if self._renewing:
            self._renewing.cancel()
        await self._everywhere(self._tell_stop, _SOON)
        return await self._everywhere(self._collect, _COLLECTED)

    async def _everywhere(self, act: Callable[[_Vantage], Awaitable[None]], timeout: float) -> dict[str, str]:
        """At all vantages at once; what went wrong at each, "" for nothing. A lost center is not waited for."""

        async def tried(one: _Vantage) -> str:
            patience = min(timeout, _PULSE) if one.host.center in self.aside else timeout
            try:
                async with asyncio.timeout(patience):
                    await act(one)
            except (Trouble, Unasked, Unreached) as error:
                return clean(str(error), 200)
            except TimeoutError:
                return f"no answer within {patience:g} s"
            return ""

        outcomes = await asyncio.gather(*(tried(one) for one in self._vantages))
        return {one.id: outcome for one, outcome in zip(self._vantages, outcomes, strict=True)}

    async def _start(self, one: _Vantage, words: bytes) -> None:
        home = quote(str(Path(one.folder).parent))
        take = f"cat >{home}/meter.pyz.new && mv -f {home}/meter.pyz.new {home}/meter.pyz"
        put = f"umask 077 && mkdir -p {quote(one.folder)} && {take}"
        _done(await self._run(one, put, _SOON, feed=program()), "takes no program")
        _done(await self._run(one, f"cd {quote(one.folder)} && {self._lease()}", _SOON), "takes no word")
        reply = await self._run(one, f"python3 -I {home}/meter.pyz start {quote(one.folder)}", _PATIENT, feed=words)
        told = answer(reply.out)
        if told.get("ok") is not True:
            raise Trouble(f"the meter does not start: {told.get('because') or reply.err.decode(errors='replace')}")
        one.looks = -1
        await self._compare_clocks(one)
        if self._fence:
            await self._tell_fence(one)

    async def _renew(self) -> None:
        """Keep the leases, and say again what a vantage did not hear."""
        while True:
            await asyncio.sleep(self._meters.lease / 3)
            await self._everywhere(self._remind, _SOON)

    async def _remind(self, one: _Vantage) -> None:
        await self._ask(one, renew=True)
        if one.told_fence != self._fence:
            await self._tell_fence(one)

    async def _ask(self, one: _Vantage, *, renew: bool) -> Now:
        folder = quote(one.folder)
        lease = f"{self._lease()} && " if renew else ""
        reply = await self._run(one, f"cd {folder} && {lease}cat now.json", _SOON)
        return now(_done(reply, "has no meter").out)

    def _lease(self) -> str:
        """The command that says that this desk still wants the meter: a word that is new each time."""
        return _told("lease", f"{self.epoch} {secrets.token_hex(8)}")

    def _measures(self, one: _Vantage, told: Now) -> str:
        """Why it does not measure; its own count of looks must go on, whatever its clocks say."""
        before, one.looks = one.looks, told.looks
        if told.state != "measuring":
            return f"the meter is {told.state}: {told.why}"
        return "the meter stands still" if told.looks == before else ""

    async def _tell_fence(self, one: _Vantage) -> None:
        folder, address = quote(one.folder), self._fence
        host, _, port = address.rpartition(":")
        write = _told("fence", f"{host} {port}") if address else "rm -f fence"
        _done(await self._run(one, f"cd {folder} && {write}", _SOON), "takes no word")
        one.told_fence = address

    async def _tell_stop(self, one: _Vantage) -> None:
        host, _, port = (self.new_writer if self._fence else "").rpartition(":")
        command = f"cd {quote(one.folder)} && {_told('stop', f'{host} {port}' if host else '')}"
        _done(await self._run(one, command, _SOON), "has no meter")

    async def _collect(self, one: _Vantage) -> None:
        """Wait until the meter has ended, then bring home what there is; the clock is compared once more."""
        ended = await self._ended(one)
        await self._compare_clocks(one)
        reply = await self._run(one, f"cd {quote(one.folder)} && ls", _SOON)
        there = _done(reply, "has no logs").out.decode(errors="replace").split("\n")
        missing = [name for name in FILES if name in there and not await self._bring(one, name)]
        if missing:
            raise Trouble(f"not complete: {', '.join(missing)}")
        if ended != "ended":
            raise Trouble(f"the meter {ended}")

    async def _ended(self, one: _Vantage) -> str:
        """How it came to its end."""
        until = time.monotonic() + _READING_BACK
        looks, since = -1, time.monotonic()
        while time.monotonic() < until:
            told = await self._ask(one, renew=False)
            if told.state in {"ended", "ended-unsettled", "failed"}:
                return "could not read back to the end" if told.state == "ended-unsettled" else told.state
            if told.looks != looks:
                looks, since = told.looks, time.monotonic()
            if told.state == "measuring" and time.monotonic() - since > _SOON:
                return "died before its end"
            await asyncio.sleep(0.3)
        return "did not end"

    async def _bring(self, one: _Vantage, name: str) -> bool:
        """One file, whole or not at all."""
        command = f"gzip -1 -c <{quote(f'{one.folder}/{name}')}"
        reply = await self._run(one, command, _READING_BACK, limit=_PACKED)
        unpacking = zlib.decompressobj(wbits=31)
        try:
            data = unpacking.decompress(reply.out, _UNPACKED)
        except zlib.error:
            return False
        if reply.code != 0 or reply.cut or not unpacking.eof:
            return False
        await asyncio.to_thread(_keep, self.folder.meters / one.id / name, data)
        return True

    async def _compare_clocks(self, one: _Vantage) -> None:
        """Ask for the time a few times, and write down when it was asked and answered."""
        lines = []
        for _ in range(_EXCHANGES):
            asked = self.mono_ns()
            reply = await self._run(one, f"python3 -I -S -c {quote(_TIME)}", _SOON)
            answered = self.mono_ns()
            boot, _, there = reply.out.decode(errors="replace").strip().partition(" ")
            if there.isascii() and there.isdigit():
                lines.append({"boot": boot[:36], "asked": asked, "answered": answered, "there": int(there[:20])})
        await asyncio.to_thread(_add_group, self.folder.meters / one.id / "clock.jsonl", lines)

    async def _run(
        self, one: _Vantage, command: str, timeout: float, *, feed: bytes = b"", limit: int = 64 * 1024
    ) -> Reply:
        return await self.pool.ask(one.host, timeout, lambda line, end: line.run(command, end, limit, feed))


def meters_of(estate: Estate, plan: ConcretePlan, folder: RunFolder, epoch: int, new_writer: str = "") -> PortMeters:
    """The meters of a run: those that the estate describes; centers that the plan takes for lost are not waited for."""
    if estate.meters is None:
        return NoMeters()
    lost = {plan.centers.get(role.value, role.value) for role in plan.plan.lost}
    return LiveMeters(estate, folder, epoch, new_writer, frozenset(lost))


def _vantage(one: Vantage, hosts: Mapping[str, Host], run: str) -> _Vantage:
    host = hosts[one.host] if one.host else _outside(one)
    return _Vantage(one.id, host, f"{one.folder}/{run}")


def _outside(one: Vantage) -> Host:
    return Host(id=one.id, center=OUTSIDE, address=one.address or "", ssh=one.ssh, mark=one.mark)


def _told(name: str, word: str) -> str:
    """The command that puts a word into a file at once; two who do so at the same time do not meet in one draft."""
    draft = f"{name}.{secrets.token_hex(4)}.new"
    return f"printf %s {quote(word)} >{draft} && mv -f {draft} {name}"


def _done(reply: Reply, what: str) -> Reply:
    if reply.code != 0:
        raise Trouble(f"the vantage {what}: {reply.err.decode(errors='replace').strip()[-150:]}")
    return reply


def _keep(path: Path, data: bytes) -> None:
    """Whole or not at all, also when the machine goes down."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _add_group(path: Path, lines: list[dict[str, Any]]) -> None:
    """Exchanges of one moment belong together."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text().count("\n") if path.exists() else 0
    with path.open("a") as file:
        file.writelines(json.dumps({"group": before, **line}) + "\n" for line in lines)
