"""One failover under an open-loop writer, by the engine or by a bare script, and all in order again afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from failover import journal
from failover.approvals import give
from failover.hands import RealHands
from failover.plan_load import OWN
from failover.ports import Token
from failover.records import Kind, State
from failover.start import Desk
from inventory.known_hosts import known_hosts
from inventory.model import Estate
from lab.client import Lab
from lab.faults import inject, undo
from tests.lab.engine_process import Job, Left, People, carry, person, read_plan
from tests.lab.switching import DATABASES, ENTRIES, Seen, Switch, lost, next_epoch, writer

CLOUD, BIGDATA, DR = DATABASES
_HERE = Path(__file__).parent
_CALM = 1.0  #: seconds of writing before and after
_NOTICED = 2.0  #: seconds between a fault and the decision to fail over
_EVERY = 0.1  #: seconds between two looks of the people at the run: they cost CPU while clients wait
_UNSEEN = ("replication-sync", "lag-within-rpo", "one-writer", "never-two-writers")


@dataclass(frozen=True)
class Leg:
    """One way to move the writer."""

    name: str
    plan: str
    old: str
    new: str
    sync: str | None = None  #: the copy that commits wait for afterwards
    fault: tuple[str, ...] = ()  #: what happens to the old writer; nothing: the switchover is planned

    @property
    def entry(self) -> str:
        """Where the client's writes go in: the entry of a center that stays."""
        return ENTRIES[1] if self.fault else ENTRIES[0]


PLANNED = (
    Leg("production to metro", "switchover-metro", CLOUD, BIGDATA, sync=CLOUD),
    Leg("production to remote", "switchover-dr", CLOUD, DR),
)
UNPLANNED = (
    Leg("database without power, to metro", "lost-production-metro", CLOUD, BIGDATA, fault=("power-off", CLOUD)),
    Leg("center cut off, to metro", "lost-production-metro", CLOUD, BIGDATA, fault=("isolate", "cloud")),
)


@dataclass(frozen=True)
class Sample:
    """What one run cost clients."""

    leg: str
    way: str  #: bare, engine
    outage: float  #: seconds; of an unplanned one from the decision on
    waited: float  #: of these, waiting for a writer that does not answer to refuse a write
    acked: int
    lost: int
    load: float


