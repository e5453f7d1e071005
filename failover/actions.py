"""The actions there are: what each is called, what it needs, what it finds, and whether it changes anything.

Plans name them, lint checks their inputs, the hands carry them out (``failover/remote/<action with _>.py`` on the
host, as an Ansible runbook or over a warm connection), and the simulated centers of the tests obey the same table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Type = Literal["host", "hosts", "text", "integer", "number", "flag"]


@dataclass(frozen=True, slots=True)
class Action:
    """One action's card."""

    id: str
    changes: bool  #: False: only looks; may be repeated at will
    destructive: bool = False  #: writes may stop or data may go: needs the identity assertion (rule R6)
    needs: Mapping[str, Type] = field(default_factory=dict)
    may: Mapping[str, Type] = field(default_factory=dict)
    finds: tuple[str, ...] = ()  #: keys of Reply.facts that plans may refer to


_ALL = (
    # What a server is: role (primary/standby/none), system_id, timeline, lsn (bytes as integer; written, received or
    # replayed, whichever is the end of what it has), received, replayed, receive_age (s), sync_names, fenced (bool),
    # peers: [{name, state, sync, lag_bytes, lag_seconds}]. Role none, with outcome done: it surely does not serve.
    # receive_age: since its upstream last spoke; where nothing is received any more, since the newest commit that was
    # replayed, which is never later: the gate on lag needs it most when the upstream is gone.
    # ``role``: it must be that one, anything else is failed.
    Action(
        "pg-state",
        changes=False,
        may={"role": "text"},
        finds=("role", "system_id", "timeline", "lsn", "sync_names", "fenced"),
    ),
    Action("pg-checkpoint", changes=True),
    # Stops the server so that neither its supervisor nor a reboot starts it again; facts: where its log ended.
    # ``copy_is_fine``: a server that is a copy takes no writes and is left as it is: done; else it is refused.
    Action(
        "pg-fence",
        changes=True,
        destructive=True,
        may={"copy_is_fine": "flag"},
        finds=("lsn", "timeline", "system_id"),
    ),
    Action("pg-unfence", changes=True, finds=("role",)),  # starts it again in the role its data says
    # Tries a real write straight at ``target`` from another host. done = the write was surely refused; a time-out is
    # unknown, never a refusal. ``hung_is_refused``: a write that hangs for want of its synchronous copy counts too.
    Action("pg-refused-write", changes=False, needs={"target": "host"}, may={"hung_is_refused": "flag"}),
    # Stops acknowledging to the old writer, so that its synchronous commits can no longer succeed.
    Action("pg-stop-receiving", changes=True, finds=("lsn",)),
    Action("pg-receive-again", changes=True),
    Action("pg-catch-up", changes=False, needs={"lsn": "integer"}, finds=("lsn",)),
    Action("pg-set-sync", changes=True, needs={"standbys": "hosts"}, finds=("before",)),  # (): nobody is waited for
    # Becomes primary; already primary on a newer timeline: done, and says so. Refuses when not ``system_id``.
    Action("pg-promote", changes=True, destructive=True, may={"system_id": "text"}, finds=("timeline", "lsn", "role")),
    Action("pg-follow", changes=True, needs={"primary": "host"}, finds=("lsn",)),  # a copy receives from ``primary``
    # A former primary becomes a copy: as it is, by rewind, or by a new copy, whichever is the least that is right.
    Action("pg-rejoin", changes=True, destructive=True, needs={"primary": "host"}, finds=("way", "lsn")),
    # Whether ``standbys`` receive from this primary on its timeline; sync: that they are synchronous.
    Action("pg-replicates", changes=False, needs={"standbys": "hosts"}, may={"sync": "flag"}),
    # Where Patroni chooses the primary: what its member on this host knows. ``leader``: it must be that one;
    # ``candidate``: a copy that Patroni would let take over.
    Action(
        "patroni-state",
        changes=False,
        may={"leader": "host", "candidate": "host"},
        finds=("leader", "version", "paused"),
    ),
    # Asked of the leader's own member: it stops, ``candidate`` gets the rest of its log and takes over, it follows.
    # Fence, catch-up and promotion in one, in that order, by Patroni; the proof by a refused write is the plan's.
    Action(
        "patroni-switchover",
        changes=True,
        destructive=True,
        needs={"candidate": "host"},
        finds=("timeline", "lsn", "system_id", "role"),
    ),
    # The entry's way to the database: facts servers: {host: {up, forced}}, active: hosts that get sessions.
    Action("entry-state", changes=False, finds=("active",)),
    # Sends all database sessions to ``primary`` at once and ends the sessions to any other.
    Action("entry-point", changes=True, needs={"primary": "host"}, finds=("before", "active")),
    Action("entry-auto", changes=True),  # gives the decision back to the entry's own health checks
    # A real, numbered write through this entry; done: acknowledged, and by whom. ``primary``: it must be that one.
    Action("write-through", changes=True, may={"primary": "host"}, finds=("server",)),
    Action("host-alive", changes=False, finds=("boot_id", "wall")),
    Action("capacity", changes=False, finds=("cpus", "memory", "load", "disk_free")),
    # What an act (``step/do/call``) of this run found ``before`` it changed it; not ``known``: it never began there.
    Action("recall", changes=False, needs={"act": "text"}, finds=("known", "before")),
    Action("app-check", changes=False, needs={"path": "text"}, may={"expect": "text"}),  # a system's own page answers
)

ACTIONS: Mapping[str, Action] = {action.id: action for action in _ALL}
