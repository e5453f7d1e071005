"""Stop this host's server for good, and start it again."""

from __future__ import annotations

import contextlib

from failover.remote import server, supervisor
from failover.remote.pg_wire import NoServer, WireError
from failover.remote.task import Done, Facts, Refused, Task, Unknown


def fence(task: Task) -> Done:
    """Action ``pg-fence``: only a server that takes writes, or one that does not run, is fenced.

    A copy takes no writes: it is left as it is where the plan says that this is fine, else nothing is done.
    """
    server.assert_host(task)
    service = supervisor.supervisor(task)
    already = service.down() and service.marked()
    if not already:
        before = server.control(task)
        if (server.data(task) / "standby.signal").exists():
            if task.give.get("copy_is_fine") is True:
                return Done("is a copy, and takes no writes", {"system_id": before.system_id})
            raise Refused("this server is a copy, not a writer: it was not fenced")
        _checkpoint(task, before.system_id)
        supervisor.stop(service, task)
    said = server.control(task)
    facts: Facts = {"system_id": said.system_id, "timeline": said.timeline, "clean": said.clean}
    if not said.clean:
        return Done(f"stopped; where its log ends is not known: it was {said.state}", facts)
    return Done("was stopped already" if already else "stopped in good order", facts | {"lsn": said.lsn})


def unfence(task: Task) -> Done:
    """Action ``pg-unfence``."""
    server.assert_host(task)
    if not (server.data(task) / "PG_VERSION").exists():
        raise Refused(f"there is no database in {server.data(task)}")
    service = supervisor.supervisor(task)
    if service.marked() or service.down():
        service.start()
    with server.until_up(task) as session:
        role = "primary" if server.primary(session) else "standby"
    return Done(f"serves as {role}", {"role": role})


def checkpoint(task: Task) -> Done:
    """Action ``pg-checkpoint``: what is written now need not be written while clients wait."""
    try:
        with server.here(task, 60) as session:
            session.ask("CHECKPOINT")
    except NoServer as error:
        raise Refused(f"there is no server to ask: {error}") from error
    except WireError as error:
        raise Unknown(f"the checkpoint was not confirmed: {error}") from error
    return Done("checkpoint written")


def _checkpoint(task: Task, system_id: str) -> None:
    """A stop writes a checkpoint; after one just now it has little to write. One that fails costs time only."""
    with contextlib.suppress(WireError), server.here(task, min(5.0, task.left() / 3)) as session:
        ((theirs,),) = session.ask("SELECT system_identifier FROM pg_control_system()")
        if theirs != system_id:
            raise Refused(f"the server's data is {theirs}, the folder's {system_id}: nothing was done")
        session.ask("CHECKPOINT")
