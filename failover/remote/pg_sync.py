"""Which copies a commit waits for, and whether copies receive."""

from __future__ import annotations

import re
import time
from collections.abc import Collection

from failover.remote import memory, server
from failover.remote.pg_conversation import Connection
from failover.remote.pg_state import names
from failover.remote.pg_wire import NoServer, WireError
from failover.remote.task import Done, Failed, Refused, Task, Unknown

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
_CATCHING_UP = 3.0  #: seconds that a copy may still need to be called streaming


def set_sync(task: Task) -> Done:
    """Action ``pg-set-sync``: the first of ``standbys`` that streams is waited for; of none, nobody."""
    standbys = tuple(str(one) for one in task.give["standbys"])
    if bad := [one for one in standbys if not _NAME.fullmatch(one)]:
        raise Refused(f"these are no hosts: {', '.join(bad)[:100]}")
    value = "FIRST 1 ({})".format(", ".join(f'"{one}"' for one in standbys)) if standbys else ""
    try:
        with server.here(task, task.left()) as session:
            ((current,),) = session.ask("SELECT current_setting('synchronous_standby_names')")
            if standbys and server.primary(session):
                _would_not_hang(session, standbys, task)
            before = memory.first(task, names(current or ""))
            if current != value:
                server.set_setting(session, "synchronous_standby_names", value)
                server.reload_until(session, "synchronous_standby_names", value, task)
    except NoServer as error:
        raise Refused(f"there is no server to ask: {error}") from error
    except WireError as error:
        raise Unknown(f"the setting was not confirmed: {error}") from error
    said = f"commits wait for {' or '.join(standbys)}" if standbys else "commits wait for nobody"
    return Done(said, {"before": before})


def replicates(task: Task) -> Done:
    """Action ``pg-replicates``: every one of ``standbys`` streams from here; ``sync``: and is waited for."""
    standbys = tuple(str(one) for one in task.give["standbys"])
    if not standbys:
        raise Failed("no copy was named: that is no proof of any")
    try:
        with server.here(task, task.left()) as session:
            if not server.primary(session):
                raise Failed("this server is a copy itself")
            missing = _missing(session, standbys, sync=bool(task.give.get("sync", False)))
            while missing and task.left() > 0.3:  # a copy that just came is called so within moments
                time.sleep(0.05)
                missing = _missing(session, standbys, sync=bool(task.give.get("sync", False)))
    except NoServer as error:
        raise Failed(f"there is no server to receive from: {error}") from error
    except WireError as error:
        raise Unknown(f"the server did not say who receives: {error}") from error
    if missing:
        raise Failed("; ".join(f"{name}: {why}" for name, why in missing.items()))
    return Done(f"{', '.join(standbys)} receive")


def _missing(session: Connection, standbys: Collection[str], *, sync: bool) -> dict[str, str]:
    """A sender on a timeline of its own past would not be listed: a primary sends only its own."""
    rows = session.ask("SELECT application_name, state, sync_state FROM pg_stat_replication")
    found = {row[0]: (row[1], row[2]) for row in rows}
    missing = {}
    for name in standbys:
        state, kind = found.get(name, ("not connected", None))
        if state != "streaming":
            missing[name] = state or "unknown"
        elif sync and kind not in ("sync", "quorum", "potential"):
            missing[name] = f"streaming, but {kind}"
    if sync and not missing and not any(found[name][1] in ("sync", "quorum") for name in standbys):
        return dict.fromkeys(standbys, "only potentially synchronous")
    return missing


def _would_not_hang(session: Connection, standbys: Collection[str], task: Task) -> None:
    """Every commit would wait for ever for copies that do not come."""
    end = time.monotonic() + task.left(_CATCHING_UP, keep=0.5)
    while True:
        missing = _missing(session, standbys, sync=False)
        if len(missing) < len(standbys):
            return
        if time.monotonic() >= end:
            told = "; ".join(f"{name}: {why}" for name, why in missing.items())
            raise Refused(f"commits would hang, none of the copies streams ({told}): nothing was changed")
        time.sleep(0.05)
