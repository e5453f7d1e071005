"""What a switchover costs clients: by the hands, and by a bare script of ssh and psql in the same lab and the same run.

    python -m tests.bench.bench_failover [--rounds 5] [--lab FOLDER]

A writer sends 50 writes a second through an entry whether or not those before have come back; the outage is the longest
time between two acknowledgements. Both ways are taken in turn, there and back, so that load falls on both alike.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from failover.hands import RealHands, open_hands
from failover.ports import Token
from inventory.known_hosts import known_hosts
from inventory.load import load
from inventory.model import Estate
from lab.client import Lab
from tests.lab.switching import DATABASES, ENTRIES, Seen, Switch, lost, writer

CLOUD, BIGDATA, DR = DATABASES
LEGS = ((CLOUD, BIGDATA, CLOUD), (BIGDATA, CLOUD, BIGDATA), (CLOUD, DR, None), (DR, CLOUD, BIGDATA))
TARGET = 1.5  #: times the bare script's outage, median
_CALM = 1.0  #: seconds of writing before and after
_BARE = Path(__file__).parent / "bare_switchover.sh"


@contextlib.contextmanager
def bare_connections(estate: Estate) -> Iterator[Path]:
    """OpenSSH's open connections to all hosts that matter; yields the configuration that uses them."""
    with tempfile.TemporaryDirectory(prefix="tc-", dir="/tmp") as folder:
        config, known = Path(folder) / "config", Path(folder) / "known_hosts"
        known.write_text(known_hosts(estate))
        hosts = [estate.host(name) for name in (*DATABASES, *ENTRIES)]
        config.write_text(
            "".join(
                f"Host {host.id}\n HostName {host.address}\n Port {host.ssh.port}\n User {host.ssh.user}\n"
                f" IdentityFile {host.ssh.key}\n UserKnownHostsFile {known}\n StrictHostKeyChecking yes\n"
                f" BatchMode yes\n ControlMaster auto\n ControlPath {folder}/%n\n ControlPersist 600\n"
                for host in hosts
            )
        )
        for host in hosts:
            subprocess.run(["ssh", "-F", config, host.id, "true"], check=True, capture_output=True, timeout=30)
        try:
            yield config
        finally:
            for host in hosts:
                subprocess.run(
                    ["ssh", "-F", config, "-O", "exit", host.id], check=False, capture_output=True, timeout=30
                )


async def bare(config: Path, folder: Path, old: str, new: str) -> None:
    """The script."""
    third = next(host for host in DATABASES if host not in (old, new))
    argv = [str(word) for word in (_BARE, config, folder, old, new, third, *ENTRIES)]
    process = await asyncio.create_subprocess_exec(*argv, stdin=subprocess.DEVNULL)
    assert await asyncio.wait_for(process.wait(), 120) == 0


async def leg(lab: Lab, hands: RealHands, config: Path, way: str, run: tuple[str, str, str | None]) -> Seen:
    """One switchover under a writer, and everything in order again afterwards."""
    old, new, sync = run
    switch = Switch(hands, Token("bench", time.time_ns() // 1_000_000))
    with writer(lab, ENTRIES[0]) as seen:
        await asyncio.sleep(_CALM)
        if way == "bare":
            await bare(config, lab.inside(old).parent, old, new)
        else:
            await switch.over(old, new)
        await asyncio.sleep(_CALM)
    assert not lost(lab, new, seen[0]), "acknowledged writes are gone"
    await switch.settle(old, new, sync)
    return seen[0]


async def measure(lab: Lab, rounds: int, say: Console) -> dict[tuple[str, str, str], list[float]]:
    """(old, new, way) -> outages."""
    estate = load(lab.estate_folder)
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as runs, bare_connections(estate) as config:
        hands = open_hands(estate, Path(runs))
        try:
            await hands.warm([*DATABASES, *ENTRIES])
            for turn in range(rounds):
                for way in ("bare", "hands") if turn % 2 == 0 else ("hands", "bare"):
                    for run in LEGS:
                        seen = await leg(lab, hands, config, way, run)
                        found[run[0], run[1], way].append(seen.outage)
                        load_ = os.getloadavg()[0]
                        say.print(f"{way:5} {run[0]} -> {run[1]}  {seen.outage:.2f} s  (load {load_:.1f})")
        finally:
            await hands.close()
    return found


def table(found: dict[tuple[str, str, str], list[float]]) -> tuple[Table, bool]:
    """The comparison, and whether every leg met the target."""
    shown, good = Table(title="Client outage of a planned switchover, seconds"), True
    for title in ("leg", "n", "bare median", "bare min-max", "hands median", "hands min-max", "ratio"):
        shown.add_column(title, justify="left" if title == "leg" else "right")
    for old, new, _ in LEGS:
        both = [found[old, new, way] for way in ("bare", "hands")]
        medians = [statistics.median(each) for each in both]
        ratio = medians[1] / medians[0]
        good = good and ratio <= TARGET
        cells = [
            f for each, m in zip(both, medians, strict=True) for f in (f"{m:.2f}", f"{min(each):.2f}-{max(each):.2f}")
        ]
        shown.add_row(f"{old} -> {new}", str(len(both[0])), *cells, f"{ratio:.2f}")
    return shown, good


def main() -> int:
    """Measure; 1 when a leg misses the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lab", type=Path, default=Path(__file__).parent.parent.parent / "var" / "lab")
    options = parser.parse_args()
    console = Console()
    shown, good = table(asyncio.run(measure(Lab.open(options.lab), options.rounds, console)))
    console.print(shown)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
