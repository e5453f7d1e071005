"""Make this host's copy the primary."""

from __future__ import annotations

import time

from failover.remote import server
from failover.remote.pg_state import describe
from failover.remote.pg_wire import NoServer, WireError
from failover.remote.task import Done, Refused, Task, Unknown

_LOOK = 0.01


def promote(task: Task) -> Done:
    """Action ``pg-promote``."""
    server.assert_host(task)
    try:
        with server.here(task, task.left()) as session:
            before = describe(session)
            wanted = str(task.give.get("system_id") or before["system_id"])
            if before["system_id"] != wanted:
                raise Refused(f"this server's data is {before['system_id']}, not {wanted}: nothing was done")
            if before["role"] == "standby":
                session.ask("SELECT pg_promote(false)")
                while not server.primary(session):
                    if task.over:
                        raise Unknown("was told to become primary, and is not yet")
                    time.sleep(_LOOK)
            after = describe(session)
    except NoServer as error:
        raise Refused(f"there is no server to promote: {error}") from error
    except WireError as error:
        raise Unknown(f"the promotion was not confirmed: {error}") from error
    already = before["role"] == "primary"
    says = f"{'was already' if already else 'became'} primary on timeline {after['timeline']}"
    return Done(says, {key: after[key] for key in ("role", "timeline", "lsn", "system_id")} | {"already": already})
