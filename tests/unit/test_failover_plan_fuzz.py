"""Whatever is done to a plan's file, the answer is a plan or problems with file and line: never a traceback."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from failover.bind import Refusal, bind
from failover.concrete_json import from_json, to_json
from failover.lint import InvalidPlans, sound
from failover.plan_load import plan_files
from failover.today import today
from tests.fakes.lab_estate import lab_estate
from tests.unit.test_failover_plan_broken import BASE
from tests.unit.test_inventory_fuzz import MUTATIONS, Mutation

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FILES = st.sampled_from(["small.yml", "lost.yml", "back.yml"])
WORDS = (
    "$to.database", "$fence.lsn", "$nobody.lsn", "$", "$.", "desk", "entries", "third.database", "[]", "{}", "true",
    "0s", "pg-promote", "pg-fence", "human", "promote", "remote", "metro", "'', ''", "ungraceful", "[promote, fence]",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "plans"


def plans_or_problems(folder: Path) -> None:
    try:
        plans = sound(plan_files(folder))
    except InvalidPlans as error:
        assert error.problems
        for problem in error.problems:
            assert problem.mark.line >= 1
            assert str(problem).startswith(f"{problem.mark.file}:{problem.mark.line}:")
            assert problem.mark.file.is_relative_to(folder)
            assert "\n" not in str(problem)
        return
    for file in plans.values():  # what lint lets pass can be bound or is refused, and shown
        bound = bind(file, lab_estate())
        assert isinstance(bound, Refusal) or from_json(to_json(bound)) == bound
        assert today(file, lab_estate()).to_json("zh")["plan"] == file.plan.plan


def sound_copy(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(BASE, folder)


@QUICK
@given(file=FILES, steps=st.lists(st.sampled_from(MUTATIONS), min_size=1, max_size=3), seed=st.integers(0))
def test_mutated_lines(folder: Path, file: str, steps: list[Mutation], seed: int) -> None:
    sound_copy(folder)
    dice = random.Random(seed)
    lines = (folder / file).read_text().splitlines()
    for step in steps:
        lines = step(lines, dice) or [""]
    (folder / file).write_text("\n".join(lines) + "\n")
    plans_or_problems(folder)


@QUICK
@given(file=FILES, seed=st.integers(0), count=st.integers(1, 3))
def test_words_of_plans_in_the_wrong_places(folder: Path, file: str, seed: int, count: int) -> None:
    sound_copy(folder)
    dice = random.Random(seed)
    lines = (folder / file).read_text().splitlines()
    for _ in range(count):
        at = dice.randrange(len(lines))
        parts = lines[at].split(": ")
        parts[dice.randrange(1, max(2, len(parts))) - 1 if len(parts) == 1 else -1] = dice.choice(WORDS)
        lines[at] = ": ".join(parts)
    (folder / file).write_text("\n".join(lines) + "\n")
    plans_or_problems(folder)


@QUICK
@given(file=FILES, at=st.integers(0, 3000), noise=st.binary(min_size=1, max_size=30))
def test_any_bytes_anywhere(folder: Path, file: str, at: int, noise: bytes) -> None:
    sound_copy(folder)
    data = (folder / file).read_bytes()
    (folder / file).write_bytes(data[:at] + noise + data[at:])
    plans_or_problems(folder)
