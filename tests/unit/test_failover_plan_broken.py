"""One mistake at a time in sound plans, and the exact words the operator reads: ``tests/golden/plans/*.txt``.

The cases are written as for estates (``test_inventory_broken.py``). ``python -m tests.unit.test_failover_plan_broken``
writes what is said now into the files: read the difference.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from failover import lint, lint_aims, lint_inputs, lint_order, lint_people, lint_steps
from failover.plan_load import plan_files, read_files
from tests.unit.test_inventory_broken import Case, read_cases

GOLDEN = Path(__file__).parent.parent / "golden" / "plans"
BASE = GOLDEN / "base"


def problems_of(case: Case, folder: Path) -> list[str]:
    shutil.copytree(BASE, folder)
    case.apply(folder)
    return said(folder)


def said(folder: Path) -> list[str]:
    try:
        lint.sound(plan_files(folder))
    except lint.InvalidPlans as error:
        return [str(problem).replace(f"{folder}/", "") for problem in error.problems]
    return []


def all_cases() -> Iterator[tuple[str, Case]]:
    for file in sorted(GOLDEN.glob("*.txt")):
        for case in read_cases(file):
            yield f"{file.stem}: {case.title}", case


CASES = dict(all_cases())


def test_the_base_is_sound() -> None:
    assert set(lint.sound(plan_files(BASE))) == {"small", "back", "lost"}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_mistake_is_named_with_its_line_and_what_to_write_instead(case: Case, tmp_path: Path) -> None:
    assert case.expected, "a case must expect something"
    assert problems_of(case, tmp_path / "plans") == case.expected


@pytest.mark.parametrize("rule", lint.RULES, ids=lambda rule: rule.__name__)
def test_every_rule_finds_something_in_some_case(rule: lint.Rule) -> None:
    assert rule.__name__ in found_by_case()


def test_the_table_holds_every_rule() -> None:
    parts = (lint_inputs, lint_order, lint_steps, lint_people, lint_aims)
    assert len(lint.RULES) == len(set(lint.RULES)) == sum(len(part.RULES) for part in parts)


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "plans"
    shutil.copytree(BASE, folder)
    chosen = [CASES[title] for title in TOGETHER]
    for case in chosen:
        case.apply(folder)
    assert sorted(said(folder)) == sorted(line for case in chosen for line in case.expected)


def test_a_mistake_of_shape_hides_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "plans"
    shutil.copytree(BASE, folder)
    chosen = [CASES[title] for title in BESIDE]
    for case in chosen:
        case.apply(folder)
    assert sorted(said(folder)) == sorted(line for case in chosen for line in case.expected)


BESIDE = (
    "aims: a drill that is not known",
    "aims: a key that is not known",
    "inputs: a place that is none",
    "inputs: text where a whole number is wanted",
    "inputs: a place where text is wanted",
    "steps: destructive without an identity",
    "aims: an abort with a limit that means nothing",
)


def test_two_plans_of_one_name(tmp_path: Path) -> None:
    folder = tmp_path / "plans"
    shutil.copytree(BASE, folder)
    shutil.copy(folder / "back.yml", folder / "other.yml")
    assert said(folder) == [
        "other.yml:2: `back` stands in other.yml — name the file back.yml",
        "other.yml:2: `back` is the name of two plans, the other in back.yml:2 — give each plan its own name",
    ]


def test_no_loss_may_be_promised_when_the_fenced_writers_last_byte_is_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "plans"
    shutil.copytree(BASE, folder)
    text = (folder / "small.yml").read_text()
    (folder / "small.yml").write_text(text.replace("  - {gate: replication-sync}\n", ""))
    assert said(folder) == []
    (folder / "small.yml").write_text((folder / "small.yml").read_text().replace("$fence.lsn", "5"))
    assert [line.partition(" — ")[0] for line in said(folder)] == [
        "small.yml:12: `0s` promises no loss without knowing that the copy is synchronous"
    ]


def test_a_plan_that_cannot_be_read_does_not_hide_the_mistakes_of_others(tmp_path: Path) -> None:
    folder = tmp_path / "plans"
    shutil.copytree(BASE, folder)
    for title in ("aims: not YAML", "steps: the desk carries out nothing"):
        CASES[title].apply(folder)
    assert [line.partition(":")[0] for line in said(folder)] == ["back.yml", "small.yml"]


TOGETHER = (
    "inputs: an action that does not exist",
    "inputs: a part that no center has",
    "people: an unknown role of a step",
    "people: approved by those who command and operate",
    "aims: probes too coarse for the target",
    "aims: an abort with a limit that means nothing",
    "aims: people's time counts where it is unplanned",
    "steps: the desk carries out nothing",
)


def found_by_case() -> set[str]:
    """The rules that speak in at least one case."""
    if not FOUND:
        for case in CASES.values():
            with tempfile.TemporaryDirectory() as folder:
                plans = Path(folder) / "plans"
                shutil.copytree(BASE, plans)
                case.apply(plans)
                FOUND.update(speaking(plans))
    return FOUND


FOUND: set[str] = set()


def speaking(folder: Path) -> Iterator[str]:
    for file in read_files(plan_files(folder), []).values():
        yield from (rule.__name__ for rule in lint.RULES if list(rule(file)))


def rewrite() -> None:
    for file in sorted(GOLDEN.glob("*.txt")):
        cases = read_cases(file)
        for case in cases:
            with tempfile.TemporaryDirectory() as folder:
                case.expected = problems_of(case, Path(folder) / "plans")
        file.write_text("\n".join(case.text() for case in cases))


if __name__ == "__main__":
    rewrite()
