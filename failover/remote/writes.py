"""Real writes: one that must be refused, straight at a server; one that must be taken, through the entry."""

from __future__ import annotations

import time

from failover.remote import server
from failover.remote.pg_conversation import Connection
from failover.remote.pg_wire import Broken, Login, NoServer, ServerError, TimedOut, WireError
from failover.remote.task import Done, Failed, Peer, Task, Unknown

#: One implicit transaction. The table holds at most what failovers have tried.
_WRITE = """
CREATE TABLE IF NOT EXISTS tricenter_tried (at timestamptz NOT NULL DEFAULT now(), by text NOT NULL);
INSERT INTO tricenter_tried (by) VALUES ('failover') RETURNING coalesce(host(inet_server_addr()), '')
"""
_READ_ONLY = "25006"
_AGAIN = 0.05
_HUNG_AFTER = 1.0  #: seconds without an answer before the server is asked what the write waits for


def refused_write(task: Task) -> Done:
    """Action ``pg-refused-write``."""
    name = str(task.give["target"])
    peer = task.peer(name)
    why = "nothing tried"
    while task.left() > _AGAIN:
        try:
            said = _try(task, name, peer)
        except TimedOut as error:
            raise Unknown(f"{name} gave no answer in time: that is no refusal") from error
        except Broken as error:  # e.g. it is stopping just now
            why = str(error)
        except ServerError as error:
            if not error.code.startswith("57P"):
                raise Unknown(f"{name} gave an error that proves nothing: {error}") from error
            why = str(error)
        else:
            return Done(said)
        time.sleep(_AGAIN)
    raise Unknown(f"{name} neither took nor refused the write: {why}")


def _try(task: Task, name: str, peer: Peer) -> str:
    """How it was refused. Raises :class:`Failed` when it was taken."""
    try:
        with _writer(task, peer) as session:
            _write(task, session, name, peer)
    except NoServer:
        return f"{name} refuses connections"
    except ServerError as error:
        if error.code == _READ_ONLY:
            return f"{name} refuses writes: {error}"
        raise
    except _Hangs:
        return f"{name} takes the write and cannot acknowledge it: it waits for its synchronous copy"
    raise Failed(f"SPLIT BRAIN: {name} took and acknowledged a write", {"accepted": True})


class _Hangs(Exception):
    """The write waits for its synchronous copy, as the server itself says."""


def _write(task: Task, session: Connection, name: str, peer: Peer) -> None:
    hung_is_refused = bool(task.give.get("hung_is_refused", False))
    if not hung_is_refused:
        session.ask(_WRITE)
        return
    session.within(min(_HUNG_AFTER, task.left() / 2))
    try:
        session.ask(_WRITE)
    except TimedOut:
        with server.there(task, peer) as other:
            rows = other.ask("SELECT wait_event FROM pg_stat_activity WHERE pid = $1", session.pid)
            if rows != [("SyncRep",)]:
                raise
            other.ask("SELECT pg_terminate_backend($1::int)", session.pid)
        raise _Hangs(name) from None


def _writer(task: Task, peer: Peer) -> Connection:
    """As an ordinary writer: who may do everything gets in where others do not."""
    role = task.label("pg-writer", task.label("pg-admin", "postgres"))
    database = task.label("pg-database", "postgres")
    return Connection(Login(peer.address, peer.port, database, role, server.password(task, role)), task.left(keep=0.05))


def write_through(task: Task) -> Done:
    """Action ``write-through``: until one is acknowledged, since sessions may just be moving."""
    entry = Peer(task.address, int(task.label("entry-pg-port")))
    wanted = task.give.get("primary")
    why, wrong = "nothing tried", ""
    while task.left() > _AGAIN:
        try:
            with _writer(task, entry) as session:
                session.within(task.left(2.0))
                ((address,),) = session.ask(_WRITE)
        except WireError as error:
            why = str(error)
        else:
            by = next((name for name, peer in task.peers.items() if peer.address == address), address or "")
            if wanted is None or by == wanted:
                return Done(f"a write was acknowledged by {by}", {"server": by})
            wrong = f"it was acknowledged by {by}, not by {wanted}"
        time.sleep(_AGAIN)
    raise Failed(f"no write was acknowledged as it should be: {wrong or why}")
