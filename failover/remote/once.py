"""Carries out one task for an Ansible runbook: the task is the next JSON on standard input, the reply goes to output.

Who started it may vanish without a word, with the connection: then it ends what it does, too.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time

from failover.remote.above import ancestors, line_is_gone
from failover.remote.child import Child

_TICK = 0.2


def main() -> None:
    """Read, do, tell."""
    given = json.loads(sys.stdin.buffer.read())
    end = time.monotonic() + float(given["seconds"])
    if until := given.get("until"):
        end = min(end, int(until) / 1e9)
    above = ancestors()
    if line_is_gone(above):
        sys.exit(5)  # canceled before we began: nobody would hear a reply
    child = Child.start(given["task"], end, os.getpid())
    done = False
    while not done and not child.overdue() and ancestors() == above:
        ready, _, _ = select.select([child.pipe], [], [], _TICK)
        done = bool(ready) and child.read()
    print(json.dumps(child.finish()))  # noqa: T201 -- its output
