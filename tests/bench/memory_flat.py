"""Whether the watch's memory is flat: its cycle, its responder and its pages, driven for days of virtual time.

``python -m tests.bench.memory_flat [turns]``. Services stop and come back all the time, so that changes and incidents
are made; the store is a file, as in life. What is compared is what Python holds (tracemalloc) after each tenth.
"""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import tempfile
import tracemalloc
from collections.abc import Mapping, Sequence
from pathlib import Path

from checks.check import Check
from checks.result import Result, Status
from inventory import subject
from runbooks.card import Card
from runbooks.responder import Responder
from state.cycle import Cycle
from state.store import Store
from state.vitals import Vitals
from state.vitals_pages import pages
from tests.scenarios.estate import CENTERS, small

START = 1_800_000_000.0
TURN = 2.0  #: seconds of virtual time from one cycle to the next
FAULT = 0.01  #: share of the subjects that begin to fail in a turn
REPAIR = 0.05  #: share of those that fail that work again in a turn


class Run:
    """One watch, driven."""

    def __init__(self, folder: Path, cards: Mapping[str, Card]) -> None:
        self.now = START
        self.estate, self.checks = small().estate, small().checks
        self.store = Store.open(f"sqlite:///{folder}/state.sqlite")
        self.cycle = Cycle(self.store, self.estate, self.checks)
        self.vitals = Vitals(lambda: self.now)
        self.vitals.begin("cycle", TURN)
        self.pages = pages(self.vitals, lambda: self.now, self.store.size, lambda: "")

        self.responder = Responder(
            self.estate, self.checks, cards, self.store, folder, lambda checks: [], lambda: self.now, lambda line: None
        )
        self.failing: set[str] = set()
        self.changes = 0
        self._dice = random.Random(7)

    def turn(self) -> None:
        """One cycle, with whatever went wrong or right since the last."""
        self.now += TURN
        self._misfortune()
        results = list(self._answers())
        changes = self.cycle.turn(results, dict.fromkeys(CENTERS, True), self.now)
        self.changes += len(changes)
        self.vitals.heard(len(results), len(changes), dict.fromkeys(CENTERS, self.now), dict.fromkeys(CENTERS, True))
        self.vitals.timed("cycle", lambda: None)()
        self.responder.respond(self.cycle.verdicts)

    def scraped(self) -> None:
        """Prometheus asks."""
        asyncio.run(self.pages["/metrics"]({}))  # type: ignore[arg-type]

    def _misfortune(self) -> None:
        about = {check.subject for check in self.checks if subject.kind(check.subject) in ("component", "province")}
        self.failing = {one for one in self.failing if self._dice.random() > REPAIR}
        self.failing |= {one for one in sorted(about) if self._dice.random() < FAULT}

    def _answers(self) -> Sequence[Result]:
        """A fifth of the checks each turn, for they are asked every ten seconds."""
        phase = int(self.now / TURN) % 5
        return [
            Result(check.id, vantage, self._status(check), f"said at {self.now}", self.now - 0.5, 0.01)
            for number, check in enumerate(self.checks)
            if number % 5 == phase or check.interval <= TURN
            for vantage in check.vantages
        ]

    def _status(self, check: Check) -> Status:
        return Status.DOWN if check.subject in self.failing else Status.OK


def held(run: Run, turns: int, parts: int = 10) -> list[int]:
    """Bytes that Python holds after each part of the turns; the first part is warming up."""
    found = []
    tracemalloc.start()
    for number in range(1, turns + 1):
        run.turn()
        if number % (turns // parts) == 0:
            run.scraped()
            gc.collect()
            found.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    return found


def main() -> None:
    """Drive it, and print."""
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder), {})
        sizes = held(run, turns)
        print(
            f"{turns} turns, {turns * TURN / 3600:.1f} h, {run.changes} changes; store {run.store.size() / 1e6:.1f} MB"
        )
        print("MB held: " + " ".join(f"{size / 1e6:.2f}" for size in sizes))


if __name__ == "__main__":
    main()
