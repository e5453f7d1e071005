"""A real PostgreSQL in recovery whose replay is paused: a standby that waits for a primary, on a socket of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BIN = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
PORT = 5999  #: only part of the socket's name; no TCP port is opened


def _run(*argv: object) -> str:
    """As the account that may run PostgreSQL, which refuses root."""
    assert BIN is not None
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    command = [*prefix, str(BIN / str(argv[0])), *map(str, argv[1:])]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd="/").stdout.strip()


def ask(socket: Path, statement: str) -> str:
    """One value from the server."""
    return _run("psql", "-X", "-At", "-h", socket, "-p", PORT, "-U", "postgres", "-d", "postgres", "-c", statement)


@contextmanager
def database(folder: Path, *, standby: bool) -> Iterator[Path]:
    """Run a server until the block ends; a standby begins with its replay paused. Yields the socket's folder.

    ``folder`` must not exist, and the account ``postgres`` must be able to reach it.
    """
    folder.mkdir(mode=0o755)
    data, socket = folder / "data", folder / "s"
    socket.mkdir(mode=0o700)
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        os.chown(socket, owner.pw_uid, owner.pw_gid)
    _run("initdb", "-D", data, "-U", "postgres", "--auth-local=trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
    if standby:
        (data / "standby.signal").touch()
    options = f"-k {socket} -p {PORT} -c listen_addresses= -c fsync=off -c shared_buffers=8MB"
    try:
        _run("pg_ctl", "-D", data, "-w", "-s", "-l", folder / "log", "-o", options, "start")
        if standby:
            ask(socket, "SELECT pg_wal_replay_pause()")
        yield socket
    finally:
        _run("pg_ctl", "-D", data, "-w", "-s", "-m", "immediate", "stop")
        shutil.rmtree(folder)