@dataclass
class Bench:
    """A lab, hands to bring it back in order, ssh connections for the scripts, and a folder for runs."""

    lab: Lab
    hands: RealHands
    config: Path
    folder: Path

    @property
    def desk(self) -> Path:
        """The lab has one desk: its hosts obey the highest epoch they have seen."""
        return self.lab.folder / "desk"

    async def run(self, leg: Leg, way: str) -> Sample:
        """One failover and the way home."""
        await asyncio.to_thread(reconnect, self.config)
        outage = self._unplanned if leg.fault else self._planned
        seen, seconds, waited = await outage(leg, way)
        gone = lost(self.lab, leg.new, seen)
        await self._home(leg, way)
        return Sample(leg.name, way, seconds, waited, len(seen.acked), len(gone), os.getloadavg()[0])

    async def _planned(self, leg: Leg, way: str) -> tuple[Seen, float, float]:
        with writer(self.lab, leg.entry) as seen:
            await asyncio.sleep(_CALM)
            if way == "bare":
                await self._bare("bare_switchover.sh", leg, ENTRIES)
            else:
                await asyncio.to_thread(self._engine, leg)
            await asyncio.sleep(_CALM)
        return seen[0], seen[0].outage, 0.0

    async def _unplanned(self, leg: Leg, way: str) -> tuple[Seen, float, float]:
        with writer(self.lab, leg.entry) as seen:
            await asyncio.sleep(_CALM)
            if way == "bare":
                self._happens(leg)
                decided = time.monotonic()
                waited = float((await self._bare("bare_failover.sh", leg, ENTRIES[1:])).split()[-1])
            else:
                decided, waited = await asyncio.to_thread(self._decided, leg)
            await asyncio.sleep(_CALM)
        back = min((at for _, at in seen[0].acked if at > decided), default=float("inf"))
        return seen[0], back - decided, waited

    def _happens(self, leg: Leg) -> None:
        inject(self.lab, leg.fault[0], leg.fault[1:])
        time.sleep(_NOTICED)

    def _decided(self, leg: Leg) -> tuple[float, float]:
        left, people = self._engine(leg)
        records = journal.records(left.run.journal).records
        replies = [one.payload for one in records if one.kind is Kind.REPLY and one.payload["step"] == "fence"]
        return people.first["declare"], sum(one["took"] for one in replies if one["part"] == "verify")

    def _engine(self, leg: Leg) -> tuple[Left, People]:
        """The product's whole way: gates, approvals, meters, steps, soak, commit."""
        plan = OWN / f"{leg.plan}.yml"
        drill, unseen = ("real", dict.fromkeys(_UNSEEN, "it does not answer")) if leg.fault else ("switchover", {})
        job = Job(
            self.lab.estate_folder,
            self.desk,
            self.folder / "runs",
            plan,
            self.folder / "engine.log",
            drill=drill,
            overrides=unseen,
        )
        file, desk = read_plan(plan), Desk(job.desk, job.runs)
        for approval in file.plan.approvals:
            who = person(file.plan, approval.role)
            give(desk.approvals, file.plan, file.digest, approval.role, who, desk.clock.wall())
        people = People(desk, file.plan, {"declare": lambda: self._happens(leg)} if leg.fault else {})
        left = carry(job, people, every=_EVERY)
        assert left.standing.state in (State.COMPLETED, State.COMPLETED_WITH_EXCEPTIONS), left.standing
        return left, people

    async def _bare(self, script: str, leg: Leg, entries: tuple[str, ...]) -> str:
        third = next(host for host in DATABASES if host not in (leg.old, leg.new))
        hosts = self.lab.inside(leg.old).parent
        argv = [str(word) for word in (_HERE / script, self.config, hosts, leg.old, leg.new, third, *entries)]
        with tempfile.TemporaryFile() as out:  # a file: an ssh that stays would keep a pipe open
            process = await asyncio.create_subprocess_exec(*argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            code = await asyncio.wait_for(process.wait(), 120)
            out.seek(0)
            said = out.read().decode().strip()
        assert code == 0, said
        return said

    async def _home(self, leg: Leg, way: str) -> None:
        """Production writes again, all others are its copies, the metro one synchronous."""
        switch = Switch(self.hands, Token("by hand", next_epoch(self.lab)))
        if leg.fault:
            undo(self.lab, leg.fault[0], leg.fault[1:])
            await self._halted(switch, leg.old)
            for host in (leg.old, DR):  # the far copy may have had more of the lost writer's log than the new writer
                await switch.act("pg-rejoin", host, 90.0, primary=leg.new)
        if leg.fault or way == "bare":
            await switch.settle(leg.old, leg.new, leg.sync)
        await switch.over(leg.new, CLOUD)
        await switch.settle(leg.new, CLOUD, BIGDATA)

    async def _halted(self, switch: Switch, host: str) -> None:
        """What came back is stopped first, as soon as a line to it holds: the old one died with the host."""
        for _ in range(20):
            await self.hands.warm([*DATABASES, *ENTRIES])
            with contextlib.suppress(AssertionError):
                await switch.act("pg-fence", host, copy_is_fine=True)
                return
            await asyncio.sleep(1)
        raise AssertionError(f"{host} does not come back")


@contextlib.contextmanager
def bare_connections(estate: Estate) -> Iterator[Path]:
    """OpenSSH's open connections to all hosts that matter; yields the configuration that uses them."""
    with tempfile.TemporaryDirectory(prefix="tc-", dir="/tmp") as folder:
        config, known = Path(folder) / "config", Path(folder) / "known_hosts"
        known.write_text(known_hosts(estate))
        hosts = [estate.host(name) for name in (*DATABASES, *ENTRIES)]
        config.write_text(
            "".join(
                f"Host {host.id}\n HostName {host.address}\n Port {host.ssh.port}\n User {host.ssh.user}\n"
                f" IdentityFile {host.ssh.key}\n UserKnownHostsFile {known}\n StrictHostKeyChecking yes\n"
                f" BatchMode yes\n ControlMaster auto\n ControlPath {folder}/%n\n ControlPersist 600\n"
                " ServerAliveInterval 2\n ServerAliveCountMax 2\n"
                for host in hosts
            )
        )
        try:
            yield config
        finally:
            for host in hosts:
                _ssh(config, "-O", "exit", host.id, check=False)


def reconnect(config: Path) -> None:
    """Open what is not open (any more)."""
    for host in (*DATABASES, *ENTRIES):
        _ssh(config, host, "true", check=True)


def _ssh(config: Path, *words: str, check: bool) -> None:
    quiet = subprocess.DEVNULL
    subprocess.run(["ssh", "-F", config, *words], check=check, stdin=quiet, stdout=quiet, stderr=quiet, timeout=30)
