"""A world with a clock of its own: what runs, what is frozen, which ways are cut; and probers that ask in it.

It answers checks as TCP would: a question needs its way there and the answer its way back, so cutting one direction
fails both. Nothing here judges; the product's own cycle does, on an in-memory store.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from checks.check import Check
from checks.result import Result, Status
from inventory import subject
from state.cycle import Cycle
from state.store import Store
from state.verdict import Change
from tests.scenarios.estate import CENTERS, PROVINCES, Small, small

START = 1_800_000_000.0
STEP = 1.0  #: seconds between two moments of the world
CYCLE = 2  #: the watch turns every so many steps
DESK = "desk"


@dataclass
class World:
    """What is wrong right now; an empty world is healthy."""

    off: set[str] = field(default_factory=set)  #: hosts without power
    frozen: set[str] = field(default_factory=set)  #: hosts that connect and say nothing
    stopped: set[str] = field(default_factory=set)  #: components (``marriage/app@cloud``) whose service is stopped
    cut: set[tuple[str, str]] = field(default_factory=set)  #: directed ways
    full: set[str] = field(default_factory=set)  #: hosts with a full disk
    slow: set[str] = field(default_factory=set)  #: link ids
    mute: set[str] = field(default_factory=set)  #: provinces that stopped delivering
    dead_probers: set[str] = field(default_factory=set)

    def cut_both(self, a: str, b: str) -> None:
        """Cut a way in both directions."""
        self.cut |= {(a, b), (b, a)}

    def isolate(self, center: str, desk_too: bool = True) -> None:
        """Cut a center from the others, and from the desk unless that has a way of its own."""
        for other in (*CENTERS, DESK) if desk_too else CENTERS:
            if other != center:
                self.cut_both(center, other)

    def heal(self) -> None:
        """Everything works again."""
        for trouble in vars(self).values():
            trouble.clear()

    def joined(self, a: str, b: str) -> bool:
        """Whether a connection from a to b can be made."""
        return (a, b) not in self.cut and (b, a) not in self.cut

    def alive(self, host: str) -> bool:
        """Whether programs run there."""
        return host not in self.off and host not in self.frozen

    def prober(self, center: str) -> bool:
        """Whether the center's prober works."""
        return self.alive(f"{center}-ops") and center not in self.dead_probers

    def reached(self, center: str) -> bool:
        """Whether the desk reaches the center's Prometheus."""
        return self.alive(f"{center}-ops") and self.joined(DESK, center)

    def answer(self, check: Check, vantage: str) -> tuple[Status, str]:
        """What a prober at ``vantage`` finds."""
        if not self.joined(vantage, str(check.center)):
            return Status.DOWN, "timed out"
        kind, name = subject.kind(check.subject), subject.name(check.subject)
        if kind == "link":
            return (Status.DEGRADED, "slow") if name in self.slow else self._up(self.prober(str(check.center)))
        host = check.host.id if check.host else ""
        if check.kind == "tcp":
            return self._up(host not in self.off)
        if check.id.endswith("/disk") and host in self.full and self.alive(host):
            return Status.DOWN, "disk 99 % full"
        healthy = name not in self.stopped and name not in self.mute
        if kind == "system":
            healthy = not self.stopped & {f"{name}/app@cloud", f"{name}/db@cloud"}
            healthy &= self.alive("cloud-app") and self.alive("cloud-db")
        return self._up(self.alive(host) and healthy)

    @staticmethod
    def _up(works: bool) -> tuple[Status, str]:
        return (Status.OK, "fine") if works else (Status.DOWN, "no answer")


class Script:
    """A time script: advance the clock, change the world, expect changes. Time is seconds since its start."""

    def __init__(self, built: Small | None = None) -> None:
        self.small = built or small()
        self.world = World()
        self.store = Store.open("sqlite://")
        self.changes: list[Change] = []
        self.time = 0.0
        self._latest: dict[tuple[str, str], Result] = {}
        self.start_watch()

    def start_watch(self) -> None:
        """A new watch process on the same store."""
        self.cycle: Cycle | None = Cycle(self.store, self.small.estate, self.small.checks)

    def stop_watch(self) -> None:
        """The watch is gone; the probers go on."""
        self.cycle = None

    def run(self, until: float) -> list[Change]:
        """Let time pass; returns the changes recorded on the way."""
        before = len(self.changes)
        while self.time < until:
            self.time += STEP
            self._probe()
            if self.cycle and self.time % CYCLE == 0:
                self._turn(self.cycle)
        return self.changes[before:]

    def quiet_start(self, until: float = 60.0) -> None:
        """A healthy minute, after which everything is known to be ok."""
        self.run(until)
        wrong = {about: status for about, status in self.statuses().items() if status is not Status.OK}
        assert not wrong, wrong

    def expect(self, about: str, new: Status, after: float, before: float) -> Change:
        """The change of a subject to a status that was noticed in ``(after, before)``; fails if there is none."""
        found = [
            change
            for change in self.changes
            if change.subject == about and change.new is new and after < change.at - START < before
        ]
        assert len(found) == 1, (about, new, self.told())
        return found[0]

    def status(self, about: str) -> Status:
        """The current verdict on a subject."""
        return self.statuses()[about]

    def statuses(self) -> dict[str, Status]:
        """The current verdicts."""
        return {verdict.subject: verdict.status for verdict in self.store.verdicts()}

    def roots(self, open_only: bool = True) -> list[str]:
        """The subjects of incidents that were not merged into another."""
        return [each.subject for each in self.store.incidents(open_only=open_only) if each.merged is None]

    def told(self) -> list[str]:
        """All changes, to be read when a script fails."""
        return [
            f"{c.at - START:.0f} {c.subject} {c.old}>{c.new} {c.because.code} {c.cause or ''}" for c in self.changes
        ]

    def _turn(self, cycle: Cycle) -> None:
        reach = {center: self.world.reached(center) for center in CENTERS}
        reported = [result for (_, vantage), result in self._latest.items() if reach[vantage]]
        self.changes += cycle.turn(reported, reach, START + self.time)

    def _probe(self) -> None:
        for check, vantage in self._due():
            if self.world.prober(vantage):
                status, sentence = self.world.answer(check, vantage)
                self._latest[check.id, vantage] = Result(check.id, vantage, status, sentence, START + self.time, 0.01)

    def _due(self) -> Iterator[tuple[Check, str]]:
        """Checks are spread over their interval, differently at each vantage, as a scheduler would."""
        for check in self.small.checks:
            for vantage in check.vantages:
                offset = zlib.crc32(f"{check.id}{vantage}".encode()) % int(check.interval)
                if (self.time - offset) % check.interval == 0:
                    yield check, vantage


Action = Callable[[World], None]
ALL_PROVINCES = PROVINCES
