"""A former primary becomes a copy: as it is, by rewind, or by a new copy, whichever is the least that is right."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from failover.remote import server, supervisor
from failover.remote.pg_follow import check_fits, point, receiving, tidy
from failover.remote.pg_source import Source, conninfo, slot, source
from failover.remote.pg_state import describe
from failover.remote.pg_wire import NoServer, WireError
from failover.remote.task import Done, Ended, Facts, Failed, Refused, Task, Unknown

_PATIENCE = 15.0  #: seconds without progress after which the next way is tried
_LOOK = 0.05
_OURS = ("primary_conninfo", "primary_slot_name", "synchronous_standby_names")


def rejoin(task: Task) -> Done:
    """Action ``pg-rejoin``."""
    server.assert_host(task)
    service = supervisor.supervisor(task)
    _refuse_a_writer(task, service)
    primary = source(task, checkpoint=True)
    tried: list[str] = []
    for way, prepare in _ways(task, primary):
        if prepare is not None:
            supervisor.stop(service, task)
            if why := _attempt(prepare, task, primary):
                tried.append(f"{way}: {why}")
                continue
            _configure(task, primary)
        if service.marked() or service.down():
            service.start()
        if (facts := _settle(task, primary)) is not None:
            says = f"receives from {primary.host} on timeline {primary.timeline} ({way})"
            return Done("; ".join((says, *tried)), facts | {"way": way})
        tried.append(f"{way}: received nothing for {_PATIENCE:g} s")
    raise Failed("; ".join(tried) or "no way was left")


Way = Callable[[Task, Source], None]


def _ways(task: Task, primary: Source) -> list[tuple[str, Way | None]]:
    """From the least to the most. Whoever runs as a copy is only told whom to follow."""
    ways: list[tuple[str, Way | None]] = [("rewind", _rewind), ("copy", _copy)]
    if not (server.data(task) / "PG_VERSION").exists():
        return ways[1:]
    service = supervisor.supervisor(task)
    if not service.down():
        return [("as-is", None), *ways] if _follows(task, primary) else ways
    said = server.control(task)
    if said.system_id != primary.system_id:
        raise Refused(f"{primary.host} holds other data ({primary.system_id}, here {said.system_id}): nothing was done")
    return [("as-is", lambda *_: None), *ways] if _ends_before_the_fork(said, primary) else ways


def _ends_before_the_fork(said: server.Control, primary: Source) -> bool:
    """Whether a stopped server has nothing that the primary does not have."""
    if said.state == "shut down in recovery":
        return said.timeline in primary.forks or said.timeline == primary.timeline
    fork = primary.forks.get(said.timeline)
    return said.clean and fork is not None and said.lsn <= fork


def _refuse_a_writer(task: Task, service: supervisor.Supervisor) -> None:
    if service.down():
        return
    try:
        with server.here(task) as session:
            if server.primary(session):
                raise Refused("this server takes writes: it must be fenced before it may become a copy")
    except NoServer as error:
        if not (server.data(task) / "standby.signal").exists():
            raise Unknown(f"this server may be starting as a primary: fence it first ({error})") from error
    except WireError as error:
        raise Unknown(f"what this server is, it does not say: {error}") from error


def _follows(task: Task, primary: Source) -> bool:
    """Tell a running copy whom to follow; False when it cannot."""
    try:
        with server.here(task) as session:
            check_fits(describe(session), primary)
            point(session, task, primary)
    except Refused:
        raise
    except (Ended, WireError):
        return False
    return True


def _attempt(prepare: Way, task: Task, primary: Source) -> str:
    """Why it did not work; empty when it did."""
    try:
        prepare(task, primary)
    except Failed as error:
        return str(error)
    return ""


def _settle(task: Task, primary: Source) -> Facts | None:
    """Wait until it receives; None when nothing has moved for a while."""
    moved, place = time.monotonic(), -1
    while time.monotonic() - moved < _PATIENCE:
        if task.left() < 0.2:
            raise Unknown(f"was told to follow {primary.host}, and does not receive from it yet")
        try:
            with server.here(task) as session:
                while (facts := receiving(session, task, primary)) is None:
                    now = int(describe(session)["lsn"] or 0)
                    if now != place:
                        moved, place = time.monotonic(), now
                    elif time.monotonic() - moved > _PATIENCE:
                        return None
                    time.sleep(_LOOK)
                tidy(session)
                return facts
        except WireError:
            time.sleep(_LOOK)  # it is starting
    return None


# --- the ways --------------------------------------------------------------------------------------------------------


def _rewind(task: Task, primary: Source) -> None:
    """Take back what only this server has."""
    argv = [
        f"{task.label('pg-bin')}/pg_rewind",
        "-D",
        str(server.data(task)),
        "--source-server",
        _source(task, primary),
    ]
    if config := task.labels.get("pg-config"):
        argv.append(f"--config-file={config}")
    _run(task, argv)


def _copy(task: Task, primary: Source) -> None:
    """A whole new copy; what was there is kept until the new one is complete."""
    data = server.data(task)
    new, old = data.with_name(data.name + ".copy"), data.with_name(data.name + ".old")
    shutil.rmtree(new, ignore_errors=True)
    program = f"{task.label('pg-bin')}/pg_basebackup"
    _run(task, [program, "-D", str(new), "-X", "stream", "-c", "fast", "-S", slot(task), "-d", _source(task, primary)])
    shutil.rmtree(old, ignore_errors=True)
    if data.exists():
        data.rename(old)
    new.rename(data)
    shutil.rmtree(old, ignore_errors=True)


def _source(task: Task, primary: Source) -> str:
    return conninfo(task, primary.host).replace(f"application_name='{task.host}' ", "") + " dbname=postgres"


def _run(task: Task, argv: list[str]) -> None:
    """As the account that owns the data; PostgreSQL's programs refuse root."""
    data = server.data(task)
    owner = (data if data.exists() else data.parent).stat()
    as_owner = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    try:
        ran = subprocess.run(
            argv,
            capture_output=True,
            check=False,
            text=True,
            errors="replace",
            cwd="/",
            env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
            timeout=task.left(keep=1),
            umask=0o077,
            **as_owner,  # type: ignore[call-overload]
        )
    except subprocess.TimeoutExpired as error:
        raise Unknown(f"{Path(argv[0]).name} did not end in time") from error
    if ran.returncode != 0:
        raise Failed(f"{Path(argv[0]).name}: {' '.join(ran.stderr.split())[-200:]}")


def _configure(task: Task, primary: Source) -> None:
    """Make stopped data a copy's: rewind and copy bring the other server's settings along."""
    data = server.data(task)
    auto, owner = data / "postgresql.auto.conf", data.stat()
    lines = auto.read_text(errors="surrogateescape").splitlines() if auto.exists() else []
    kept = [line for line in lines if line.partition("=")[0].strip() not in _OURS]
    ours = {"primary_conninfo": conninfo(task, primary.host), "primary_slot_name": slot(task)}
    kept += [f"{name} = '{_quoted(value)}'" for name, value in ours.items()]
    part = auto.with_suffix(".part")
    for path, text in ((part, "\n".join(kept) + "\n"), (data / "standby.signal", "")):
        path.write_text(text, errors="surrogateescape")
        path.chmod(0o600)
        os.chown(path, owner.st_uid, owner.st_gid)
    part.rename(auto)


def _quoted(value: str) -> str:
    """As the inside of a string in PostgreSQL's configuration."""
    return value.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n")
