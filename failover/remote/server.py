"""The database on this host: where it lies, how to ask it, what its files say when it is stopped."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from failover.remote.pg_conversation import Connection
from failover.remote.pg_wire import Login, ServerError, WireError
from failover.remote.task import Failed, Peer, Refused, Task, Unknown, lsn_number, lsn_text

_PAGE, _SHORT_HEADER, _LONG_HEADER = 8192, 24, 40  #: of the log, in bytes
_LOOK = 0.02  #: seconds between two tries to reach a server that starts


@dataclass(frozen=True)
class Control:
    """What ``pg_controldata`` says."""

    state: str
    system_id: str
    timeline: int
    lsn: int  #: where the log ends, when ``clean``; else where the last checkpoint's record begins

    @property
    def clean(self) -> bool:
        """Whether the log surely ends with the last checkpoint."""
        return self.state == "shut down"


def data(task: Task) -> Path:
    """The data directory."""
    return Path(task.label("pg-data"))


def admin(task: Task) -> str:
    """The role that may do everything."""
    return task.label("pg-admin", "postgres")


def port(task: Task) -> int:
    """The port, which also names the socket."""
    return int(task.label("pg-port", "5432"))


def password(task: Task, role: str) -> str:
    """The role's password, from the folder on this host that holds them."""
    folder = task.labels.get("pg-passwords")
    if folder is None:
        return ""
    try:
        return (Path(folder) / f"{role}.password").read_text().strip()
    except OSError as error:
        raise Refused(f"no password of {role} on {task.host}: {error.strerror}") from error


def here(task: Task, seconds: float = 5.0) -> Connection:
    """A session with this host's server, through its socket."""
    login = Login(task.label("pg-socket", "/var/run/postgresql"), port(task), "postgres", admin(task))
    return Connection(login, task.left(seconds))


def there(task: Task, peer: Peer, seconds: float = 5.0, *, replication: bool = False) -> Connection:
    """A session with another host's server: as administrator, or as one who copies."""
    role = task.label("pg-replicator", "replication") if replication else admin(task)
    settings = (("replication", "true"),) if replication else ()
    login = Login(peer.address, peer.port, "postgres", role, password(task, role), settings=settings)
    return Connection(login, task.left(seconds))


def until_up(task: Task) -> Connection:
    """A session with this host's server as soon as it takes any."""
    why = "nothing tried"
    while not task.over:
        try:
            return here(task)
        except WireError as error:
            if isinstance(error, ServerError) and not error.code.startswith("57P"):
                raise Failed(f"the server refuses its administrator: {error}") from error
            why = str(error)
        time.sleep(_LOOK)
    raise Unknown(f"the server was started and does not answer yet: {why}")


def control(task: Task) -> Control:
    """What the data directory says of itself."""
    argv = [f"{task.label('pg-bin')}/pg_controldata", "-D", str(data(task))]
    try:
        ran = subprocess.run(
            argv, capture_output=True, text=True, check=False, timeout=task.left(10), env={"LC_ALL": "C"}
        )
    except subprocess.TimeoutExpired as error:
        raise Unknown("pg_controldata does not end") from error
    except OSError as error:
        raise Refused(f"pg_controldata cannot be run: {error.strerror}") from error
    if ran.returncode != 0:
        raise Failed(f"pg_controldata: {ran.stderr.strip()[:200]}")
    said = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in ran.stdout.splitlines())}
    found = Control(
        said["Database cluster state"],
        said["Database system identifier"],
        int(said["Latest checkpoint's TimeLineID"]),
        lsn_number(said["Latest checkpoint location"]),
    )
    if not found.clean:
        return found
    try:
        return replace(found, lsn=log_end(data(task) / "pg_wal", found, int(said["Bytes per WAL segment"])))
    except Failed as damaged:
        return replace(found, state=str(damaged))  # stopped for all we know, but no longer clean


def log_end(folder: Path, said: Control, segment: int) -> int:
    """Where the last checkpoint's record ends. A record begins with its length; pages of the log have headers."""
    number, each = said.lsn // segment, 0x100000000 // segment
    file = folder / f"{said.timeline:08X}{number // each:08X}{number % each:08X}"
    try:
        with file.open("rb") as log:
            log.seek(said.lsn % segment)
            left = int.from_bytes(log.read(4), sys.byteorder)
    except OSError as error:
        raise Failed(f"the end of the log cannot be read: {error.strerror}") from error
    if not 24 <= left <= 4096:
        raise Failed(f"there is no checkpoint's record at {lsn_text(said.lsn)}")
    end = said.lsn
    while (room := _PAGE - end % _PAGE) < left:
        left -= room
        end += room
        end += _LONG_HEADER if end % segment == 0 else _SHORT_HEADER
    return (end + left + 7) // 8 * 8


def set_setting(session: Connection, name: str, value: str) -> None:
    """``ALTER SYSTEM``; the server itself quotes the value."""
    ((statement,),) = session.ask("SELECT format('ALTER SYSTEM SET %I = %L', $1::text, $2::text)", name, value)
    session.ask(statement or "")


def reload_until(session: Connection, name: str, value: str, task: Task) -> None:
    """Let the server read its configuration, and wait until this very session obeys it."""
    session.ask("SELECT pg_reload_conf()")
    while session.ask("SELECT current_setting($1)", name) != [(value,)]:
        if task.over:
            raise Unknown(f"{name} was set and is not in force yet")
        time.sleep(0.003)


def primary(session: Connection) -> bool:
    """Whether it takes writes."""
    return session.ask("SELECT pg_is_in_recovery()") == [("f",)]


def assert_host(task: Task) -> None:
    """Rule R6: this is the machine that the estate means. Its address is ours, and its name if the estate says it."""
    wanted = task.labels.get("hostname")
    if wanted is not None and wanted != os.uname().nodename:
        raise Refused(f"this host calls itself {os.uname().nodename}, the estate says {wanted}: nothing was done")
    try:
        ((family, _, _, _, place), *_) = socket.getaddrinfo(task.address, 0, type=socket.SOCK_DGRAM)
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind(place)
    except OSError as error:
        raise Refused(f"this host does not have the address {task.address} of {task.host}: nothing was done") from error
