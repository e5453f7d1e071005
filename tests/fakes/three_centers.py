"""Three simulated centers in virtual time: databases that replicate, entries, clients that write, and hosts that obey.

They implement Hands and Meters by the table in ``failover/actions.py``. Clients write all the time through every entry;
what was acknowledged, by whom and when, is remembered, so that the end of a story can be judged: nothing acknowledged
is lost, and no writer acknowledges after another has taken over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from failover.actions import ACTIONS
from failover.concrete import Call, Value
from failover.ports import Outcome, Pulse, Reply, Token

SYSTEM = "7300000000000000001"
EVERY = 0.25  #: seconds between two writes of the clients at one entry
CENTERS = ("cloud", "bigdata", "dr")
TAKES = {"pg-fence": 0.3, "pg-promote": 0.2, "pg-rejoin": 2.0, "pg-checkpoint": 0.5}  #: seconds; others a round trip
ROUND_TRIP = 0.02


class Killed(BaseException):
    """kill -9: nothing of this engine happens any more."""


class Kill:
    """Kills the engine at one of its instants, counted from 0; afterwards nothing it does reaches the world.

    ``distinct`` are the instants at which disk or world are not as they were at the instant before.
    """

    def __init__(self, at: int | None = None) -> None:
        self.at, self.count, self.dead = at, 0, False
        self.distinct: list[int] = []
        self.changed = True

    def instant(self, *, own: bool = False) -> bool:
        """One more instant; True when it is the one. Raises Killed when the engine is dead already.

        ``own``: dying here leaves a state of its own (half a line, an unsynced end lost).
        """
        if self.dead:
            raise Killed
        if own or self.changed:
            self.distinct.append(self.count)
            self.changed = own and self.changed
        self.count += 1
        self.dead = self.at is not None and self.count > self.at
        return self.dead

    def here(self) -> None:
        """An instant at which the engine just ends."""
        if self.instant():
            raise Killed


@dataclass
class Server:
    """One database server."""

    host: str
    role: str = "standby"
    running: bool = True
    fenced: bool = False
    receiving: bool = True
    follows: str = ""
    sync_names: tuple[str, ...] = ()
    timeline: int = 1
    log: list[int] = field(default_factory=list)
    promotions: int = 0
    lag: float = 0.0  #: seconds by which what it receives is late

    @property
    def serves(self) -> str:
        return self.role if self.running and not self.fenced else "none"


@dataclass
class Entry:
    """One way in to the database."""

    host: str
    forced: str = ""


@dataclass(frozen=True)
class Ack:
    """A write that a client knows to be kept."""

    write: int
    server: str
    timeline: int
    at: float


class Centers:
    """The three centers, and what hands and meters do in them."""

    def __init__(self) -> None:
        self.now = 0.0
        self.servers = {f"{center}-db": Server(f"{center}-db") for center in CENTERS}
        self.entries = {f"{center}-entry": Entry(f"{center}-entry") for center in CENTERS}
        cloud = self.servers["cloud-db"]
        cloud.role, cloud.sync_names = "primary", ("bigdata-db",)
        for other in ("bigdata-db", "dr-db"):
            self.servers[other].follows = "cloud-db"
        self.dead: set[str] = set()  #: centers without power
        self.cut: set[frozenset[str]] = set()  #: pairs of centers that do not reach each other; ``desk`` is one, too
        self.epochs: dict[str, int] = {}
        self.found: dict[tuple[str, str, str], Any] = {}  #: host, run, act -> what was so before; hosts keep it
        self.acks: list[Ack] = []
        self.hung = 0
        self.writes = 0
        self.acked_at_old = 0
        self.watched_old = ""
        self.metering = False
        self.last_ok = dict.fromkeys(self.entries, 0.0)
        self.sabotage: dict[str, Callable[[Call], Reply | None]] = {}  #: action -> what it does instead; None: as ever
        self.after: dict[str, Callable[[], None]] = {}  #: action -> what happens to the world right after it, once
        self.moments: dict[str, float] = {}  #: when a story's sabotage happened
        self.calls: list[tuple[float, float, Call]] = []  #: began, ended
        self.silent: dict[str, str] = {}  #: vantage -> why it does not measure
        self._pending: list[tuple[float, int]] = []

    # Time and clients

    def go_on(self, until: float) -> None:
        """Let clients write and copies receive until that moment."""
        while self.now + EVERY <= until:
            self.now += EVERY
            for entry in self.entries.values():
                if _center(entry.host) not in self.dead:
                    self._write_through(entry)
            if self.watched_old and self._reach("dr", _center(self.watched_old)):
                self.acked_at_old += self._write(self.servers[self.watched_old]) is Outcome.DONE
            self._replicate()

    def _write_through(self, entry: Entry) -> tuple[Outcome, str]:
        active = self.active(entry)
        if not active:
            return Outcome.FAILED, ""
        outcome = self._write(self.servers[active[0]])
        if outcome is Outcome.DONE:
            self.last_ok[entry.host] = self.now
        return outcome, active[0]

    def active(self, entry: Entry) -> list[str]:
        """Servers that get sessions: the forced one, else the primary that the entry's checks find."""
        chosen = [entry.forced] if entry.forced else list(self.servers)
        return [
            host
            for host in chosen
            if self.servers[host].serves == "primary" and self._reach(_center(entry.host), _center(host))
        ]

    def _write(self, server: Server) -> Outcome:
        """One write straight at a server: acknowledged, refused, or hanging for want of its synchronous copy."""
        if server.serves != "primary":
            return Outcome.REFUSED
        self.writes += 1
        server.log.append(self.writes)
        for name in server.sync_names:
            copy = self.servers[name]
            if not self._receives(copy, server):
                self.hung += 1
                return Outcome.UNKNOWN
            copy.log = list(server.log)
        self.acks.append(Ack(self.writes, server.host, server.timeline, self.now))
        return Outcome.DONE

    def _receives(self, copy: Server, primary: Server) -> bool:
        connected = (
            copy.serves == "standby"
            and copy.receiving
            and copy.follows == primary.host
            and primary.serves == "primary"
            and self._reach(_center(copy.host), _center(primary.host))
        )
        return connected and len(copy.log) <= len(primary.log) and copy.log == primary.log[: len(copy.log)]

    def _replicate(self) -> None:
        for copy in self.servers.values():
            primary = self.servers.get(copy.follows)
            if primary and len(copy.log) < len(primary.log) and self._receives(copy, primary):
                keep = int(copy.lag / EVERY) * len(self.entries)
                copy.log = primary.log[: max(len(copy.log), len(primary.log) - keep)]
                copy.timeline = primary.timeline

    def _reach(self, one: str, other: str) -> bool:
        alive = one not in self.dead and other not in self.dead
        return alive and (one == other or frozenset((one, other)) not in self.cut)

    # What is judged at the end

    def primary(self) -> Server | None:
        """The one writer; None when there is none or more than one."""
        alive = [server for server in self.servers.values() if _center(server.host) not in self.dead]
        found = [server for server in alive if server.serves == "primary"]
        return found[0] if len(found) == 1 else None

    def lost(self) -> list[int]:
        """Writes that were acknowledged and that the writer has not got."""
        there = self.primary()
        kept = set(there.log) if there else set()
        return [ack.write for ack in self.acks if ack.write not in kept]

    def dual(self) -> list[Ack]:
        """Acknowledgements by a writer after another one had taken over."""
        reigns: list[tuple[str, int]] = []
        wrong = []
        for ack in self.acks:
            reign = (ack.server, ack.timeline)
            if reign not in reigns:
                reigns.append(reign)
            elif reigns[-1] != reign:
                wrong.append(ack)
        return wrong

    def picture(self) -> dict[str, Any]:
        """The state of the world that two runs are compared by; what clients wrote meanwhile differs."""
        return {
            "servers": {
                name: (each.serves, each.fenced, each.follows if each.role == "standby" else "", each.sync_names)
                for name, each in self.servers.items()
                if _center(name) not in self.dead
            },
            "timelines": {name: each.timeline for name, each in self.servers.items() if each is self.primary()},
            "promotions": {name: each.promotions for name, each in self.servers.items()},
            "entries": {name: each.forced for name, each in self.entries.items()},
        }

    # Carrying out

    def carry_out(self, call: Call, give: Mapping[str, Value], timeout: float) -> Reply:
        """The effect of one call, here and now."""
        instead = self.sabotage.get(call.action)
        reply = instead(call) if instead else None
        if reply is None:
            reply = _DOES[call.action](self, call.host, give, timeout)
        then = self.after.pop(call.action, None)
        if then:
            then()
        return reply


