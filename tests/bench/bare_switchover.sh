#!/bin/bash
# The same switchover in the same order, as an experienced person would script it: open ssh connections, psql, HAProxy's socket.
#   bare_switchover.sh SSH_CONFIG HOSTS_FOLDER OLD NEW THIRD ENTRY...
# The connections of SSH_CONFIG (ControlMaster) are open already. Ends when every entry sends its sessions to NEW.
set -euo pipefail
config=$1 folder=$2 old=$3 new=$4 third=$5
shift 5
bin=/usr/lib/postgresql/15/bin

on() { local host=$1; shift; ssh -F "$config" "$host" "$@"; }
sql() { on "$1" psql -XAtq -h "$folder/$1/run/pg" -p 5432 -U admin -d postgres -c "'$2'"; }

# Before: what clients do not notice.
sql "$new" "ALTER SYSTEM SET synchronous_standby_names = \$\$\$\$"
sql "$new" "SELECT pg_reload_conf()" >/dev/null
sql "$old" "CHECKPOINT"

# Fence: a second checkpoint so that the stop has little to write, then stop, and hear where the log ends.
lsn=$(on "$old" "psql -Xq -h $folder/$old/run/pg -p 5432 -U admin -d postgres -c CHECKPOINT
    touch $folder/$old/sv/postgres/down
    sv down $folder/$old/sv/postgres >/dev/null || true
    while [ -e $folder/$old/data/pg/postmaster.pid ]; do sleep 0.02; done
    LC_ALL=C $bin/pg_controldata -D $folder/$old/data/pg | sed -n 's/^Latest checkpoint location: *//p'")

# The fence is proved, and the new one catches up.
address=$(ssh -G -F "$config" "$old" | sed -n 's/^hostname //p')
on "$third" "PGCONNECT_TIMEOUT=2 PGPASSWORD=\$(cat /srv/lab/keys/app.password) \
    psql -Xq -h $address -p 5432 -U app -d civil -c 'CREATE TABLE IF NOT EXISTS bare (at timestamptz)'" 2>/dev/null &
refused=$!
until [ "$(sql "$new" "SELECT pg_last_wal_receive_lsn() > \$\$$lsn\$\$")" = t ]; do sleep 0.02; done
if wait "$refused"; then
    echo "the old primary took a write" >&2
    exit 1
fi

[ "$(sql "$new" "SELECT pg_promote(true, 30)")" = t ]

for entry in "$@"; do
    {
        line="set server pg/$new state ready; set server pg/$new health up"
        for other in "$old" "$third"; do
            line="$line; set server pg/$other state maint; shutdown sessions server pg/$other"
        done
        on "$entry" "python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(sys.argv[2].encode() + bytes([10]))
while s.recv(4096): pass' $folder/$entry/run/haproxy.sock '$line'"
    } &
done
wait
