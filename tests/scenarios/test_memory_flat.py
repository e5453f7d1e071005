"""A watch that stands for long holds no more than it held when it was warm."""

from __future__ import annotations

from pathlib import Path

from tests.bench.memory_flat import Run, held

MARGIN = 0.10  #: of what was held when warm; noise of caches and of what happens to be failing


def test_what_the_watch_holds_does_not_grow_with_time(tmp_path: Path) -> None:
    run = Run(tmp_path, {})
    sizes = held(run, 500)
    assert run.changes > 100, "much has happened"
    warm, end = max(sizes[2:5]), max(sizes[-3:])
    assert end <= warm * (1 + MARGIN), sizes
