"""One mistake at a time in a sound estate, and the exact words the operator reads: ``tests/golden/broken/*.txt``.

A case is a title, the file, the lines taken out (``-``) and put in (``+``), and all the problems (``=``)::

    # a port in quotes
    @ hosts.yml
    - port: 22
    + port: "22"
    = hosts.yml:2: `22` must be a whole number — write 22 without quotes

Without ``-`` the new lines are put at the end of the file (which may be new); ``-`` alone with ``*`` deletes the file.
``python -m tests.unit.test_inventory_broken`` writes what is said now into the files: read the difference.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from inventory.errors import InvalidEstate
from inventory.load import load

GOLDEN = Path(__file__).parent.parent / "golden" / "broken"
BASE = GOLDEN / "base"


@dataclass
class Case:
    title: str
    file: str = ""
    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def apply(self, folder: Path) -> None:
        file = folder / self.file
        if self.old == ["*"]:
            file.unlink()
            return
        text = file.read_text() if file.exists() else ""
        old, new = "\n".join(self.old), "\n".join(self.new)
        if self.old:
            assert text.count(old) == 1, f"{self.title}: {old!r} is {text.count(old)} times in {self.file}"
            file.write_text(text.replace(old, new))
        else:
            file.write_text(f"{text}{new}\n")

    def text(self) -> str:
        lines = [f"# {self.title}", f"@ {self.file}"]
        lines += [f"- {line}" for line in self.old] + [f"+ {line}" for line in self.new]
        return "\n".join([*lines, *(f"= {line}" for line in self.expected)]) + "\n"


def read_cases(file: Path) -> list[Case]:
    cases: list[Case] = []
    for line in file.read_text().splitlines():
        sign, text = line[:1], line[2:]
        match sign:
            case "#":
                cases.append(Case(text))
            case "@":
                cases[-1].file = text
            case "-":
                cases[-1].old.append(text)
            case "+":
                cases[-1].new.append(text)
            case "=":
                cases[-1].expected.append(text)
    return cases


def problems_of(case: Case, folder: Path) -> list[str]:
    shutil.copytree(BASE, folder)
    case.apply(folder)
    try:
        load(folder)
    except InvalidEstate as error:
        return [str(problem).replace(f"{folder}/", "") for problem in error.problems]
    return []


def all_cases() -> Iterator[tuple[str, Case]]:
    for file in sorted(GOLDEN.glob("*.txt")):
        for case in read_cases(file):
            yield f"{file.stem}: {case.title}", case


CASES = dict(all_cases())


def test_the_base_is_sound() -> None:
    assert load(BASE).id == "small"


def test_there_are_at_least_two_hundred_mistakes() -> None:
    assert len(CASES) >= 200


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_mistake_is_named_with_its_line_and_what_to_write_instead(case: Case, tmp_path: Path) -> None:
    assert case.expected, "a case must expect something"
    assert problems_of(case, tmp_path / "estate") == case.expected


TOGETHER = (
    "references: a center in an unknown site",
    "values: a time zone that does not exist",
    "values: an address that is none",
    "references: a service twice",
    "references: no loss promised without a synchronous copy",
    "values: a time without a unit",
    "checks: an unknown vantage",
    "shape: a misspelt key of a system",
    "values: a province's code of a city",
)


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "estate"
    shutil.copytree(BASE, folder)
    for title in TOGETHER:
        CASES[title].apply(folder)
    with pytest.raises(InvalidEstate) as caught:
        load(folder)
    said = [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]
    assert set(said) == {line for title in TOGETHER for line in CASES[title].expected}
    assert said == sorted(said, key=lambda line: (line.split(":")[0], int(line.split(":")[1])))


def rewrite() -> None:
    for file in sorted(GOLDEN.glob("*.txt")):
        cases = read_cases(file)
        for case in cases:
            with tempfile.TemporaryDirectory() as folder:
                case.expected = problems_of(case, Path(folder) / "estate")
        file.write_text("\n".join(case.text() for case in cases))


if __name__ == "__main__":
    rewrite()
