"""Four eyes: who may approve, for how long, and what people say to a run; and the kill switch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from failover import approvals
from failover.approvals import Approved
from failover.human import Says, Word, weigh
from failover.kill_switch import KillSwitch
from failover.records import State
from failover.replay import Standing
from inventory.errors import OperatorError
from tests.fakes.drill_runs import plan

PLAN = plan()
DIGEST, DAY = PLAN.digest, 86_400.0
GOOD = Approved("switchover-metro", DIGEST, "approver", "sun-guoqing", 1000.0, 1000.0 + DAY)


@pytest.mark.parametrize(
    ("given", "starter", "now", "because"),
    [
        ([], "chen-zhiyuan", 2000.0, "none"),
        ([GOOD], "chen-zhiyuan", 2000.0, ""),
        ([GOOD], "chen-zhiyuan", 1000.0 + DAY, "expired"),
        ([GOOD], "chen-zhiyuan", 999.0, "expired"),  # given in the future
        ([GOOD], "sun-guoqing", 2000.0, "starts-it"),
        (
            [Approved(*("switchover-metro", "0" * 64, "approver", "sun-guoqing"), 1000.0, 9e9)],
            "x",
            2000.0,
            "other-plan",
        ),
        ([Approved("switchover-metro", DIGEST, "approver", "li-xiulan", 1000.0, 9e9)], "x", 2000.0, "not-in-role"),
        ([Approved("switchover-metro", DIGEST, "observer", "sun-guoqing", 1000.0, 9e9)], "x", 2000.0, "none"),
        ([Approved("switchover-metro", DIGEST, "approver", "sun-guoqing", 1000.0, 9e9)], "x", 1000.0 + DAY, "expired"),
        ([Approved("switchover-metro", DIGEST, "approver", "zhou-hong", 0.0, 1.0), GOOD], "x", 2000.0, ""),
    ],
)
def test_an_approval_counts_or_says_why_not(given: list[Approved], starter: str, now: float, because: str) -> None:
    good, missing = approvals.judge(PLAN.plan, DIGEST, given, starter, now)
    assert [each.because for each in missing] == ([because] if because else [])
    assert len(good) == (not because)


def test_whoever_edited_the_plan_last_approves_nothing(tmp_path: Path) -> None:
    own = PLAN.plan.model_copy(update={"last_editor": "sun-guoqing"})
    _, missing = approvals.judge(own, DIGEST, [GOOD], "x", 2000.0)
    assert missing[0].because == "edited-it"
    with pytest.raises(OperatorError, match="edited plan"):
        approvals.give(tmp_path, own, DIGEST, "approver", "sun-guoqing", 0.0)


@pytest.mark.parametrize(
    ("role", "by", "says"),
    [("observer", "zheng-wei", "asks for no approval"), ("approver", "li-xiulan", "not in the role")],
)
def test_nobody_else_can_even_write_one(role: str, by: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=says):
        approvals.give(tmp_path, PLAN.plan, DIGEST, role, by, 0.0)


def test_files_that_are_no_approvals_count_for_nothing(tmp_path: Path) -> None:
    given = approvals.give(tmp_path, PLAN.plan, DIGEST, "approver", "sun-guoqing", 1000.0)
    whole = json.loads(next(tmp_path.glob("*.json")).read_text())
    for name, content in (
        ("a", "{"),
        ("b", "[]"),
        ("c", json.dumps({**whole, "until": "soon"})),
        ("d", json.dumps({**whole, "by": "../x"})),
        ("e", "x" * 100_000),
    ):
        (tmp_path / f"{name}.json").write_text(content)
    assert approvals.read(tmp_path) == (given,) == (GOOD,)
    assert approvals.read(tmp_path / "nothing") == ()


@pytest.mark.parametrize(
    ("what", "by", "state", "because"),
    [
        ("commit", "wang-jianhua", State.COMMIT_WAIT, ""),
        ("commit", "wang-jianhua", State.SOAKING, "too-early"),
        ("commit", "chen-zhiyuan", State.COMMIT_WAIT, "not-in-role"),
        ("roll-back", "liu-min", State.SOAKING, ""),
        ("roll-back", "zheng-wei", State.SOAKING, "not-in-role"),
        ("abort", "chen-zhiyuan", State.RUNNING, ""),
        ("abort", "nobody", State.RUNNING, "no-duty"),
        ("resume", "chen-zhiyuan", State.PAUSED, ""),
        ("resume", "chen-zhiyuan", State.RUNNING, "not-paused"),
        ("real", "li-xiulan", State.RUNNING, ""),
        ("confirm", "wang-jianhua", State.RUNNING, ""),
        ("confirm", "li-xiulan", State.RUNNING, "not-in-role"),
    ],
)
def test_a_word_counts_by_role_and_moment(what: str, by: str, state: State, because: str) -> None:
    standing = Standing(state=state, asked={"go"})
    assert weigh(PLAN.plan, standing, Word("f", what, "go" if what == "confirm" else "", by, "")) == because


@pytest.mark.parametrize("step", ["fence", "no-such-step"])
def test_what_was_not_asked_is_not_answered(step: str) -> None:
    assert weigh(PLAN.plan, Standing(), Word("f", "confirm", step, "wang-jianhua", "")) == "not-asked"


def test_only_whole_words_are_taken_in_and_only_once(tmp_path: Path) -> None:
    says = Says(tmp_path / "says")
    assert says.new(()) == []
    says.put("confirm", "wang-jianhua", "fine", "go", stamp="20260101T000000Z")
    says.put("commit", "wang-jianhua", stamp="20260101T000001Z")
    (says.folder / "20260101T000002Z-00.json").write_text("{")
    (says.folder / "20260101T000003Z-00.json").write_text(
        json.dumps({"what": "destroy", "step": "", "by": "x", "reason": ""})
    )
    (says.folder / "notes.txt").write_text("hello")
    first, second = says.new(())
    assert (first.what, first.step, first.by, first.reason, second.what) == (
        "confirm",
        "go",
        "wang-jianhua",
        "fine",
        "commit",
    )
    assert [word.what for word in says.new({first.file})] == ["commit"]
    with pytest.raises(OperatorError, match="destroy"):
        says.put("destroy", "x", stamp="1")


def test_the_kill_switch_is_a_file_that_anybody_can_make(tmp_path: Path) -> None:
    switch = KillSwitch(tmp_path / "desk")
    assert (switch.on(), switch.read(), switch.clear()) == (False, None, False)
    switch.throw("wang-jianhua", "烟雾", 5.0)
    thrown = switch.read()
    assert thrown is not None
    assert (switch.on(), thrown.by, thrown.because) == (True, "wang-jianhua", "烟雾")
    assert switch.clear()
    switch.file.touch()
    assert switch.on()
    switch.file.unlink()
    switch.file.symlink_to(tmp_path / "nowhere")
    assert switch.on()
