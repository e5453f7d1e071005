"""In which order the lab's databases and entries stand, asked of PostgreSQL and HAProxy themselves."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass

import psycopg

from lab.client import Lab
from tests.lab.switching import DATABASES, ENTRIES

_STATE = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"show servers state pg\\n")
data = b""
while more := s.recv(65536): data += more
sys.stdout.write(data.decode())
"""
_ROLE = "SELECT pg_is_in_recovery(), current_setting('synchronous_standby_names')"
_COPIES = "SELECT application_name, state, sync_state FROM pg_stat_replication"
_TIMELINE = "SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int"


@dataclass(frozen=True)
class Order:
    """Who is what."""

    databases: tuple[str, ...]  #: host, role, what its commits wait for
    copies: tuple[str, ...]  #: of the primary: who receives, and how
    entries: tuple[str, ...]  #: where sessions go, and who is kept out by hand


def order(lab: Lab) -> Order:
    """As it is now."""
    roles, copies = [], set[str]()
    for host in DATABASES:
        with _session(lab, host) as session:
            standby, waits = session.execute(_ROLE).fetchone() or (None, "")
            roles.append(f"{host} standby" if standby else f"{host} primary, commits wait for {waits or 'nobody'}")
            if standby is False:
                copies |= {" ".join(map(str, row)) for row in session.execute(_COPIES).fetchall()}
    return Order(tuple(roles), tuple(sorted(copies)), tuple(_entry(lab, entry) for entry in ENTRIES))


def settled(lab: Lab, wanted: Order, patience: float = 20.0) -> Order:
    """The order once it is the wanted one, or what it is after a while."""
    limit = time.monotonic() + patience
    while time.monotonic() < limit:
        with contextlib.suppress(psycopg.OperationalError):  # a server that was without power may still be starting
            if order(lab) == wanted:
                return wanted
        time.sleep(0.2)
    return order(lab)


def timeline(lab: Lab, host: str) -> int:
    """The timeline that a primary writes: one more with each promotion, whoever did it."""
    with _session(lab, host) as session:
        row = session.execute(_TIMELINE).fetchone()
    assert row
    return int(str(row[0]))


def log_sizes(lab: Lab) -> dict[str, tuple[int, int]]:
    """What PostgreSQL's log takes on each database host: files, bytes."""
    found = {}
    for host in DATABASES:
        folder = lab.layout.host(host) / "data" / "pg" / "pg_wal"
        sizes = [path.stat().st_size for path in folder.iterdir() if path.is_file()]
        found[host] = (len(sizes), sum(sizes))
    return found


def _session(lab: Lab, host: str) -> psycopg.Connection[tuple[object, ...]]:
    words = f"host={lab.address(host)} dbname=civil user=admin connect_timeout=5"
    return psycopg.connect(words, password=lab.password("admin"), autocommit=True)


def _entry(lab: Lab, entry: str) -> str:
    socket = str(lab.inside(entry) / "run" / "haproxy.sock")
    said = lab.run(entry, ["python3", "-c", _STATE, socket]).stdout.splitlines()
    names = next(line.split()[1:] for line in said if line.startswith("# "))
    servers = [dict(zip(names, line.split(), strict=False)) for line in said if not line.startswith("#")]
    rows = [row for row in servers if "srv_name" in row]
    up = [row["srv_name"] for row in rows if row["srv_op_state"] == "2" and not int(row["srv_admin_state"]) & 7]
    out = [row["srv_name"] for row in rows if int(row["srv_admin_state"]) & 7]
    return f"{entry} -> {', '.join(sorted(up)) or 'nobody'}; kept out: {', '.join(sorted(out)) or 'nobody'}"
