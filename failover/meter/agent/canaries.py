"""Numbered writes, one after another: each is on this disk before it is sent, and its fate is written down.

``acked``: the server said that it is committed. ``rejected``: it was surely not done. ``unknown``: it left, and no word
came back.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from failover.meter.agent.clock import NS, Clock
from failover.meter.agent.files import Full, Log
from failover.meter.agent.settings import Channel
from failover.meter.agent.ticks import Ticks
from failover.remote.pg_wire import Broken, Login, ServerError, Session, TimedOut, WireError

#: Writes that hang may keep a session busy on the server for long: so many in a minute, then slower.
_MOST_HANGING, _MINUTE, _SLOWER = 20, 60 * NS, 3 * NS


@dataclass(slots=True)
class Counts:
    """What became of the writes so far."""

    acked: int = 0
    rejected: int = 0
    unknown: int = 0
    last_ok: int = 0  #: ns, when the last acknowledged write was sent

    def add(self, fate: str, sent: int) -> None:
        """One more."""
        setattr(self, fate, getattr(self, fate) + 1)
        if fate == "acked":
            self.last_ok = sent


@dataclass(slots=True)
class Writer:
    """Writes to one channel until told to stop. Runs in a thread of its own: it waits for disk and server."""

    channel: Channel
    run: str
    vantage: str  #: whose numbers these are
    epoch: Callable[[], int]
    clock: Clock
    log: Log
    seq: int = 0  #: the last number given
    counts: Counts = field(default_factory=Counts)
    trouble: str = ""  #: why it had to stop
    _session: Session | None = None
    _hanging: deque[int] = field(default_factory=deque)

    def work(self, stopped: threading.Event) -> None:
        """One write a period; the next waits until the former's fate is known."""
        ticks = Ticks(self.clock.mono_ns(), self.channel.period)
        try:
            while not stopped.wait(max(0.0, (self._next(ticks) - self.clock.mono_ns()) / NS)):
                now = self.clock.mono_ns()
                if (gap := ticks.taken(now)) and gap[1] - gap[0] > 2 * self.channel.period + self.channel.timeout:
                    self.log.add({"ch": self.channel.name, "gap": gap})
                self.write()
        except Full as error:
            self.trouble = str(error)
        finally:
            self.hang_up()

    def write(self) -> None:
        """One numbered write."""
        self.seq += 1
        sent = self.clock.mono_ns()
        name = self.channel.name
        self.log.add({"ch": name, "n": self.seq, "ep": self.epoch(), "a": sent}, firm=True)
        fate, why, server, entry = self._sent()
        self.counts.add(fate, sent)
        line = {"ch": name, "n": self.seq, "b": self.clock.mono_ns(), "r": fate, "c": server, "e": entry}
        self.log.add(line | ({"w": why} if why else {}))
        self.log.flush()

    def _sent(self) -> tuple[str, str, str, int]:
        """Fate, why, server, and the entry's number."""
        until = time.monotonic() + self.channel.timeout / NS
        try:
            session = self._session or self._open(until)
            self._session = session
        except WireError as error:
            return "rejected", f"no session: {error}"[:200], "", -1
        entry = [*self.channel.entries].index((session.login.host, session.login.port))
        values = (self.run, self.vantage, str(self.epoch()), str(self.seq))
        try:
            answer = session.ask(_insert(self.channel.table), values, until=until, limit=64 * 1024)
            return "acked", _warned(answer.notices), answer.rows[0][0] or "", entry
        except (ServerError, Broken, IndexError) as error:
            sure = not error.sent if isinstance(error, Broken) else isinstance(error, ServerError) and error.sure
            if isinstance(error, TimedOut):
                self._abandon(session)
            self.hang_up()  # the next one may find another server: this one may have become a standby
            return ("rejected" if sure else "unknown"), str(error)[:200], "", entry

    def _open(self, until: float) -> Session:
        """A session through the first entry that accepts connections; an entry that accepts has the last word."""
        failure: WireError | None = None
        entries = self.channel.entries
        for at, entry in enumerate(entries):
            now = time.monotonic()
            try:
                share = (until - now) / (len(entries) - at)
                return Session.open(_login(self.channel, entry, "tricenter-canary"), now + share)
            except Broken as error:
                failure = error
                if error.reached:
                    break
        assert failure is not None, "a channel has entries"
        raise failure

    def _abandon(self, session: Session) -> None:
        """Leave nothing hanging on the server for a write whose end nobody awaits."""
        self._hanging.append(self.clock.mono_ns())
        session.cancel(time.monotonic() + 0.2)

    def _next(self, ticks: Ticks) -> int:
        now = self.clock.mono_ns()
        while self._hanging and self._hanging[0] < now - _MINUTE:
            self._hanging.popleft()
        return max(ticks.due, self._hanging[-1] + _SLOWER) if len(self._hanging) > _MOST_HANGING else ticks.due

    def hang_up(self) -> None:
        """Close the session; the next write opens another."""
        if self._session:
            self._session.close()
        self._session = None


@dataclass(frozen=True, slots=True)
class Read:
    """What the table holds of a run: vantage -> sequence numbers, each as often as it is there."""

    server: str
    standby: bool
    seen: dict[str, tuple[int, ...]]
    waiting: int = 0  #: of these, not in the table but in an inbox


def read(channel: Channel, run: str, entries: Sequence[tuple[str, int]], until: float) -> Read:
    """Read everything of a run with a fresh session. Raises WireError."""
    failure: WireError = Broken("nowhere to read from")
    for entry in entries:
        try:
            session = Session.open(_login(channel, entry, "tricenter-read-back"), until)
        except WireError as error:
            failure = error
            continue
        try:
            return _read(session, channel.table, run, until)
        finally:
            session.close()
    raise failure


def _read(session: Session, table: str, run: str, until: float) -> Read:
    who = session.ask(f"SELECT {_SERVER}, pg_is_in_recovery()", until=until).rows
    # Numbers as one text a vantage: a row each would be many times the bytes.
    sql = f"SELECT vantage, string_agg(seq::text, ',' ORDER BY seq) FROM {_quoted(table)} WHERE run = $1 GROUP BY 1"  # noqa: S608
    rows = session.ask(sql, (run,), until=until, limit=16 * 1024 * 1024).rows
    seen = {vantage or "": tuple(int(seq) for seq in (text or "").split(",") if seq) for vantage, text in rows}
    return Read(who[0][0] or "", who[0][1] != "f", seen)


#: which server this is, however it was reached
_SERVER = "coalesce(host(inet_server_addr()) || ':' || inet_server_port(), current_setting('cluster_name'))"


def _insert(table: str) -> str:
    columns = "(run, vantage, epoch, seq) VALUES ($1, $2, $3, $4)"
    return f"INSERT INTO {_quoted(table)} {columns} RETURNING {_SERVER}"


def _quoted(table: str) -> str:
    """The settings have let only plain names through."""
    return ".".join(f'"{part}"' for part in table.split("."))


def _login(channel: Channel, entry: tuple[str, int], application: str) -> Login:
    return Login(*entry, channel.database, channel.user, channel.password, application)


def _warned(notices: Sequence[str]) -> str:
    """An acknowledgement with a warning: PostgreSQL gives one when it stopped waiting for the synchronous copy."""
    return f"warned: {notices[0]}"[:200] if notices else ""
