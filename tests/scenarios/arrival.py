"""A world whose answers take their time: asked before a fault and met by it, timed out, scraped late, in any order.

The same fault reaches the watch in another order with every seed. The estate is asked as often as the lab is, and its
databases replicate: they notice by themselves when the other end, or the way to it, is gone.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field, replace

from checks.check import Check
from checks.result import Result, Status
from inventory import subject
from inventory.model import Replication, Ssh
from runbooks import catalogue
from runbooks.decide import decide
from state.cycle import Cycle
from tests.scenarios.estate import CENTERS, Ask, Small, checks, estate
from tests.scenarios.world import START, Script, World

_TIMEOUT = 2.0
_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5vdEFSZWFsS2V5Tm90QVJlYWxLZXlOb3RBUmVhbEtl"
_CARDS = catalogue.load()


def replicated() -> Small:
    """The small estate, asked every few seconds, with a replicated database that every journey writes to."""
    built = estate()
    flow = Replication(source="cloud", to={"bigdata": "sync", "dr": "async"})
    systems = tuple(
        system.model_copy(update={"replication": flow}) if system.id == "marriage" else system
        for system in built.systems
    )
    hosts = tuple(host.model_copy(update={"ssh": Ssh(user="ops", host_key=_KEY)}) for host in built.hosts)
    built = built.model_copy(update={"systems": systems, "hosts": hosts})
    return Small(built, tuple(_brisk(check) for check in checks(built)))


def _brisk(check: Check) -> Check:
    kind = subject.kind(check.subject)
    interval = {"link": 2.0, "host": 3.0}.get(kind, 5.0)
    check = replace(check, interval=interval, timeout=_TIMEOUT)
    if check.id.endswith("/disk"):
        return replace(check, interval=5.0, vantages=(str(check.center),))
    if "/db@" in check.id:
        expect = "primary" if check.center == "cloud" else "standby"
        return replace(check, kind="postgres", params=Ask(expect=expect))
    return check


@dataclass
class Replicas(World):
    """The world with databases that replicate from cloud; ``now`` is seconds since the script's start."""

    now: float = 0.0
    reconnect: float = 0.0  #: seconds a copy needs to find its primary again
    _apart: dict[str, float] = field(default_factory=dict)  #: copy's center -> when its stream was last seen broken

    def heal(self) -> None:
        """Everything works again; streams take their time."""
        for trouble in (self.off, self.frozen, self.stopped, self.cut, self.full, self.slow, self.mute):
            trouble.clear()
        self.dead_probers.clear()

    def tick(self, now: float) -> None:
        """Time passes: streams that are broken now are remembered."""
        self.now = now
        for copy in ("bigdata", "dr"):
            if not (self._serves("cloud") and self._serves(copy) and self.joined("cloud", copy)):
                self._apart[copy] = now

    def answer(self, check: Check, vantage: str) -> tuple[Status, str]:
        """As the world's, and what a server says of its replication: its sentence then begins with its role."""
        status, sentence = super().answer(check, vantage)
        if status is not Status.OK:
            return status, sentence
        if subject.kind(check.subject) == "system" and not self._streams("bigdata"):
            return Status.DOWN, "every write hangs"
        if check.kind != "postgres":
            return status, sentence
        if check.center == "cloud":
            lost = [copy for copy in ("bigdata", "dr") if not self._streams(copy)]
            serious = Status.DOWN if "bigdata" in lost else Status.DEGRADED
            return (serious, f"primary without {lost}") if lost else (Status.OK, "primary")
        return (Status.OK, "standby") if self._streams(str(check.center)) else (Status.DEGRADED, "standby alone")

    def _serves(self, center: str) -> bool:
        return self.alive(f"{center}-db") and f"marriage/db@{center}" not in self.stopped

    def _streams(self, copy: str) -> bool:
        return self.now > self._apart.get(copy, -99.0) + self.reconnect


class Arrival(Script):
    """A script with answers on their way; everything uncertain about it comes from one seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._busy = 1.0 + seed % 2  #: every second world is busy: all that may be late is later
        self._late = {vantage: self._random.uniform(0, 3 * self._busy) for vantage in CENTERS}
        self._asked: defaultdict[float, list[tuple[Check, str, float]]] = defaultdict(list)
        self._flying: list[tuple[float, Result]] = []
        self._desk_back = dict.fromkeys(CENTERS, 0.0)
        self.acted: set[tuple[str, str]] = set()  #: runbook and subject of everything that would have been done
        super().__init__(replicated())
        self.world: Replicas = Replicas(reconnect=self._random.uniform(0, 4))
        self._phase = {
            (check.id, vantage): self._random.randrange(int(check.interval))
            for check in self.small.checks
            for vantage in check.vantages
        }

    def _probe(self) -> None:
        """Ask what is due; an answer is made up to a second later, and one that never comes is a failure at last."""
        self.world.tick(self.time)
        for check in self.small.checks:
            for vantage in check.vantages:
                due = (self.time - self._phase[check.id, vantage]) % check.interval == 0
                if due and self.world.prober(vantage):
                    self._asked[self.time + (self._random.random() < 0.2 * self._busy)].append(
                        (check, vantage, self.time)
                    )
        for check, vantage, asked in self._asked.pop(self.time, ()):
            self._answer(check, vantage, asked)

    def _answer(self, check: Check, vantage: str, asked: float) -> None:
        status, sentence = self.world.answer(check, vantage)
        took = check.timeout if sentence in ("timed out", "no answer") else 0.01
        evidence = {"role": sentence.split()[0]} if check.kind == "postgres" and took < 1 else {}
        at = START + asked - self._random.random() * 0.9
        result = Result(check.id, vantage, status, sentence, at, took, evidence=evidence)
        self._flying.append((self.time + took + self._late[vantage] + self._random.random(), result))

    def _turn(self, cycle: Cycle) -> None:
        flying, self._flying = self._flying, []
        for seen, result in flying:
            key = (result.check, result.vantage)
            if seen > self.time:
                self._flying.append((seen, result))
            elif key not in self._latest or result.at > self._latest[key].at:
                self._latest[key] = result
        reach = {center: self._reached(center) for center in CENTERS}
        reported = [result for (_, vantage), result in self._latest.items() if reach[vantage]]
        self.changes += cycle.turn(reported, reach, START + self.time)
        self._act(cycle)

    def _reached(self, center: str) -> bool:
        """What comes back is busy at first: the desk gets its first answer some seconds later."""
        if not self.world.reached(center):
            self._desk_back[center] = self.time + self._random.uniform(0, 6 * self._busy)
        return self.time >= self._desk_back[center]

    def _act(self, cycle: Cycle) -> None:
        """What the responder would do now."""
        found = decide(
            self.small.estate,
            self.small.checks,
            self.store.incidents(open_only=True),
            cycle.verdicts,
            catalogue=_CARDS,
            runs=(),
            now=START + self.time,
        )
        self.acted |= {(one.runbook, one.subject) for one in found if one.allowed}