def _center(host: str) -> str:
    return host.partition("-")[0]


def _done(**facts: Any) -> Reply:
    return Reply(Outcome.DONE, facts=facts)


def _no(says: str) -> Reply:
    return Reply(Outcome.FAILED, says)


def _state(world: Centers, host: str, give: Mapping[str, Value], _t: float) -> Reply:
    server = world.servers[host]
    facts = {
        "role": server.serves,
        "system_id": SYSTEM,
        "timeline": server.timeline,
        "lsn": len(server.log),
        "sync_names": list(server.sync_names),
        "fenced": server.fenced,
    }
    if "role" in give and give["role"] != server.serves:
        return Reply(Outcome.FAILED, f"is {server.serves}", facts)
    return _done(**facts)


def _checkpoint(world: Centers, host: str, _give: Mapping[str, Value], _t: float) -> Reply:
    return _done() if world.servers[host].serves != "none" else _no("does not run")


def _fence(world: Centers, host: str, _give: Mapping[str, Value], _t: float) -> Reply:
    server = world.servers[host]
    if not server.fenced and server.serves == "primary":
        world._replicate()  # a clean stop sends the rest
    server.fenced = True
    return _done(lsn=len(server.log), timeline=server.timeline, system_id=SYSTEM)


def _unfence(world: Centers, host: str, _give: Mapping[str, Value], _t: float) -> Reply:
    world.servers[host].fenced = False
    return _done(role=world.servers[host].role)


