"""A running copy receives from another primary."""

from __future__ import annotations

import time

from failover.remote import server
from failover.remote.pg_conversation import Connection
from failover.remote.pg_source import Source, conninfo, slot, source
from failover.remote.pg_state import describe
from failover.remote.pg_wire import NoServer, WireError
from failover.remote.task import Done, Facts, Failed, Refused, Task, Unknown, lsn_text

_LOOK = 0.05


def follow(task: Task) -> Done:
    """Action ``pg-follow``: counts once it receives on the primary's own timeline."""
    server.assert_host(task)
    primary = source(task)
    try:
        with server.here(task, task.left()) as session:
            now = describe(session)
            if now["role"] != "standby":
                raise Refused("this server is a primary: it must be fenced before it may follow anyone")
            check_fits(now, primary)
            point(session, task, primary)
            facts = until_receiving(session, task, primary)
            tidy(session)
    except NoServer as error:
        raise Refused(f"there is no server to ask: {error}") from error
    except WireError as error:
        raise Unknown(f"whether it follows was not confirmed: {error}") from error
    return Done(f"receives from {primary.host} on timeline {primary.timeline}", facts)


def check_fits(now: Facts, primary: Source) -> None:
    """Whether this copy can go on as it is: same cluster, and it has nothing beyond the fork."""
    if now["system_id"] != primary.system_id:
        raise Refused(f"{primary.host} holds other data ({primary.system_id}, here {now['system_id']})")
    fork = primary.forks.get(now["timeline"])
    if now["timeline"] != primary.timeline and fork is None:
        raise Failed(f"timeline {now['timeline']} is no ancestor of {primary.timeline}: it must rejoin")
    if fork is not None and now["lsn"] > fork:
        raise Failed(f"has log up to {lsn_text(now['lsn'])}, beyond the fork at {lsn_text(fork)}: it must rejoin")


def point(session: Connection, task: Task, primary: Source) -> None:
    """Tell the server from whom to receive."""
    settings = {"primary_slot_name": slot(task), "primary_conninfo": conninfo(task, primary.host)}
    for name, value in settings.items():
        if session.ask("SELECT current_setting($1)", name) != [(value,)]:
            server.set_setting(session, name, value)
    for name, value in settings.items():
        server.reload_until(session, name, value, task)


def receiving(session: Connection, task: Task, primary: Source) -> Facts | None:
    """Facts of a server that receives from the primary on its timeline; None while it does not."""
    now = describe(session)
    peer = task.peer(primary.host)
    rows = session.ask("SELECT received_tli, sender_host, sender_port FROM pg_stat_wal_receiver")
    good = rows == [(str(primary.timeline), peer.address, str(peer.port))] and now["receiving"]
    return {"lsn": now["lsn"], "timeline": now["timeline"]} if good else None


def until_receiving(session: Connection, task: Task, primary: Source) -> Facts:
    """Wait for it."""
    while True:
        if (facts := receiving(session, task, primary)) is not None:
            return facts
        if task.left() < 0.1:
            raise Failed(f"was told to follow {primary.host}, and does not receive from it on its timeline")
        time.sleep(_LOOK)


def tidy(session: Connection) -> None:
    """What would fill a small volume after some dozens of switchovers: log that nobody needs, and what keeps it.

    A copy's slots of the days when it was primary keep its log for ever. They are made again when needed.
    """
    session.within(30)
    session.ask(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
        " WHERE slot_type = 'physical' AND NOT active AND restart_lsn IS NOT NULL"
    )
    session.ask("CHECKPOINT")
