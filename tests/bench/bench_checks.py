"""What an HTTP check costs, in CPU milliseconds per 1,000, beside blackbox_exporter and a C epoll loop.

    make bench-checks        (or: python -m tests.bench.bench_checks [--quick])

All three ask the same nginx in the same run, each over a fresh connection a check: once as fast as it goes, once at the
pace of 10,000 targets every 30 s. The checker is pinned to core 0, nginx and whoever drives the exporter to core 1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import uvloop
from rich.console import Console
from rich.table import Table

from checks import curl
from checks.schedule import pace
from tests.bench import servers
from tests.bench.pipeline import CYCLE

TARGETS, INTERVAL = 10_000, 30.0
PACE = TARGETS / INTERVAL
SATURATED = 0.5  #: interval in seconds that no core can keep up with: the engine is always behind
CHECKER, OTHERS = 0, 1  #: cores

_HOW = f"""\
A check is a new connection, GET /, status judged. Checkers run on core {CHECKER}, nginx and whoever asks the exporter
on core {OTHERS}; all on loopback, so a checker also pays the server's half of the kernel's work. CPU is user + system
of the whole process. Ours: {TARGETS:,} targets, rounds from APScheduler, libcurl on uvloop, verdicts every
{CYCLE:g} s, SQLite on disk. The exporter's is without the Prometheus that it needs to be asked."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement."""

    name: str
    mode: str
    checks: float
    bad: float
    cpu: float  #: seconds
    wall: float  #: seconds
    rss_mb: float | None = None
    latency: str = ""
    judging: float | None = None  #: CPU ms per 1,000 of judging and storing alone

    @property
    def per_thousand(self) -> float:
        """CPU milliseconds per 1,000 checks."""
        return self.cpu / self.checks * 1e6


def main() -> None:
    """Measure and print the table; exit 1 when an aim is missed or a check failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a third of the time; the figures are rougher")
    seconds = 10.0 if parser.parse_args().quick else 30.0
    servers.install()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # nginx's worker is another user
        with servers.nginx(folder, OTHERS), servers.blackbox(folder, CHECKER) as exporter:
            rows = [row for row in measurements(folder, exporter, seconds) if row is not None]
    report(rows, seconds)
    raise SystemExit(0 if all(aims(rows).values()) else 1)


def measurements(folder: Path, exporter: int, seconds: float) -> Iterator[Row | None]:
    """All rows; what is not being measured stands still."""
    loop = compiled(folder)
    for mode in ("saturated", "paced"):
        rate = PACE if mode == "paced" else 0.0
        yield epoll_loop(loop, mode, rate, seconds)
        yield pipeline(mode, seconds)
        yield blackbox(exporter, mode, rate, seconds)


def compiled(folder: Path) -> Path | None:
    """The C loop, or None without a compiler."""
    if not shutil.which("gcc"):
        print("no gcc: without the C loop")
        return None
    program = folder / "epoll_loop"
    subprocess.run(["gcc", "-O2", "-o", program, Path(__file__).with_name("epoll_loop.c")], check=True)
    return program


def epoll_loop(program: Path | None, mode: str, rate: float, seconds: float) -> Row | None:
    """The C loop's row."""
    if program is None:
        return None
    total = round(rate * seconds) if rate else 50_000
    shape = [servers.FIRST_PORT, servers.PORTS, servers.ADDRESSES]
    out = _pinned([str(program), *map(str, [total, 100, rate, *shape])])
    good, cpu, wall = (float(word) for word in out.split())
    return Row("C epoll loop, asks only", mode, total, total - good, cpu, wall)


def pipeline(mode: str, seconds: float) -> Row:
    """Our row: a fresh process that schedules, asks, judges and stores."""
    interval = INTERVAL if mode == "paced" else SATURATED
    program = [sys.executable, "-m", "tests.bench.pipeline", *map(str, [TARGETS, interval, seconds])]
    seen = json.loads(_pinned(program))
    judging = seen["judging"] / seen["checks"] * 1e6
    latency = f"{seen['p50_ms']:.1f} / {seen['p99_ms']:.1f} ms" if mode == "paced" else ""
    name = "Tricenter, all of it"
    return Row(name, mode, seen["checks"], seen["bad"], seen["cpu"], seen["wall"], seen["rss_mb"], latency, judging)


def _pinned(command: list[str]) -> str:
    print(f"  {' '.join(Path(word).name if word.startswith('/') else word for word in command)} ...", flush=True)
    done = subprocess.run(
        ["taskset", "-c", str(CHECKER), *command], check=True, capture_output=True, text=True, timeout=300
    )
    return done.stdout


