"""The measured process: the whole way of a check, from the schedule to the store. Prints one line of JSON.

python -m tests.bench.pipeline TARGETS INTERVAL SECONDS
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from checks.engine import Paced
from checks.prober import allow_many_sockets
from checks.result import Result, Status
from state.cycle import Cycle
from state.store import Store
from tests.bench.estate import estate

CYCLE = 5.0  #: seconds between two judgements, as the watch does it
CONCURRENCY = 200


def main() -> None:
    """Measure and print."""
    targets, interval, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    allow_many_sockets()
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(f"sqlite:///{Path(folder) / 'state.db'}")
        print(json.dumps(uvloop.run(measure(store, targets, interval, seconds))))
        store.close()


async def measure(store: Store, targets: int, interval: float, seconds: float) -> dict[str, float]:
    """Run the engine as the watch does; what is counted begins once every target has been asked, judged and stored."""
    whole, checks = estate(targets, interval)
    watch = Watch(Cycle(store, whole, checks))
    gc.freeze()
    engine = Paced("cloud", time.time, watch.fresh.append, limit=CONCURRENCY)
    stop = asyncio.Event()
    asking = asyncio.create_task(engine.run(checks, stop))
    while len(watch.seen) < len(checks):
        await watch.run_for(1.0)
    used, asked, began = cpu(), engine.asked, time.monotonic()
    watch.forget()
    await watch.run_for(seconds)
    used, asked, took = cpu() - used, engine.asked - asked, time.monotonic() - began
    stop.set()
    await asking
    latencies = sorted(watch.took)
    return {
        "checks": asked,
        "bad": watch.bad,
        "cpu": used,
        "judging": watch.judging,
        "wall": took,
        "p50_ms": latencies[len(latencies) // 2] * 1000,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1000,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


class Watch:
    """Takes what the engine answers to the judge every few seconds, in a thread, and keeps the figures."""

    def __init__(self, cycle: Cycle) -> None:
        self.fresh: list[Result] = []
        self.took: list[float] = []
        self.seen: set[str] = set()  #: checks that were answered at least once
        self._cycle = cycle
        self.forget()

    def forget(self) -> None:
        """Begin to count anew."""
        self.took.clear()
        self.bad = 0
        self.judging = 0.0  #: CPU seconds of judging and storing

    async def run_for(self, seconds: float) -> None:
        """Judge every few seconds for so long, and once more at the end."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(CYCLE, left))
            await asyncio.to_thread(self._turn)

    def _turn(self) -> None:
        batch, began = self.fresh.copy(), time.thread_time()
        del self.fresh[: len(batch)]
        self._cycle.turn(batch, {}, time.time())
        self.judging += time.thread_time() - began
        self.seen.update(result.check for result in batch)
        self.took += [result.took for result in batch]
        self.bad += sum(result.status is not Status.OK for result in batch)


def cpu() -> float:
    """User and system seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
