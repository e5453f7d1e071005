"""A watch that only catches up, as a process of its own, so that it can be killed: ``URL STORE NOW``."""

from __future__ import annotations

import sys
import time
from functools import partial

from checks import history
from inventory.model import Estate
from state.backfill import catch_up
from state.cycle import Cycle
from state.store import Store
from tests.scenarios.estate import checks, estate


def at_one_prometheus(url: str) -> Estate:
    """The small estate; one server remembers all of its centers."""
    found = estate()
    centers = tuple(center.model_copy(update={"prometheus": url}) for center in found.centers)
    return found.model_copy(update={"centers": centers})


def main(url: str, store_url: str, now: float) -> None:
    """Catch up to ``now`` and say what came of it."""
    known, store = at_one_prometheus(url), Store.open(store_url)
    cycle = Cycle(store, known, checks(known))
    read = partial(history.read, now=time.time, timeout=20.0)
    print("begins", flush=True)
    caught = catch_up(cycle, store, known, read, lambda: now)
    print(
        "nothing" if caught is None else f"{len(caught.changes)} changes {sorted(caught.centers.items())}", flush=True
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
