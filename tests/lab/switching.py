"""A switchover in the lab by the hands alone, without an engine, and a writer that measures what clients see of it.

``python -m tests.lab.switching ADDRESS PORT PASSWORD_FILE`` is the writer: 50 writes a second are due whether or not
those before have come back, until standard input ends; then it prints what became of each.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from failover.concrete import Call, Value
from failover.lock import acquire
from failover.ports import Hands, Outcome, Reply, Token
from lab.client import Lab
from lab.topology import CENTERS, PORTS

RATE = 50.0
_WAIT = 1.0  #: seconds a write may take
ENTRIES = tuple(f"{center}-entry" for center in CENTERS)
DATABASES = tuple(f"{center}-db" for center in CENTERS)


# --- by the hands ----------------------------------------------------------------------------------------------------


def next_epoch(lab: Lab) -> int:
    """An epoch above every one that the lab's hosts have seen: they obey one desk, and this is its next."""
    lock = acquire(lab.folder / "desk", "by hand", "tests")
    try:
        lock.close_run()
        return lock.epoch
    finally:
        lock.release()


@dataclass
class Switch:
    """One switchover under way: the hands, who acts, and how long each part took."""

    hands: Hands
    token: Token
    took: dict[str, float] = field(default_factory=dict)

    async def act(self, action: str, host: str, timeout: float = 30.0, *, urgent: bool = True, **give: Value) -> Reply:
        """One call, which must succeed."""
        given = {key.rstrip("_"): value for key, value in give.items()}
        reply = await self.hands.act(Call(action, host), given, self.token, timeout=timeout, urgent=urgent)
        assert reply.outcome is Outcome.DONE, f"{action} on {host}: {reply}"
        self.took[f"{action} {host}"] = reply.took
        return reply

    async def over(self, old: str, new: str) -> None:
        """From ``old`` to ``new`` until clients can write again."""
        await self.act("pg-set-sync", new, standbys=())
        await self.act("pg-checkpoint", old)
        fence = await self.act("pg-fence", old)
        await asyncio.gather(
            self.act("pg-refused-write", self._other(old, new), target=old),
            self.act("pg-catch-up", new, lsn=fence.facts["lsn"]),
        )
        await self.act("pg-promote", new, system_id=fence.facts["system_id"])
        await asyncio.gather(*(self.act("entry-point", entry, primary=new) for entry in ENTRIES))

    async def settle(self, old: str, new: str, sync: str | None) -> None:
        """Everyone else under ``new``; ``sync``: the copy that commits wait for afterwards."""
        third = self._other(old, new)
        await asyncio.gather(self.act("pg-follow", third, primary=new), self.act("pg-rejoin", old, 90.0, primary=new))
        await asyncio.gather(*(self.act("entry-auto", entry) for entry in ENTRIES))
        if sync:
            await self.act("pg-replicates", new, standbys=(sync,))  # waits; setting it would refuse
            await self.act("pg-set-sync", new, standbys=(sync,))
            await self.act("pg-replicates", new, standbys=(sync,), sync=True)

    def _other(self, old: str, new: str) -> str:
        return next(host for host in DATABASES if host not in (old, new))


# --- the writer ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """What the writer saw."""

    sent: int
    acked: tuple[tuple[int, float], ...]  #: number, when acknowledged (monotonic)
    errors: Mapping[str, int]

    @property
    def outage(self) -> float:
        """The longest time between two acknowledgements, seconds."""
        times = sorted(at for _, at in self.acked)
        return max((b - a for a, b in itertools.pairwise(times)), default=float("inf"))


@contextlib.contextmanager
def writer(lab: Lab, entry: str) -> Iterator[list[Seen]]:
    """Write through an entry while the block runs; what was seen is in the list afterwards."""
    seen: list[Seen] = []
    argv = [sys.executable, "-P", "-m", "tests.lab.switching", lab.address(entry), str(PORTS["haproxy-pg"])]
    argv.append(str(lab.layout.keys / "app.password"))
    root = Path(__file__).parent.parent.parent
    process = subprocess.Popen(
        argv, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"PYTHONPATH": str(root)}
    )
    assert process.stdin and process.stdout
    try:
        assert process.stdout.readline() == b"writing\n"
        yield seen
        process.stdin.close()
        told = json.loads(process.stdout.read())
        seen.append(Seen(told["sent"], tuple((n, at) for n, at in told["acked"]), told["errors"]))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()


def lost(lab: Lab, host: str, seen: Seen) -> set[int]:
    """Acknowledged writes that the database on ``host`` does not have."""
    words = f"host={lab.address(host)} dbname=civil user=admin password={lab.password('admin')}"
    with psycopg.connect(words) as session:
        there = {row[0] for row in session.execute("SELECT n FROM bench_write")}
    return {number for number, _ in seen.acked} - there


class _Writer:
    def __init__(self, words: str) -> None:
        self._words = words
        self._idle: list[psycopg.AsyncConnection[tuple[object, ...]]] = []
        self.acked: list[tuple[int, float]] = []
        self.errors: dict[str, int] = {}

    async def write(self, number: int) -> None:
        session = None
        try:
            async with asyncio.timeout(_WAIT):
                session = self._idle.pop() if self._idle else await self._open()
                await session.execute("INSERT INTO bench_write (n) VALUES (%s)", (number,))
            self.acked.append((number, time.monotonic()))
            self._idle.append(session)
        except (psycopg.Error, TimeoutError) as error:
            self.errors[type(error).__name__] = self.errors.get(type(error).__name__, 0) + 1
            if session is not None:
                await session.close()

    async def _open(self) -> psycopg.AsyncConnection[tuple[object, ...]]:
        return await psycopg.AsyncConnection.connect(self._words, autocommit=True)


async def _write(words: str) -> None:
    writer = _Writer(words)
    async with await psycopg.AsyncConnection.connect(words, autocommit=True) as session:
        await session.execute("DROP TABLE IF EXISTS bench_write")
        await session.execute("CREATE TABLE bench_write (n bigint PRIMARY KEY)")
    for number in range(-5, 0):
        await writer.write(number)
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    began, number, running = time.monotonic(), 0, set[asyncio.Task[None]]()
    print("writing", flush=True)
    while not ended.done():
        task = asyncio.create_task(writer.write(number))
        running.add(task)
        task.add_done_callback(running.discard)
        number += 1
        await asyncio.sleep(max(0.0, began + number / RATE - time.monotonic()))
    await asyncio.gather(*running)
    print(json.dumps({"sent": number, "acked": writer.acked, "errors": writer.errors}))


if __name__ == "__main__":
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # what cannot be canceled is closed
    address, port, password = sys.argv[1:]
    secret = Path(password).read_text().strip()
    asyncio.run(_write(f"host={address} port={port} dbname=civil user=app password={secret} connect_timeout=2"))
