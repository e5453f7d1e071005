"""What this host's server is: primary, standby, or surely not serving."""

from __future__ import annotations

from typing import Any

from failover.remote import server, supervisor
from failover.remote.pg_conversation import Connection
from failover.remote.pg_wire import NoServer, Row, ServerError, WireError
from failover.remote.task import Done, Ended, Facts, Failed, Task, Unknown

_SELF = """
SELECT pg_is_in_recovery(), (SELECT system_identifier FROM pg_control_system()),
  CASE WHEN pg_is_in_recovery() THEN greatest(r.received_tli, c.timeline_id, e.min_recovery_end_timeline)
       ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END,
  CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_current_wal_flush_lsn() - '0/0'::pg_lsn END,
  pg_last_wal_receive_lsn() - '0/0'::pg_lsn, pg_last_wal_replay_lsn() - '0/0'::pg_lsn,
  extract(epoch FROM clock_timestamp() - coalesce(r.last_msg_receipt_time, pg_last_xact_replay_timestamp())),
  current_setting('synchronous_standby_names'), r.status, r.sender_host
FROM pg_control_checkpoint() c CROSS JOIN pg_control_recovery() e LEFT JOIN pg_stat_wal_receiver r ON true
"""

_PEERS = """
SELECT application_name, state, sync_state,
  pg_wal_lsn_diff(sent.lsn, replay_lsn), extract(epoch FROM replay_lag)
FROM pg_stat_replication,
  (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END AS lsn) sent
ORDER BY 1 LIMIT 50
"""


def state(task: Task) -> Done:
    """Action ``pg-state``; a server in another role than the wanted one is a failure."""
    found = _found(task)
    wanted, role = task.give.get("role"), found.facts["role"]
    if wanted is not None and role != wanted:
        raise Failed(f"it is {role}, not {wanted}", found.facts)
    return found


def _found(task: Task) -> Done:
    try:
        with server.here(task) as session:
            facts = describe(session)
    except NoServer as nobody:
        return _stopped(task, nobody)
    except ServerError as error:
        raise Unknown(f"the server does not say what it is: {error}") from error
    except WireError as error:
        raise Unknown(f"the server does not answer: {error}") from error
    facts["fenced"] = False
    return Done(f"{facts['role']} on timeline {facts['timeline']}", facts)


def describe(session: Connection) -> Facts:
    """The facts of a server that answers."""
    (row,) = session.ask(_SELF)
    standby = row[0] == "t"
    received, replayed = _whole(row[4]), _whole(row[5])
    end = max(received or 0, replayed or 0) if standby else _whole(row[3])
    timeline = _whole(row[2])
    if standby and not row[8]:  # without a receiver nobody says it: the control file is from the last checkpoint
        timeline = max(timeline or 0, _timeline_at(session, end or 0))
    return {
        "role": "standby" if standby else "primary",
        "system_id": row[1],
        "timeline": timeline,
        "lsn": end,
        "received": received if standby else None,
        "replayed": replayed if standby else None,
        "receive_age": _number(row[6]) if standby else None,
        "receiving": row[8] == "streaming",
        "receives_from": row[9],
        "sync_names": names(row[7] or ""),
        "peers": [_peer(peer) for peer in session.ask(_PEERS)],
    }


def _timeline_at(session: Connection, end: int) -> int:
    """The newest timeline that wrote the segment in which the log ends; files of the log begin with theirs."""
    ((size,),) = session.ask("SELECT setting FROM pg_settings WHERE name = 'wal_segment_size'")
    segment, each = max(end - 1, 0) // int(size or 1), 0x100000000 // int(size or 1)
    tail = f"{segment // each:08X}{segment % each:08X}"
    rows = session.ask(
        "SELECT max(substr(name, 1, 8)) FROM pg_ls_waldir() WHERE name LIKE '________' || $1::text", tail
    )
    return int(rows[0][0] or "0", 16)


def names(setting: str) -> list[str]:
    """The standbys that ``synchronous_standby_names`` names."""
    inside = setting.partition("(")[2].rpartition(")")[0] if "(" in setting else setting
    return [part.strip().strip('"') for part in inside.split(",") if part.strip()]


def _stopped(task: Task, nobody: NoServer) -> Done:
    """Nobody listens: only the supervisor can say that nobody will in a moment."""
    service = supervisor.supervisor(task)
    if not service.down():
        raise Unknown(f"the server does not serve at this moment, but may be starting ({nobody})")
    facts: Facts = {"role": "none", "fenced": service.marked(), "sync_names": [], "peers": []}
    try:
        said = server.control(task)
    except Ended as damaged:
        return Done(f"stopped, and its data says nothing: {damaged}", facts)
    facts |= {"system_id": said.system_id, "timeline": said.timeline, "lsn": said.lsn, "clean": said.clean}
    return Done("stopped, and kept so" if facts["fenced"] else "stopped", facts)


def _peer(row: Row) -> dict[str, Any]:
    name, state_, sync, lag, seconds = row
    return {
        "name": name,
        "state": state_,
        "sync": sync in ("sync", "quorum"),
        "lag_bytes": _whole(lag),
        "lag_seconds": _number(seconds),
    }


def _whole(text: str | None) -> int | None:
    return None if text is None else int(text.partition(".")[0])


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)
