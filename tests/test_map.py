"""The map names every file by the file's own first line; ``python -m tests.test_map`` writes that part of it anew."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
MAP = ROOT / "docs" / "map.md"
HEADING = "## Every file\n"
PACKAGES = ("inventory", "checks", "state", "runbooks", "failover", "reports", "lab")


def listing() -> str:
    """The last part of the map: a table for each folder."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    for package in PACKAGES:
        for folder in sorted({file.parent for file in (ROOT / package).rglob("*.py")}):
            if "versions" not in folder.parts:
                yield from _table(folder)


def _table(folder: Path) -> Iterator[str]:
    yield f"### `{folder.relative_to(ROOT)}/` {_first_line(folder / '__init__.py')}\n"
    yield "| file | what it is |\n|---|---|"
    yield from (f"| `{file.name}` | {_first_line(file)} |" for file in sorted(folder.glob("[!_]*.py")))
    yield ""


def _first_line(file: Path) -> str:
    documented = ast.get_docstring(ast.parse(file.read_text())) if file.exists() else None
    return (documented or "").partition("\n")[0].replace("|", "\\|")


def _written() -> tuple[str, str, str]:
    before, heading, rest = MAP.read_text().partition(HEADING)
    intro, _, tables = rest.partition("\n### ")
    return before + heading + intro + "\n", "### " + tables, heading


def test_the_map_names_every_file_as_it_names_itself() -> None:
    assert _written()[1].rstrip() == listing().rstrip()


def test_every_file_says_what_it_is() -> None:
    assert not [line for line in listing().splitlines() if line.endswith("|  |")]


if __name__ == "__main__":
    MAP.write_text(_written()[0] + listing())
