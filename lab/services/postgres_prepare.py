"""What happens before each start of PostgreSQL: first data, or making ready the data that is there. Pure."""

from __future__ import annotations

from pathlib import Path

from lab.service import Place
from lab.services.script import command
from lab.topology import CENTERS, PORTS, LabHost, Topology

#: Run as the server's own user before every start. Whatever interrupts it, the next start begins again: only complete
#: data gets its final name.
_PREPARE = """\
#!/bin/sh
set -eu
umask 077
own={own} primary={primary} data={data} new={data}.new bin={bin} etc={etc} socket={socket}

passfile=$socket/pgpass
for role in replication watcher; do
    printf '*:*:*:%s:%s\\n' "$role" "$(sed 's/[:\\\\]/\\\\&/g' "$socket/$role.password")"
done >"$passfile"

alone() {{  # start the new data for this host only, run SQL from stdin, stop again
    "$bin/pg_ctl" -D "$new" -w -t 60 -s -o \
        "-c config_file=$etc/postgresql.conf -c listen_addresses= -c synchronous_standby_names=" start
    "$bin/psql" -X -q -v ON_ERROR_STOP=1 -h "$socket" -p {port} -U postgres -d postgres >/dev/null
    "$bin/pg_ctl" -D "$new" -w -t 60 -s -m fast stop
}}

the_primary() {{  # the address of the peer that says it is primary
    for peer in {peers}; do
        standby=$(PGPASSFILE=$passfile PGCONNECT_TIMEOUT=2 "$bin/psql" -X -At -h "$peer" -p {port} -U watcher \\
            -d postgres -c 'SELECT pg_is_in_recovery()' 2>/dev/null) || continue
        if [ "$standby" = f ]; then
            echo "$peer"
            return
        fi
    done
}}

if [ -e "$data" ]; then
    # After a loss of power the process number in the file may be anybody's: believe it only if it works in this folder.
    if [ -e "$data/postmaster.pid" ]; then
        old=$(head -n 1 "$data/postmaster.pid")
        if [ "$(readlink "/proc/$old/cwd" || true)" = "$data" ]; then
            echo "process $old still serves $data"
            exit 1
        fi
        rm -f "$data/postmaster.pid"
    fi
    exit 0
fi

[ ! -e "$new" ] || "$bin/pg_ctl" -D "$new" -s -m immediate stop || true
rm -rf "$new"
if [ "$own" = "$primary" ]; then
    "$bin/initdb" -D "$new" -U postgres -E UTF8 --locale=C.UTF-8 --data-checksums --no-sync \
        --auth-local=trust --auth-host=scram-sha-256 >/dev/null
    alone <"$etc/first-start.sql"
else
    from=$(the_primary)
    until [ -n "$from" ]; do
        echo "waiting for a primary"
        sleep 0.5
        from=$(the_primary)
    done
    slot=$(echo "$own" | tr - _)
    # Without an application name: while it copies, it must not count as the synchronous standby. The server that
    # starts from the copy introduces itself by its cluster_name.
    "$bin/pg_basebackup" -D "$new" -R -X stream -c fast --no-sync -S "$slot" \
        -d "host=$from port={port} user=replication passfile='$passfile' connect_timeout=3\
 keepalives_idle=3 keepalives_interval=1 keepalives_count=3 tcp_user_timeout=5000"
    alone <"$etc/after-clone.sql"
fi
mv "$new" "$data"
"""


def databases(topology: Topology) -> list[LabHost]:
    """The database host of each center."""
    return [topology.host(f"{center}-db") for center in CENTERS]


def prepare(place: Place, binaries: Path, primary: str, etc: Path, socket: Path) -> str:
    """The shell script; ``primary`` is the host that makes the first data, the others clone it."""
    peers = command(*(host.address for host in databases(place.topology) if host != place.host))
    return _PREPARE.format(
        own=command(place.host.id),
        primary=command(primary),
        data=command(place.folder / "data" / "pg"),
        bin=command(binaries),
        etc=command(etc),
        socket=command(socket),
        peers=peers,
        port=PORTS["postgres"],
    )
