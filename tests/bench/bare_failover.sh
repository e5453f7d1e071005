#!/bin/bash
# The same unplanned failover in the same order, as an experienced person would script it: open ssh connections, psql,
# HAProxy's socket. OLD does not answer any more.
#   bare_failover.sh SSH_CONFIG HOSTS_FOLDER OLD NEW THIRD ENTRY...
# The connections of SSH_CONFIG (ControlMaster) are open already. Ends when every ENTRY sends its sessions to NEW. Prints
# how many seconds it waited for OLD to say anything.
set -euo pipefail
config=$1 folder=$2 old=$3 new=$4 third=$5
shift 5

on() { local host=$1; shift; ssh -F "$config" "$host" "$@"; }

# The fence: NEW receives no more, so what OLD still takes is never acknowledged. Where does the log end?
lsn=$(on "$new" "psql() { command psql -XAtq -h $folder/$new/run/pg -p 5432 -U admin -d postgres -c \"\$1\"; }
    psql \"ALTER SYSTEM SET primary_conninfo = ''\"
    psql 'SELECT pg_reload_conf()' >/dev/null
    until [ \"\$(psql 'SELECT count(*) FROM pg_stat_wal_receiver')\" = 0 ]; do sleep 0.02; done
    psql 'SELECT pg_last_wal_receive_lsn()'")

# OLD must not take a write: three seconds to say so, as the plan allows. Meanwhile what else is to be done.
on "$new" "psql() { command psql -XAtq -h $folder/$new/run/pg -p 5432 -U admin -d postgres -c \"\$1\"; }
    psql \"ALTER SYSTEM SET synchronous_standby_names = ''\"
    psql 'SELECT pg_reload_conf()' >/dev/null
    until [ \"\$(psql \"SELECT pg_last_wal_replay_lsn() >= '$lsn'\")\" = t ]; do sleep 0.02; done" &
ready=$!
address=$(ssh -G -F "$config" "$old" | sed -n 's/^hostname //p')
began=$EPOCHREALTIME
if on "$new" "PGPASSWORD=\$(cat /srv/lab/keys/app.password) timeout 3 \
    psql -Xq -h $address -p 5432 -U app -d civil -c 'CREATE TABLE IF NOT EXISTS bare (at timestamptz)'" 2>/dev/null; then
    echo "the old primary took a write" >&2
    exit 1
fi
echo "$began $EPOCHREALTIME" | awk '{ printf "%.3f\n", $2 - $1 }'
wait "$ready"

[ "$(on "$new" "psql -XAtq -h $folder/$new/run/pg -p 5432 -U admin -d postgres -c 'SELECT pg_promote(true, 30)'")" = t ]

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
