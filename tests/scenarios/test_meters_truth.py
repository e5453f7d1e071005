"""The meters proved on real sockets: known outages, known losses, forced unknowns, and a wall clock that is moved.

Twenty seeded runs in one process, a few at once, each with its own service. The truth comes from the services' flags.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from failover.measured import Measured, Outage, Verdict, Writes
from failover.meter.agent.clock import Clock
from failover.meter.agent.life import Meter
from failover.meter.agent.settings import Channel, Probing, Settings
from failover.meter.measure import measure
from failover.plan import Objectives
from failover.run_folder import RunFolder
from tests.fakes.metered_service import PASSWORD, Database, Web

#: one worker runs them all: they share the twenty runs
MS = 1_000_000
SEEDS = range(20)
_AT_ONCE = 3  #: more than one process can serve and measure would only widen the intervals


@dataclass
class MovedClock(Clock):
    """The wall clock is an hour off, now and then; the monotonic clock is the machine's."""

    moved: float = 0.0

    def wall(self) -> float:
        return time.time() + self.moved


@dataclass
class Truth:
    """One run: what was done to the service, and what the meter made of it."""

    seed: int
    folder: RunFolder
    stopping: threading.Event
    clock: MovedClock = field(default_factory=MovedClock)
    lost: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.web, self.database = Web(self.stopping), Database(self.stopping)
        self.rng = random.Random(self.seed)

    @property
    def logs(self) -> Path:
        return self.folder.meters / "dr-ops"

    def settings(self) -> Settings:
        return Settings(
            self.folder.run,
            "dr-ops",
            1,
            Probing(
                (self.web.url,),
                "tricenter",
                '"center": "([a-z]+)"',
                50 * MS,
                300 * MS,
                stable_count=3,
                stable_over=200 * MS,
            ),
            (
                Channel(
                    "database",
                    (("127.0.0.1", self.database.port),),
                    "civil",
                    "canary",
                    "canary",
                    PASSWORD,
                    50 * MS,
                    200 * MS,
                ),
            ),
        )

    async def run(self) -> None:
        """A second of quiet, an outage of D seconds with losses and unknowns, and a new writer."""
        self.logs.mkdir(parents=True)
        living = asyncio.create_task(Meter(self.settings(), self.logs, self.clock).live())
        await asyncio.sleep(0.8 + self.rng.random() / 3)
        await self._unknowns()
        fault = self.rng.choice(["reset", "mute", "error", "content"])
        with self.web.broken(fault):
            self.database.fault = self.rng.choice(["reset", "mute", "refuse"])
            self.clock.moved = self.rng.choice([3600.0, -3600.0])
            await asyncio.sleep(0.3 + self.rng.random() * 0.7)
            self._lose(self.rng.randrange(0, 6))
            self.database.server = "10.0.0.2:5432"
        self.database.fault = ""
        self.web.server = "dr"
        self.clock.moved = -self.clock.moved
        await asyncio.sleep(0.9)
        (self.logs / "stop").touch()
        await living

    async def _unknowns(self) -> None:
        for fault in self.rng.sample(["lost-ack", "lost-write"], 2):
            self.database.fault = fault
            await asyncio.sleep(0.25)
        self.database.fault = ""
        await asyncio.sleep(0.2)

    def _lose(self, count: int) -> None:
        """The newest acknowledged writes are gone, as after a promotion of a copy that lagged."""
        self.lost = set(self.database.acked[-count:]) if count else set()
        self.database.forget(self.lost)


@pytest.fixture(scope="module")
def truths(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Truth]]:
    stopping = threading.Event()
    folder = tmp_path_factory.mktemp("truth")
    runs = [Truth(seed, RunFolder(folder / f"20260101T000000Z-truth-{seed:04x}"), stopping) for seed in SEEDS]

    async def all_of_them() -> None:
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def one(run: Truth) -> None:
            async with at_once:
                await run.run()

        await asyncio.gather(*(one(run) for run in runs))

    asyncio.run(all_of_them())
    stopping.set()
    yield runs


def measured(truth: Truth) -> Measured:
    return measure(truth.folder, [], Objectives.model_construct(rto=60.0, rpo=0.0))


def streams(truth: Truth) -> list[Outage]:
    return [one for one in measured(truth).outages if not one.stream.startswith("write:")]


def writes(truth: Truth) -> Writes:
    (found,) = measured(truth).writes
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_the_true_outage_lies_inside_every_interval(truths: list[Truth], seed: int) -> None:
    truth = truths[seed]
    ((begin, end),) = truth.web.down
    for found in streams(truth):
        # Starved, as it says; so were the servers it asked, in this process: clients waited longer than was done.
        if "prober-gap" in found.notes:
            continue
        assert found.rto is not None and found.rto.high is not None, found
        assert found.rto.low <= (end - begin) / 1e9 <= found.rto.high, found
        assert found.rto.high - found.rto.low < 2 * (found.period + found.timeout) + 1.0, "it says something"
        assert found.last_ok is not None and found.first_ok is not None
        assert found.last_ok <= begin <= (found.first_fail or 0)
        assert (found.last_fail or 0) <= end <= found.first_ok


@pytest.mark.parametrize("seed", SEEDS)
def test_exactly_the_lost_writes_are_lost(truths: list[Truth], seed: int) -> None:
    truth, found = truths[seed], writes(truths[seed])
    assert set(found.lost) == truth.lost
    assert found.kept + len(found.lost) == found.acked == len(truth.database.acked)
    assert (found.phantom, found.duplicate, found.holes) == ((), (), ())
    (rpo,) = [one for one in measured(truth).judged if one.objective == "rpo"]
    assert rpo.verdict is (Verdict.FAIL if truth.lost else Verdict.PASS)
    if found.lost:
        assert found.rpo is not None and found.rpo.high is not None and found.rpo.low <= found.rpo.high


@pytest.mark.parametrize("seed", SEEDS)
def test_what_nobody_knows_is_no_loss(truths: list[Truth], seed: int) -> None:
    """Unanswered writes are unknown; those that are there were recovered, the others dropped."""
    truth, found = truths[seed], writes(truths[seed])
    there = truth.database.held()
    unacked = set(there) - set(truth.database.acked)
    assert found.recovered == len(unacked)
    assert found.recovered >= 1 and found.dropped >= 1
    assert found.unknown == found.recovered + found.dropped


def test_the_wall_clock_was_moved_and_only_written_down(truths: list[Truth]) -> None:
    assert all(abs(truth.clock.moved) == 3600.0 for truth in truths)
    assert not any("clock-jump" in one.notes for truth in truths for one in streams(truth))


def test_both_servers_were_seen(truths: list[Truth]) -> None:
    for truth in truths:
        text = (truth.logs / "probes.jsonl").read_text()
        assert '"c":"cloud"' in text and '"c":"dr"' in text
