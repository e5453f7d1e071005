"""Stop receiving from the old writer, receive again, and wait for a place in the log."""

from __future__ import annotations

import os
import time

from failover.remote import epoch, server
from failover.remote.pg_conversation import Connection
from failover.remote.pg_wire import NoServer, WireError
from failover.remote.task import Done, Failed, Refused, Task, Unknown, lsn_text

_LOOK = 0.01
_END = """SELECT greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'::pg_lsn,
  (SELECT count(*) FROM pg_stat_wal_receiver)"""


def stop_receiving(task: Task) -> Done:
    """Action ``pg-stop-receiving``: who does not receive does not acknowledge."""
    server.assert_host(task)
    with _standby(task) as session:
        ((conninfo,),) = session.ask("SELECT current_setting('primary_conninfo')")
        if conninfo:
            _keep(task, conninfo)
            server.set_setting(session, "primary_conninfo", "")
            server.reload_until(session, "primary_conninfo", "", task)
        end, receivers = _end(session)
        while receivers:
            if task.over:
                raise Unknown("was told to receive no more, and still does")
            time.sleep(_LOOK)
            end, receivers = _end(session)
    return Done(f"receives no more; has the log up to {lsn_text(end)}", {"lsn": end})


def receive_again(task: Task) -> Done:
    """Action ``pg-receive-again``: from whom it received before."""
    server.assert_host(task)
    with _standby(task) as session:
        ((conninfo,),) = session.ask("SELECT current_setting('primary_conninfo')")
        if not conninfo:
            try:
                kept = (epoch.folder(task) / "received-from").read_text()
            except OSError as error:
                raise Failed(f"from whom it received is not known: {error.strerror}") from error
            server.set_setting(session, "primary_conninfo", kept)
            server.reload_until(session, "primary_conninfo", kept, task)
    return Done("receives again")


def catch_up(task: Task) -> Done:
    """Action ``pg-catch-up``: has the log up to ``lsn``, e.g. where a stopped writer's ended."""
    wanted = int(task.give["lsn"])
    with _standby(task) as session:
        end, _ = _end(session)
        while end < wanted:
            if task.left() < 0.05:
                raise Failed(f"has the log up to {lsn_text(end)}; {wanted - end} bytes are missing")
            time.sleep(_LOOK)
            end, _ = _end(session)
    return Done(f"has the log up to {lsn_text(end)}", {"lsn": end})


class _standby:
    """A session with this host's server, which must be a copy; every fault of the wire has its meaning."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def __enter__(self) -> Connection:
        try:
            self._session = server.here(self._task, self._task.left())
            if server.primary(self._session):
                raise Refused("this server is a primary, not a copy: nothing was done")
        except NoServer as error:
            raise Refused(f"there is no server to ask: {error}") from error
        except WireError as error:
            raise Unknown(f"the server does not answer: {error}") from error
        return self._session

    def __exit__(self, kind: object, error: object, _: object) -> None:
        self._session.close()
        if isinstance(error, WireError):
            raise Unknown(f"the server did not answer to the end: {error}") from error


def _end(session: Connection) -> tuple[int, int]:
    ((end, receivers),) = session.ask(_END)
    return int(end or 0), int(receivers or 0)


def _keep(task: Task, conninfo: str) -> None:
    path = epoch.folder(task) / "received-from"
    part = path.with_suffix(".part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, "w") as file:  # noqa: PTH123 -- a descriptor
        file.write(conninfo)
        file.flush()
        os.fsync(handle)
    part.rename(path)