def _refused_write(world: Centers, host: str, give: Mapping[str, Value], timeout: float) -> Reply:
    target = world.servers[str(give["target"])]
    if not world._reach(_center(host), _center(target.host)):
        return Reply(Outcome.UNKNOWN, "no answer", took=timeout)
    outcome = world._write(target)
    if outcome is Outcome.DONE:
        return _no(f"{target.host} acknowledged a write")
    hung = outcome is Outcome.UNKNOWN and give.get("hung_is_refused") is not True
    return Reply(Outcome.UNKNOWN if hung else Outcome.DONE, "hangs" if outcome is Outcome.UNKNOWN else "refused")


def _receiving(on: bool) -> Callable[[Centers, str, Mapping[str, Value], float], Reply]:
    def does(world: Centers, host: str, _give: Mapping[str, Value], _t: float) -> Reply:
        world.servers[host].receiving = on
        return _done(lsn=len(world.servers[host].log))

    return does


def _catch_up(world: Centers, host: str, give: Mapping[str, Value], _t: float) -> Reply:
    world._replicate()
    has = len(world.servers[host].log)
    return _done(lsn=has) if has >= int(str(give["lsn"])) else _no(f"has {has}")


def _set_sync(world: Centers, host: str, give: Mapping[str, Value], _t: float) -> Reply:
    server = world.servers[host]
    standbys = give["standbys"]
    before, server.sync_names = server.sync_names, tuple(standbys) if isinstance(standbys, tuple) else (str(standbys),)
    return _done(before=list(before))


def _promote(world: Centers, host: str, give: Mapping[str, Value], _t: float) -> Reply:
    server = world.servers[host]
    if give.get("system_id", SYSTEM) != SYSTEM:
        return Reply(Outcome.REFUSED, "another system")
    if server.serves == "none":
        return _no("does not run")
    if server.role != "primary":
        server.role, server.follows, server.receiving = "primary", "", True
        server.timeline = max(each.timeline for each in world.servers.values()) + 1
        server.promotions += 1
    return _done(timeline=server.timeline, lsn=len(server.log), role="primary")


