"""PostgreSQL 15: a primary in the production center, a synchronous standby next door, an asynchronous one far away."""

from __future__ import annotations

from pathlib import Path

from lab.service import Place, Service
from lab.services.postgres_prepare import databases, prepare
from lab.services.postgres_sql import ROLES, after_clone, first_start
from lab.services.script import as_user, command, script
from lab.topology import PORTS

BIN = Path("/usr/lib/postgresql/15/bin")
PRIMARY = "cloud-db"  #: who starts as primary; later the data says who is

_CONF = """\
listen_addresses = '{address}'
port = {port}
unix_socket_directories = '{socket}'
unix_socket_permissions = 0700
hba_file = '{hba}'
cluster_name = '{host}'

# small
shared_buffers = 16MB
max_connections = 80
max_worker_processes = 2
max_parallel_workers = 0
max_logical_replication_workers = 0
autovacuum_max_workers = 1
jit = off
huge_pages = off
# Segments in /dev/shm would outlive a powered-off host.
dynamic_shared_memory_type = mmap

# replication
wal_level = replica
max_wal_senders = 8
max_replication_slots = 8
min_wal_size = 32MB
max_wal_size = 96MB
wal_keep_size = 32MB
# A standby that misses more than this must be cloned again: the volume is small, and the primary comes first.
max_slot_wal_keep_size = 128MB
wal_sender_timeout = 5s
wal_receiver_timeout = 5s
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 500ms
# Questions to standbys are short; they must not hold back the primary's vacuum.
hot_standby_feedback = off
max_standby_streaming_delay = 10s

# peers that vanish
tcp_keepalives_idle = 3
tcp_keepalives_interval = 1
tcp_keepalives_count = 3
tcp_user_timeout = 5000
client_connection_check_interval = 1s

log_line_prefix = '%m %p %a '
log_checkpoints = off
"""

#: runit asks to stop with SIGTERM, on which PostgreSQL would wait for every client to leave of its own will.
_STOP = """#!/bin/sh\\nexec kill -INT "$(cat supervise/pid)"\\n"""


def service(place: Place) -> Service:
    """The database of a db host; data in ``data/pg``, socket in ``run/pg``."""
    folder, etc, socket = place.folder, place.folder / "etc" / "postgres", place.folder / "run" / "pg"
    data = folder / "data"
    passwords = [place.lab / "keys" / f"{role}.password" for role in ROLES]
    lines = (
        f"mkdir -p control && printf '{_STOP}' >control/t && chmod 755 control/t",
        command("mkdir", "-p", data, socket),
        # The lab's keys are not for the server's user to read, except these.
        command("install", "-m", "600", *passwords, socket),
        command("chown", "-R", place.user, socket) if place.user else "",
        command("chown", place.user, data) if place.user else "",
        command("cd", data),
        as_user(place, "sh", etc / "prepare"),
        "exec " + as_user(place, BIN / "postgres", "-D", data / "pg", "-c", f"config_file={etc / 'postgresql.conf'}"),
    )
    return Service("postgres", script(*lines), _files(place))


def _files(place: Place) -> dict[str, str]:
    etc, socket = place.folder / "etc" / "postgres", place.folder / "run" / "pg"
    conf = _CONF.format(
        address=place.host.address,
        port=PORTS["postgres"],
        socket=socket,
        hba=etc / "pg_hba.conf",
        host=place.host.id,
    )
    return {
        "etc/postgres/postgresql.conf": conf,
        "etc/postgres/pg_hba.conf": _hba(place),
        "etc/postgres/prepare": prepare(place, BIN, PRIMARY, etc, socket),
        "etc/postgres/first-start.sql": first_start(place.host.id, socket),
        "etc/postgres/after-clone.sql": after_clone(place.host.id),
    }


def _hba(place: Place) -> str:
    """Who may come: the lab's addresses, with a password; over the socket, whoever may enter its folder."""
    net = place.topology.net
    # On loopback every client's address is 127.0.0.1.
    loopback = ["127.0.0.1/32"] if net.startswith("127.") else []
    lines = ["local all,replication all trust"]
    for allowed in (f"{net}.0.0/16", *loopback):
        lines += [f"host civil app,canary {allowed} scram-sha-256", f"host all watcher,admin {allowed} scram-sha-256"]
    for allowed in (*(f"{host.address}/32" for host in databases(place.topology)), *loopback):
        lines.append(f"host replication,postgres replication {allowed} scram-sha-256")
    return "\n".join(lines) + "\n"
