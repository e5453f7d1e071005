"""What an act found before it changed it: the same when asked again, whatever died meanwhile, and never endless."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from failover.remote import memory
from failover.remote.task import Refused, Task, Unknown
from tests.fakes.haproxy import haproxy
from tests.unit import test_failover_remote as remote

FILE = "found"


def act(folder: Path, name: str = "clear-sync/do/0", run: str = "r1", **give: Any) -> Task:
    return remote.task(folder, act=name, run=run, give=give)


@pytest.mark.parametrize(
    ("first", "again", "before"),
    [
        (("r1", "a/do/0"), ("r1", "a/do/0"), ["x"]),
        (("r1", "a/do/0"), ("r1", "a/do/1"), ["y"]),
        (("r1", "a/do/0"), ("r1", "b/do/0"), ["y"]),
        (("r1", "a/do/0"), ("r1", "a/undo/0"), ["y"]),
        (("r1", "a/do/0"), ("r2", "a/do/0"), ["y"]),
        (("r1", "/a"), ("r1/", "a"), ["y"]),
        (("r1", ""), ("r1", ""), ["y"]),
    ],
)
def test_the_same_act_of_the_same_run_found_the_same(
    tmp_path: Path, first: tuple[str, str], again: tuple[str, str], before: list[str]
) -> None:
    assert memory.first(act(tmp_path, first[1], first[0]), ["x"]) == ["x"]
    for _ in range(2):
        assert memory.first(act(tmp_path, again[1], again[0]), ["y"]) == before


def test_the_youngest_acts_are_remembered_in_a_file_that_never_grows(tmp_path: Path) -> None:
    memory.make_room(act(tmp_path))
    size = (tmp_path / FILE).stat().st_size
    acts = [act(tmp_path, f"s{number}/do/0") for number in range(2 * memory.SLOTS + 3)]
    for number, each in enumerate(acts):
        assert memory.first(each, number) == number
    youngest = range(len(acts) - memory.SLOTS, len(acts))
    assert [memory.first(acts[number], "new") for number in youngest] == list(youngest)
    assert memory.first(acts[youngest[0] - 1], "new") == "new"
    assert (tmp_path / FILE).stat().st_size == size


def test_what_may_have_been_forgotten_is_unknown_and_else_it_never_began(tmp_path: Path) -> None:
    def asked(name: str) -> dict[str, Any]:
        return memory.recall(act(tmp_path, "", "r2", act=name)).facts

    for number in range(memory.SLOTS - 1):
        memory.first(act(tmp_path, f"s{number}", "r1"), number)
    memory.first(act(tmp_path, "mine", "r2"), [])
    assert asked("mine") == {"known": True, "before": []}
    for number in range(memory.SLOTS - 1):
        assert asked("other") == {"known": False}
        memory.first(act(tmp_path, f"t{number}", "r2"), number)
    with pytest.raises(Unknown, match="forgotten"):
        asked("other")
    assert asked("t3") == {"known": True, "before": 3}


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"\0" * 8, b'{"slot": []}', b'{"slot": {"run": "r1"}, "sum": "x"}', b"1"]
)
def test_a_slot_that_was_half_written_is_empty(tmp_path: Path, damage: bytes) -> None:
    memory.first(act(tmp_path, "old"), "kept")
    file = tmp_path / FILE
    kept = file.read_bytes()
    memory.first(act(tmp_path, "new"), "lost")
    file.write_bytes(kept[: memory.SLOT] + damage.ljust(memory.SLOT) + kept[2 * memory.SLOT :])
    assert memory.recall(act(tmp_path, act="new")).facts == {"known": False}
    assert memory.first(act(tmp_path, "new"), "again") == "again"
    assert memory.first(act(tmp_path, "old"), "else") == "kept"


def test_what_cannot_be_kept_is_not_begun(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="too much"):
        memory.first(act(tmp_path), ["x" * 2 * memory.SLOT])
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).mkdir()
    with pytest.raises(Refused, match="cannot remember"):
        memory.first(act(tmp_path), [])


def test_a_program_killed_between_its_act_and_its_reply_is_asked_again(tmp_path: Path) -> None:
    labels = {"failover-folder": str(tmp_path), "entry-socket": str(tmp_path / "admin.sock")}

    def point(line: remote.Line, name: str, primary: str) -> dict[str, Any]:
        order = remote.given("entry-point", labels=labels, act=name, give={"primary": primary})
        line.say(id=1, task=order, until=remote.in_ns(10))
        return dict(line.hear()["reply"]["facts"])

    with haproxy(tmp_path, {"a": True, "b": False}) as box:
        with remote.agent() as line:
            box.changed = lambda: os.kill(line.process.pid, signal.SIGKILL)
            with pytest.raises(json.JSONDecodeError):  # the line ended without a word
                point(line, "point/do/0", "b")
        box.changed = lambda: None
        assert box.up == {"a": False, "b": True}
        with remote.agent() as line:
            line.say(
                id=2, task=remote.given("recall", labels=labels, give={"act": "point/do/0"}), until=remote.in_ns(9)
            )
            assert line.hear()["reply"]["facts"] == {"known": True, "before": ["a"]}
            assert point(line, "point/do/0", "b")["before"] == ["a"]
            assert point(line, "point-again/do/0", "b")["before"] == ["b"]
