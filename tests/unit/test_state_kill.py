"""kill -9 of the watch at random moments: no change is lost, none is doubled, every chain is whole."""

from __future__ import annotations

import random
import signal
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from checks.result import Result, Status
from state.cycle import Cycle
from state.store import Store
from state.verdict import Change
from tests.scenarios.estate import CENTERS, small
from tests.scenarios.world import START

FORK = get_context("fork")
SMALL = small()
CYCLES = 240
KILLS = 20


def stream(cycle: int) -> tuple[list[Result], dict[str, bool], float]:
    """The answers of one cycle, the same in every process: hosts take turns in being down for three cycles."""
    at = START + 10.0 * cycle
    down = {f"host/{center}-{kind}/ssh" for center in CENTERS for kind in _turns(cycle)}
    results = [
        Result(check.id, vantage, Status.DOWN if check.id in down else Status.OK, "x", at, 0.01)
        for check in SMALL.checks
        for vantage in check.vantages
    ]
    return results, dict.fromkeys(CENTERS, True), at


def _turns(cycle: int) -> list[str]:
    return [["app", "db", "xchg", "entry"][cycle // 8 % 4]] if cycle % 8 >= 4 else []


def watch(url: str, progress: Connection) -> None:
    """What the killed process does: go on where the store says the last cycle ended, and report each cycle."""
    store = Store.open(url)
    spans = store.watched()
    done = round((spans[-1][1] - START) / 10) if spans else 0
    cycle = Cycle(store, SMALL.estate, SMALL.checks)
    for number in range(done + 1, CYCLES + 1):
        cycle.turn(*stream(number))
        progress.send(number)
    store.close()


def _told(changes: list[Change]) -> list[tuple[str, str, str, float, float]]:
    return [(c.subject, c.old.value, c.new.value, c.since, c.at) for c in changes]


def _start(url: str) -> tuple[BaseProcess, Connection]:
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=watch, args=(url, theirs))
    process.start()
    theirs.close()
    return process, ours


def test_nothing_is_lost_or_doubled_by_kill_9(tmp_path: Path) -> None:
    undisturbed = Store.open("sqlite://")
    cycle = Cycle(undisturbed, SMALL.estate, SMALL.checks)
    for number in range(1, CYCLES + 1):
        cycle.turn(*stream(number))

    url = f"sqlite:///{tmp_path}/state.db"
    chance = random.Random(7)
    for kill in range(KILLS):
        process, progress = _start(url)
        while progress.recv() < (kill + 1) * CYCLES // (KILLS + 2):
            pass
        time.sleep(chance.random() * 0.02)  # anywhere within the next cycles, transactions included
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        progress.close()
    process, progress = _start(url)
    process.join()
    assert process.exitcode == 0
    progress.close()

    survived = Store.open(url)
    assert _told(survived.changes()) == _told(undisturbed.changes())
    assert survived.incidents() == undisturbed.incidents()
    assert survived.watched() == undisturbed.watched()
    current: dict[str, Status] = {}
    for change in survived.changes():
        assert change.old is current.get(change.subject, Status.UNKNOWN)
        current[change.subject] = change.new
    assert len(survived.changes()) > 200
    undisturbed.close()
    survived.close()
