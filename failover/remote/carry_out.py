"""From an action's name to what does it; whatever goes wrong becomes an outcome."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from failover.remote import (
    entry,
    epoch,
    host,
    memory,
    patroni,
    pg_fence,
    pg_follow,
    pg_promote,
    pg_receiving,
    pg_rejoin,
    pg_state,
    pg_sync,
    writes,
)
from failover.remote.task import Done, Ended, Facts, Task

#: Reading actions; they may be repeated at will.
READING: Mapping[str, Callable[[Task], Done]] = {
    "pg-state": pg_state.state,
    "pg-refused-write": writes.refused_write,
    "pg-catch-up": pg_receiving.catch_up,
    "pg-replicates": pg_sync.replicates,
    "patroni-state": patroni.state,
    "entry-state": entry.state,
    "host-alive": host.alive,
    "capacity": host.capacity,
    "app-check": host.app_check,
    "recall": memory.recall,
}

#: Changing actions; each obeys the highest epoch only.
CHANGING: Mapping[str, Callable[[Task], Done]] = {
    "pg-checkpoint": pg_fence.checkpoint,
    "pg-fence": pg_fence.fence,
    "pg-unfence": pg_fence.unfence,
    "pg-stop-receiving": pg_receiving.stop_receiving,
    "pg-receive-again": pg_receiving.receive_again,
    "pg-set-sync": pg_sync.set_sync,
    "pg-promote": pg_promote.promote,
    "pg-follow": pg_follow.follow,
    "pg-rejoin": pg_rejoin.rejoin,
    "patroni-switchover": patroni.switchover,
    "entry-point": entry.point,
    "entry-auto": entry.auto,
    "write-through": writes.write_through,
}


def carry_out(given: Mapping[str, Any], end: float) -> Facts:
    """Do it, and say how it ended, as plain JSON: ``outcome``, ``says``, ``facts``. ``end`` is monotonic seconds."""
    try:
        task = Task.read(given, end)
        if time.monotonic() >= end:
            return told("refused", "came too late: nothing was done", {})
        if task.action in CHANGING:
            epoch.obey(task)
            done = CHANGING[task.action](task)
        elif task.action in READING:
            done = READING[task.action](task)
        else:
            return told("refused", f"there is no action {task.action[:60]!r}", {})
    except Ended as ended:
        return told(ended.outcome, str(ended), ended.facts)
    except Exception as error:  # how far it came is not known
        return told("unknown", f"{type(error).__name__}: {error}", {})
    return told("done", done.says, done.facts)


def told(outcome: str, says: str, facts: Facts) -> Facts:
    """A reply."""
    return {"outcome": outcome, "says": says[:1000], "facts": facts}