def _follow(world: Centers, host: str, give: Mapping[str, Value], _t: float) -> Reply:
    server, primary = world.servers[host], world.servers[str(give["primary"])]
    if server.log != primary.log[: len(server.log)]:
        return _no("its log has diverged")
    server.follows = primary.host
    world._replicate()
    return _done(lsn=len(server.log))


def _rejoin(world: Centers, host: str, give: Mapping[str, Value], _t: float) -> Reply:
    server, primary = world.servers[host], world.servers[str(give["primary"])]
    if host == primary.host or primary.serves != "primary":
        return _no(f"{primary.host} is no primary")
    same = server.log == primary.log[: len(server.log)]
    server.log = list(primary.log)
    server.role, server.fenced, server.running, server.receiving = "standby", False, True, True
    server.follows, server.timeline = primary.host, primary.timeline
    return _done(way="as it is" if same else "rewind", lsn=len(server.log))


def _replicates(world: Centers, host: str, give: Mapping[str, Value], _t: float) -> Reply:
    primary, standbys = world.servers[host], give["standbys"]
    for name in standbys if isinstance(standbys, tuple) else (str(standbys),):
        if not world._receives(world.servers[name], primary):
            return _no(f"{name} does not receive")
        if give.get("sync") and name not in primary.sync_names:
            return _no(f"{name} is not synchronous")
    return _done()


def _patroni_state(world: Centers, _host: str, give: Mapping[str, Value], _t: float) -> Reply:
    """Patroni's members agree on who leads."""
    leader = next((name for name, each in world.servers.items() if each.serves == "primary"), "")
    return _done(leader=leader) if give.get("leader", leader) == leader else _no(f"{leader} leads")


def _patroni_switchover(world: Centers, host: str, give: Mapping[str, Value], timeout: float) -> Reply:
    """The old one stops and follows, the new one has all of its log and takes over, the others follow it."""
    old, new = world.servers[host], world.servers[str(give["candidate"])]
    if new.serves == "primary":
        return _done(role="primary", timeline=new.timeline, lsn=len(new.log))
    if old.serves != "primary":
        return Reply(Outcome.REFUSED, f"{host} does not lead")
    world._replicate()
    if new.log != old.log:
        return _no(f"{new.host} has not all of the log")
    old.role, old.sync_names, new.sync_names = "standby", (), (host,)
    reply = _promote(world, new.host, {}, timeout)
    for other in world.servers.values():
        other.follows = "" if other is new else new.host
    world._replicate()
    return reply


def _entry_state(world: Centers, host: str, _give: Mapping[str, Value], _t: float) -> Reply:
    return _done(servers={}, active=world.active(world.entries[host]))


def _entry_point(world: Centers, host: str, give: Mapping[str, Value], _t: float) -> Reply:
    entry = world.entries[host]
    before, entry.forced = entry.forced, str(give["primary"])
    return _done(before=before, active=world.active(entry))


def _entry_auto(world: Centers, host: str, _give: Mapping[str, Value], _t: float) -> Reply:
    world.entries[host].forced = ""
    return _done()


def _through(world: Centers, host: str, give: Mapping[str, Value], _t: float) -> Reply:
    outcome, server = world._write_through(world.entries[host])
    if outcome is Outcome.DONE and server == give.get("primary", server):
        return _done(server=server)
    return Reply(outcome, "not acknowledged") if outcome is not Outcome.DONE else _no(f"acknowledged by {server}")


def _fine(_world: Centers, _host: str, _give: Mapping[str, Value], _t: float) -> Reply:
    return _done()


