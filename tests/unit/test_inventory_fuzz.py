"""Whatever is done to an estate's files, the answer is an estate or problems with file and line: never a traceback."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.errors import InvalidEstate
from inventory.load import load

BASE = Path(__file__).parent.parent / "golden" / "broken" / "base"
FILES = sorted(str(file.relative_to(BASE)) for file in BASE.rglob("*.yml"))
SCALARS = (
    "null", "true", "-1", "1e400", ".nan", "9" * 5000, "0x10", "[]", "{}", "''", "~", "2026-01-01", "12:30:45", "|",
    ">", "- x", "? x", "&a x", "*a", "!!binary x", "%", "@", "`", "{{ lookup('pipe', 'touch owned') }}",
    "; touch owned", "<script>", "../../../etc/passwd", "中文", "\U0001f9ea", "x" * 300,
    "[one, [two, [three]]]", "{a: {b: {c: d}}}",
)  # fmt: skip

Mutation = Callable[[list[str], random.Random], list[str]]


def drop(lines: list[str], dice: random.Random) -> list[str]:
    at = dice.randrange(len(lines))
    return lines[:at] + lines[at + dice.randint(1, 3) :]


def repeat(lines: list[str], dice: random.Random) -> list[str]:
    at = dice.randrange(len(lines))
    return [*lines[:at], lines[at], *lines[at:]]


def swap(lines: list[str], dice: random.Random) -> list[str]:
    first, second = dice.randrange(len(lines)), dice.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    return lines


def indent(lines: list[str], dice: random.Random) -> list[str]:
    at = dice.randrange(len(lines))
    lines[at] = dice.choice(["  ", " ", "\t", "    "]) + lines[at] if dice.random() < 0.6 else lines[at].lstrip()
    return lines


def replace_value(lines: list[str], dice: random.Random) -> list[str]:
    at = dice.randrange(len(lines))
    key, colon, _ = lines[at].partition(":")
    lines[at] = f"{key}{colon or ':'} {dice.choice(SCALARS)}"
    return lines


def replace_word(lines: list[str], dice: random.Random) -> list[str]:
    at = dice.randrange(len(lines))
    words = lines[at].split(" ")
    words[dice.randrange(len(words))] = dice.choice(SCALARS)
    lines[at] = " ".join(words)
    return lines


def insert_noise(lines: list[str], dice: random.Random) -> list[str]:
    at = dice.randrange(len(lines))
    spot = dice.randint(0, len(lines[at]))
    noise = "".join(
        chr(dice.choice([0, 7, 9, 27, 34, 39, 44, 58, 91, 93, 123, 125, 133, 0x2028, 0xFEFF])) for _ in range(3)
    )
    lines[at] = lines[at][:spot] + noise + lines[at][spot:]
    return lines


MUTATIONS: tuple[Mutation, ...] = (drop, repeat, swap, indent, replace_value, replace_word, insert_noise)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("fuzz") / "estate"


def estate_or_problems(folder: Path) -> None:
    try:
        estate = load(folder)
    except InvalidEstate as error:
        assert error.problems
        for problem in error.problems:
            assert problem.mark.line >= 1
            assert str(problem).startswith(f"{problem.mark.file}:{problem.mark.line}:")
            assert problem.mark.file.is_relative_to(folder)
            assert "\n" not in str(problem)
            assert problem.message
    else:
        assert len(estate.digest) == 64


def sound_copy(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(BASE, folder)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    file=st.sampled_from(FILES), steps=st.lists(st.sampled_from(MUTATIONS), min_size=1, max_size=4), seed=st.integers(0)
)
def test_mutated_lines(folder: Path, file: str, steps: list[Mutation], seed: int) -> None:
    sound_copy(folder)
    dice = random.Random(seed)
    lines = (folder / file).read_text().splitlines()
    for step in steps:
        lines = step(lines, dice) or [""]
    (folder / file).write_text("\n".join(lines) + "\n")
    estate_or_problems(folder)


@settings(max_examples=70, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=st.sampled_from(FILES), at=st.integers(0, 2000), noise=st.binary(min_size=1, max_size=40))
def test_any_bytes_anywhere(folder: Path, file: str, at: int, noise: bytes) -> None:
    sound_copy(folder)
    data = (folder / file).read_bytes()
    (folder / file).write_bytes(data[:at] + noise + data[at:])
    estate_or_problems(folder)


@settings(max_examples=70, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=st.sampled_from(FILES), text=st.text(max_size=300))
def test_any_text_for_a_file(folder: Path, file: str, text: str) -> None:
    sound_copy(folder)
    (folder / file).write_bytes(text.encode(errors="surrogatepass"))
    estate_or_problems(folder)


LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.sampled_from(SCALARS)


def nested(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    names = st.sampled_from(["id", "kind", "mark", "lines", "params", "hosts", "app", "one"])
    return inner | st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)


JSON = nested(nested(nested(LEAF)))
KEYS = {
    "estate.yml": ["estate", "name", "timezone", "defaults", "sites", "centers", "links"],
    "hosts.yml": ["every_host", "hosts"],
    "systems/marriage.yml": [
        "system",
        "owner",
        "grade",
        "targets",
        "components",
        "depends_on",
        "replication",
        "checks",
    ],
    "exchange.yml": ["system", "hosts", "checks", "provinces"],
}


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_for_a_key(folder: Path, data: st.DataObject) -> None:
    import json

    import yaml

    sound_copy(folder)
    file = data.draw(st.sampled_from(sorted(KEYS)))
    document = yaml.safe_load((folder / file).read_text())
    document[data.draw(st.sampled_from(KEYS[file]))] = data.draw(JSON)
    (folder / file).write_text(json.dumps(document, ensure_ascii=True))
    estate_or_problems(folder)
