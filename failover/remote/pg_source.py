"""A primary as its copies see it: which timeline, where that forked, a slot for each copy, and how to connect."""

from __future__ import annotations

import re
from dataclasses import dataclass

from failover.remote import server
from failover.remote.pg_conversation import Connection
from failover.remote.pg_wire import NoServer, ServerError, WireError
from failover.remote.task import Failed, Refused, Task, Unknown, lsn_number

_LINE = re.compile(r"^\s*(\d+)\s+([0-9A-F]+/[0-9A-F]+)", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """What the primary says of itself."""

    host: str
    system_id: str
    timeline: int
    forks: dict[int, int]  #: timeline -> where its successor forked from it


def source(task: Task, *, checkpoint: bool = False) -> Source:
    """Ask the primary, and let it keep what this host will need.

    ``checkpoint``: write one first; before it, the control file that pg_rewind reads still shows the old timeline.
    """
    name = str(task.give["primary"])
    if name == task.host:
        raise Refused("a server cannot be its own copy")
    try:
        with server.there(task, task.peer(name), 30) as session:
            if not server.primary(session):
                raise Refused(f"{name} is a copy itself: nobody can follow it here")
            _slot(task, session)
            if checkpoint:
                # Every timeline begins a segment file of its own with the same number; files are removed by number
                # alone. A quiet database that never finished a segment would keep one for each switchover.
                session.ask("SELECT pg_switch_wal()")
                session.ask("CHECKPOINT")
        with server.there(task, task.peer(name), replication=True) as session:
            ((system_id, timeline, *_),) = session.ask("IDENTIFY_SYSTEM")
            forks = {}
            if int(timeline or 0) > 1:
                ((_, history),) = session.ask(f"TIMELINE_HISTORY {int(timeline or 0)}")
                forks = {int(one): lsn_number(at) for one, at in _LINE.findall(history or "")}
    except NoServer as error:
        raise Failed(f"{name} does not serve: {error}") from error
    except WireError as error:
        raise Unknown(f"{name} does not answer: {error}") from error
    return Source(name, system_id or "", int(timeline or 0), forks)


def slot(task: Task) -> str:
    """The name of this host's slot on its primary."""
    return task.host.replace("-", "_")


def _slot(task: Task, session: Connection) -> None:
    """A slot on the primary; one that has lost its log is made anew."""
    rows = session.ask("SELECT wal_status, active FROM pg_replication_slots WHERE slot_name = $1", slot(task))
    if rows and rows[0][0] == "lost" and rows[0][1] == "f":
        session.ask("SELECT pg_drop_replication_slot($1)", slot(task))
        rows = []
    if not rows:
        try:
            session.ask("SELECT pg_create_physical_replication_slot($1)", slot(task))
        except ServerError as error:
            if error.code != "42710":  # somebody was faster
                raise


def conninfo(task: Task, name: str) -> str:
    """How this host's server connects to the primary."""
    peer = task.peer(name)
    words = {
        "host": peer.address,
        "port": str(peer.port),
        "user": task.label("pg-replicator", "replication"),
        "application_name": task.host,
        "connect_timeout": "3",
        "keepalives_idle": "3",
        "keepalives_interval": "1",
        "keepalives_count": "3",
        "tcp_user_timeout": "5000",
    }
    if passfile := task.labels.get("pg-passfile"):
        words["passfile"] = passfile
    return " ".join(f"{key}={_quoted(value)}" for key, value in words.items())


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
