"""What a failover costs clients: by the engine, and by a bare script of ssh and psql in the same lab and the same run.

    python -m tests.bench.bench_failover [--rounds 10] [--what planned] [--keep FILE] [--minutes 9] [--lab FOLDER]

A writer sends 50 writes a second through an entry whether or not those before have come back. A planned outage is the
longest time between two acknowledgements; an unplanned one counts from the decision to fail over (the commander's word
to the engine, the start of the script) to the first acknowledgement. The engine comes with all that it does in earnest:
gates, approvals, four meters, journal, verifies, soak. Both ways are taken in turn, so that load falls on both alike.
``--keep``: samples are added to a file, and those that are there count too. ``--minutes``: no leg begins after that.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from failover.hands import open_hands
from inventory.load import load
from lab.client import Lab
from tests.bench.failover_legs import PLANNED, UNPLANNED, Bench, Leg, Sample, bare_connections
from tests.lab.order import log_sizes
from tests.lab.switching import DATABASES, ENTRIES

TARGET = 1.5  #: times the bare script's outage, median
WAYS = ("bare", "engine")


@dataclass(frozen=True)
class Wanted:
    """How much is measured."""

    legs: Sequence[Leg]
    rounds: int
    until: float  #: of the monotonic clock


async def measure(lab: Lab, wanted: Wanted, keep: Path | None, say: Console) -> list[Sample]:
    """Every leg both ways, so many times."""
    estate, found = load(lab.estate_folder), _kept(keep)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, bare_connections(estate) as config:
        hands = open_hands(estate, Path(folder))
        try:
            await hands.warm([*DATABASES, *ENTRIES])
            bench = Bench(lab, hands, config, Path(folder))
            for leg, way in _turns(wanted, lambda: say.print(f"pg_wal {_logs(lab)}")):
                found.append(one := await bench.run(leg, way))
                _keep(keep, one)
                say.print(f"{way:6} {leg.name:32} {one.outage:.2f} s  {one.lost} lost  (load {one.load:.1f})")
        finally:
            await hands.close()
    return found


def _turns(wanted: Wanted, after: Callable[[], None]) -> Iterator[tuple[Leg, str]]:
    """Which legs in which order; both ways come first equally often."""
    for turn in range(wanted.rounds):
        for leg in wanted.legs:
            for way in WAYS if turn % 2 == 0 else reversed(WAYS):
                if time.monotonic() > wanted.until:
                    return
                yield leg, way
        after()


def table(samples: Sequence[Sample]) -> tuple[Table, bool]:
    """The comparison, and whether every leg met the target and lost nothing."""
    shown = Table(title="Client outage of a failover, seconds")
    for title in ("leg", "n", "bare median", "bare worst", "engine median", "engine worst", "ratio", "lost of acked"):
        shown.add_column(title, justify="left" if title == "leg" else "right")
    good = True
    for name in dict.fromkeys(one.leg for one in samples):
        of = {way: [one for one in samples if (one.leg, one.way) == (name, way)] for way in WAYS}
        good = _row(shown, name, of) and good
        if any(one.waited for one in samples if one.leg == name):
            _row(shown, "  without the wait for the old writer", of, waiting=False)
    return shown, good


def _row(shown: Table, name: str, of: dict[str, list[Sample]], *, waiting: bool = True) -> bool:
    times = {way: [one.outage - (0.0 if waiting else one.waited) for one in of[way]] for way in WAYS}
    if not all(times.values()):
        return False
    medians = {way: statistics.median(times[way]) for way in WAYS}
    ratio = medians["engine"] / medians["bare"]
    lost, acked = (sum(getattr(one, what) for way in WAYS for one in of[way]) for what in ("lost", "acked"))
    cells = [f"{value:.2f}" for way in WAYS for value in (medians[way], max(times[way]))]
    count = " / ".join(str(len(times[way])) for way in WAYS)
    shown.add_row(name, count, *cells, f"{ratio:.2f}", f"{lost} of {acked}" if waiting else "")
    return ratio <= TARGET and not lost


def _logs(lab: Lab) -> str:
    return ", ".join(f"{host} {size / 2**20:.0f} MiB ({files})" for host, (files, size) in log_sizes(lab).items())


def _kept(keep: Path | None) -> list[Sample]:
    if keep is None or not keep.exists():
        return []
    return [Sample(**json.loads(line)) for line in keep.read_text().splitlines()]


def _keep(keep: Path | None, one: Sample) -> None:
    if keep is not None:
        with keep.open("a") as file:
            file.write(json.dumps(asdict(one)) + "\n")


def main() -> int:
    """Measure; 1 when a leg misses the target or something is lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--what", choices=("planned", "unplanned", "all"), default="all")
    parser.add_argument("--minutes", type=float, default=1e6)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--lab", type=Path, default=Path(__file__).parent.parent.parent / "var" / "lab")
    options = parser.parse_args()
    legs = {"planned": PLANNED, "unplanned": UNPLANNED, "all": (*PLANNED, *UNPLANNED)}[options.what]
    wanted = Wanted(legs, options.rounds, time.monotonic() + 60 * options.minutes)
    console = Console(width=120)
    shown, good = table(asyncio.run(measure(Lab.open(options.lab), wanted, options.keep, console)))
    console.print(shown)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