def blackbox(exporter: int, mode: str, rate: float, seconds: float) -> Row:
    """The exporter's row: only its own CPU counts, not that of whoever asks it."""
    print(f"  blackbox_exporter, {mode} ...", flush=True)
    with _on_core(OTHERS):
        before, began = servers.cpu_seconds(exporter), time.monotonic()
        total, bad = uvloop.run(_drive(rate, seconds / 2 if mode == "saturated" else seconds))
        used, wall = servers.cpu_seconds(exporter) - before, time.monotonic() - began
    return Row("blackbox_exporter, asks only", mode, total, bad, used, wall, servers.resident_mb(exporter))


@contextmanager
def _on_core(core: int) -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@dataclass(frozen=True, slots=True)
class _Question:
    id: str
    interval: float
    request: curl.Request


async def _drive(rate: float, seconds: float) -> tuple[int, int]:
    """Ask the exporter about the targets for so long, at ``rate`` a second (0: twenty at a time); (asked, failed)."""
    base = f"http://127.0.0.1:{servers.EXPORTER}/probe?module=plain&target="
    requests = [curl.prepare(base + quote(url, safe="")) for url in servers.urls()]
    total = bad = 0
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, stop.set)

    async def ask(request: curl.Request) -> None:
        nonlocal total, bad
        answer = await curl.client().fetch(request, 10.0)
        total += 1
        bad += b"\nprobe_success 1" not in answer.body

    async def worker(first: int) -> None:
        while not stop.is_set():
            await ask(requests[first % len(requests)])
            first += 20

    if not rate:
        await asyncio.gather(*(worker(first) for first in range(20)))
        return total, bad
    tasks: set[asyncio.Task[None]] = set()
    interval = len(requests) / rate
    await pace(
        [_Question(str(at), interval, request) for at, request in enumerate(requests)],
        lambda group: tasks.update(asyncio.ensure_future(ask(one.request)) for one in group),
        stop,
    )
    await asyncio.gather(*tasks)
    return total, bad


def report(rows: list[Row], seconds: float) -> None:
    """The table, how it was taken, and the aims."""
    table = Table(title="CPU per 1,000 HTTP checks")
    for column in (
        *("", "mode", "checks", "failed", "checks/s", "CPU ms/1,000", "judge+store", "× blackbox", "of a core"),
        *("RSS max", "p50 / p99"),
    ):
        table.add_column(column, justify="left" if column in ("", "mode") else "right")
    for row in rows:
        table.add_row(
            row.name,
            row.mode,
            f"{row.checks:,.0f}",
            f"{row.bad:,.0f}",
            f"{row.checks / row.wall:,.0f}",
            f"{row.per_thousand:.1f}",
            f"{row.judging:.1f}" if row.judging is not None else "",
            f"{row.per_thousand / _of(rows, 'blackbox', row.mode).per_thousand:.3f}",
            f"{row.cpu / row.wall:.1%}",
            f"{row.rss_mb:.0f} MB" if row.rss_mb else "",
            row.latency,
        )
    console = Console(width=150)
    console.print(table)
    interpreter = f"{platform.python_implementation()} {platform.python_version()}"
    machine = f"Linux {platform.release()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    console.print(f"{interpreter}, {curl.version()}, {machine}; {seconds:g} s a row, after a warm-up.")
    console.print(_HOW)
    for aim, met in aims(rows).items():
        console.print(f"{'met   ' if met else 'MISSED'} {aim}", style="green" if met else "red", highlight=False)


def aims(rows: list[Row]) -> dict[str, bool]:
    """What was promised, and whether it holds."""
    full, quiet = _of(rows, "Tricenter", "saturated"), _of(rows, "Tricenter", "paced")
    ratio = full.per_thousand / _of(rows, "blackbox", "saturated").per_thousand
    share = quiet.cpu / quiet.wall
    memory = max(row.rss_mb or 0.0 for row in (full, quiet))
    return {
        f"saturated: at most 0.25 of blackbox_exporter ({ratio:.3f})": ratio <= 0.25,
        f"{PACE:.0f} a second on less than a tenth of a core ({share:.1%})": share < 0.1,
        f"less than 250 MB of memory ({memory:.0f} MB)": memory < 250,
        f"no check failed ({sum(row.bad for row in rows):.0f})": not any(row.bad for row in rows),
    }


def _of(rows: list[Row], name: str, mode: str) -> Row:
    return next(row for row in rows if row.name.startswith(name) and row.mode == mode)


if __name__ == "__main__":
    main()