_DOES: dict[str, Callable[[Centers, str, Mapping[str, Value], float], Reply]] = {
    "pg-state": _state,
    "pg-checkpoint": _checkpoint,
    "pg-fence": _fence,
    "pg-unfence": _unfence,
    "pg-refused-write": _refused_write,
    "pg-stop-receiving": _receiving(False),
    "pg-receive-again": _receiving(True),
    "pg-catch-up": _catch_up,
    "pg-set-sync": _set_sync,
    "pg-promote": _promote,
    "pg-follow": _follow,
    "pg-rejoin": _rejoin,
    "pg-replicates": _replicates,
    "patroni-state": _patroni_state,
    "patroni-switchover": _patroni_switchover,
    "entry-state": _entry_state,
    "entry-point": _entry_point,
    "entry-auto": _entry_auto,
    "write-through": _through,
    "host-alive": _fine,
    "capacity": _fine,
    "app-check": _fine,
    "recall": _fine,
}


class SimHands:
    """Hands in the simulated centers."""

    def __init__(self, world: Centers, kill: Kill, time: Callable[[], float]) -> None:
        self._world, self._kill, self._time = world, kill, time

    async def warm(self, hosts: Collection[str]) -> Mapping[str, Reply]:
        self._kill.here()
        reached = {host: self._world._reach("desk", _center(host)) for host in hosts}
        return {
            host: Reply(Outcome.DONE, facts={"epoch": self._world.epochs.get(host, 0)})
            if there
            else Reply(Outcome.UNKNOWN, "no route to host")
            for host, there in reached.items()
        }

    async def act(self, call: Call, give: Mapping[str, Value], token: Token, *, timeout: float, urgent: bool) -> Reply:
        began = self._time()
        self._kill.here()
        if not self._world._reach("desk", _center(call.host)):
            await asyncio.sleep(timeout)
            return Reply(Outcome.UNKNOWN, "no answer", took=timeout)
        seen = self._world.epochs.get(call.host, 0)
        if token.epoch < seen:
            return Reply(Outcome.REFUSED, "an older epoch", {"epoch": seen})
        self._world.epochs[call.host] = token.epoch
        takes = TAKES.get(call.action, 0.0)
        await asyncio.sleep(takes + ROUND_TRIP / 2)
        if ACTIONS[call.action].changes:
            self._kill.here()
        if self._kill.dead:
            raise Killed
        self._world.go_on(self._time())
        reply = self._remembered(self._world.carry_out(call, give, timeout), call, give, token)
        self._kill.changed = self._kill.changed or ACTIONS[call.action].changes
        self._kill.here()
        await asyncio.sleep(max(ROUND_TRIP / 2, min(reply.took, timeout)))
        self._world.calls.append((began, self._time(), call))
        return reply

    def _remembered(self, reply: Reply, call: Call, give: Mapping[str, Value], token: Token) -> Reply:
        """What an act finds is what it found first; hosts can be asked for it."""
        if call.action == "recall":
            before = self._world.found.get((call.host, token.run, str(give["act"])))
            return _done(known=False) if before is None else _done(known=True, before=before)
        if "before" in reply.facts and token.act:
            before = self._world.found.setdefault((call.host, token.run, token.act), reply.facts["before"])
            return replace(reply, facts={**reply.facts, "before": before})
        return reply

    async def close(self) -> None:
        return None


class SimMeters:
    """Meters that see what the simulated clients see."""

    def __init__(self, world: Centers, kill: Kill, time: Callable[[], float]) -> None:
        self._world, self._kill, self._time = world, kill, time

    async def start(self) -> Mapping[str, str]:
        self._world.metering = True
        self._kill.here()
        return {center: self._world.silent.get(center, "") for center in CENTERS if center not in self._world.dead}

    async def pulse(self) -> Pulse:
        if self._kill.dead:
            raise Killed
        self._world.go_on(self._time())
        down = max(
            self._world.now - ok for host, ok in self._world.last_ok.items() if _center(host) not in self._world.dead
        )
        vantages = {center: self._world.silent.get(center, "") for center in CENTERS}
        return Pulse(vantages, down, self._world.acked_at_old)

    async def fenced(self, address: str) -> None:
        if not self._kill.dead:
            self._world.watched_old = address

    async def stop(self) -> Mapping[str, str]:
        self._kill.here()
        self._world.watched_old, self._world.metering = "", False
        return dict.fromkeys(CENTERS, "")
