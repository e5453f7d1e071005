"""Reading YAML text into a tree: what words mean, which lines they stand on, and what is refused before it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from inventory.errors import Mark, Problem
from inventory.node import Map, lines, mark_of, plain, planted
from inventory.tree import MAX_BYTES, parse, parse_bytes, resolve

FILE = Path("some.yml")


def tree(text: str) -> tuple[Map | None, list[Problem]]:
    problems: list[Problem] = []
    return parse_bytes(text.encode(), FILE, problems), problems


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("on", "on"), ("yes", "yes"), ("No", "No"), ("22:22", "22:22"), ("0644", "0644"), ("0x1f", "0x1f"),
        ("2026-01-01", "2026-01-01"), (".inf", ".inf"), (".nan", ".nan"), ("1e999", "1e999"), ("9" * 5000, "9" * 5000),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("22", 22), ("-1", -1), ("0", 0), ("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0), ("1.2.3", "1.2.3"), ("+", "+"),
    ],
)  # fmt: skip
def test_plain_words_mean_what_they_look_like(text: str, meaning: object) -> None:
    assert resolve(text) == meaning
    assert type(resolve(text)) is type(meaning)


def test_a_key_named_on_is_text_not_true() -> None:
    found, problems = tree("on: [host]\n")
    assert found is not None and not problems
    assert plain(found) == {"on": ["host"]}


def test_quotes_make_text() -> None:
    found, _ = tree("a: '22'\nb: \"true\"\nc: |\n  5\n")
    assert found is not None
    assert plain(found) == {"a": "22", "b": "true", "c": "5\n"}


def test_every_node_knows_its_line() -> None:
    found, _ = tree("a:\n  b:\n    - x\n    - {c: y,\n       d: z}\n")
    assert found is not None
    assert mark_of(found, "a", "b", 1, "d") == Mark(FILE, 5)
    assert mark_of(found, "a", "b", "missing") == Mark(FILE, 2)
    assert lines(found) == {"a": 1, "a.b": 2, "a.b.0": 3, "a.b.1": 4, "a.b.1.c": 4, "a.b.1.d": 5}


def test_planting_values_gives_the_same_tree_back() -> None:
    values = {"url": "http://{address}", "status": [200, 301], "headers": {"Host": "x"}, "follow": False}
    found = planted(values, Mark(FILE, 7), {"status.1": 9})
    assert plain(found) == values
    assert mark_of(found, "status", 1) == Mark(FILE, 9)
    assert mark_of(found, "headers", "Host") == Mark(FILE, 7)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a: \xff\xfe\n", "some.yml:1: `ff fe 0a` is not UTF-8"),
        (b"a: 1\nb: \xe4\xb8\n", "some.yml:2: `e4 b8 0a` is not UTF-8"),
        ("a: 1\n".encode("utf-16"), "some.yml:1: `ff fe 61 00` is not UTF-8"),
        (b"a: 1\nb: x\x00y\n", "some.yml:2: `U+0000` is a character nobody can see"),
        (b"a: \x1b[31mred\n", "some.yml:1: `U+001B` is a character nobody can see"),
        (b"", "some.yml:1: the file is empty"),
        (b"a: " + b"[" * 100_000, "some.yml:1: is nested deeper than 24 levels"),
        (b"a:\n" + b"".join(b" " * i + b"- \n" for i in range(1, 200)), "some.yml:26: is nested deeper than 24 levels"),
    ],
)
def test_bytes_that_are_refused(data: bytes, said: str) -> None:
    problems: list[Problem] = []
    assert parse_bytes(data, FILE, problems) is None
    assert str(problems[0]).startswith(said)


def test_a_byte_order_mark_does_no_harm() -> None:
    problems: list[Problem] = []
    assert parse_bytes(b"\xef\xbb\xbfa: 1\n", FILE, problems) is not None
    assert not problems


def test_a_file_too_large_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "large.yml"
    file.write_bytes(b"a: 1\n" + b"#" * MAX_BYTES)
    problems: list[Problem] = []
    assert parse(file, problems) is None
    assert "is larger than 2 MB" in str(problems[0])


def test_a_folder_or_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe.yml")
    (tmp_path / "folder.yml").mkdir()
    problems: list[Problem] = []
    assert parse(tmp_path / "pipe.yml", problems) is None
    assert parse(tmp_path / "folder.yml", problems) is None
    assert [problem.message for problem in problems] == ["is missing or is not a file"] * 2


def test_many_invisible_characters_are_not_a_flood() -> None:
    found, problems = tree("a: " + "\x07" * 10_000)
    assert found is None
    assert len(problems) == 20
