"""A real PostgreSQL primary with a real standby on loopback, in a folder of its own, for as long as a test session."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

PASSWORD = "not-a-secret"
_PATIENCE = 60.0  #: seconds; the machine may be busy


def binaries() -> Path | None:
    """Where the newest installed server's programs are; None if there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[4]))
    return found[-1].parent if found else None


@dataclass
class Server:
    """One running server."""

    port: int
    process: subprocess.Popen[bytes]

    def run(self, query: str) -> list[tuple[Any, ...]]:
        """Run one statement."""
        with psycopg.connect(conninfo(self.port), autocommit=True) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def until(self, query: str) -> None:
        """Wait until a query answers true."""
        eventually(lambda: self.run(query) == [(True,)], query)


@dataclass
class Cluster:
    """Primary and standby; the standby calls itself ``dr``."""

    folder: Path
    primary: Server
    standby: Server
    password_file: Path


def conninfo(port: int) -> str:
    return f"host=127.0.0.1 port={port} user=postgres password={PASSWORD} dbname=postgres connect_timeout=5"


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Wait for something that is about to happen; the limit is far beyond what is normal."""
    until = time.monotonic() + _PATIENCE
    while not _quietly(holds):
        if time.monotonic() > until:
            raise AssertionError(f"did not happen within {_PATIENCE} s: {what}")
        time.sleep(0.05)


def _quietly(holds: Callable[[], bool]) -> bool:
    with contextlib.suppress(psycopg.OperationalError):
        return holds()
    return False


@contextlib.contextmanager
def cluster(programs: Path) -> Iterator[Cluster]:
    """Start both; everything is gone afterwards. Root hands the servers to ``postgres``, which they insist on."""
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    servers: list[Server] = []
    try:
        secret, passfile = folder / "password", folder / "pgpass"
        secret.write_text(PASSWORD + "\n")
        passfile.write_text(f"*:*:*:*:{PASSWORD}\n")
        passfile.chmod(0o600)
        _give(folder)
        _run(programs / "initdb", "-N", "-A", "scram-sha-256", f"--pwfile={secret}", "-U", "postgres", folder / "one")
        servers.append(primary := _start(programs, folder / "one"))
        source = f"host=127.0.0.1 port={primary.port} user=postgres passfile={passfile} application_name=dr"
        _run(programs / "pg_basebackup", "-N", "-R", "-c", "fast", "-d", source, "-D", folder / "two")
        servers.append(standby := _start(programs, folder / "two"))
        primary.until("SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'")
        yield Cluster(folder, primary, standby, secret)
    finally:
        for server in reversed(servers):
            server.process.send_signal(signal.SIGCONT)
            server.process.send_signal(signal.SIGINT)
            server.process.wait(_PATIENCE)
        shutil.rmtree(folder)


def _start(programs: Path, data: Path) -> Server:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "fsync": "off",
        "shared_buffers": "16MB",
        "wal_receiver_status_interval": "1s",
        "wal_retrieve_retry_interval": "100ms",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with (data.parent / f"{data.name}.log").open("wb") as log:
        command = [*_as_postgres(), str(programs / "postgres"), "-D", str(data), *options]
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    server = Server(port, process)
    eventually(lambda: server.run("SELECT true") == [(True,)], f"server in {data} answers")
    return server


def _run(*command: object) -> None:
    done = subprocess.run([*_as_postgres(), *map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _as_postgres() -> list[str]:
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]


def _give(folder: Path) -> None:
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        for path in (folder, *folder.iterdir()):
            os.chown(path, owner.pw_uid, owner.pw_gid)
