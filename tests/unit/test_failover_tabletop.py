"""Table-tops: the same plan as cards, decisions on record, a bundle that verifies; and runs read back from it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import ops
from failover.evidence import bundle
from failover.lint import ours
from failover.plan_load import PlanFile
from failover.records import Kind, State
from failover.reread import past, reread, unpacked
from failover.run_folder import RunFolder
from failover.tabletop import Card, Decision, cards, prepared, shown, walk
from failover.verify_bundle import verify
from inventory.errors import OperatorError
from tests.fakes.lab_estate import lab_estate
from tests.golden.drills.journal import small, written

Entry = tuple[str, Mapping[str, Any], str]


class Book:
    """A journal that only remembers."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def append(self, kind: Kind, payload: Mapping[str, Any], actor: str = "engine") -> None:
        self.entries.append((str(kind), payload, actor))


@pytest.fixture(scope="module")
def file() -> PlanFile:
    return ours()["switchover-metro"]


def test_the_cards_are_the_plans_steps_in_order_with_times_people_and_injects(file: PlanFile) -> None:
    laid = cards(file.plan)
    assert [card.number for card in laid] == list(range(1, len(laid) + 1))
    begins = {card.step: card.begins for card in laid}
    for step in file.plan.steps:
        assert all(begins[need] + file.plan.step(need).estimate <= begins[step.id] + 1e-9 for need in step.needs)
    go = next(card for card in laid if card.step == "go")
    assert go.people == ("wang-jianhua", "liu-min")
    assert {inject.at for inject in file.plan.injects} == {card.step for card in laid if card.injects}


def test_every_card_and_every_answer_is_on_record_before_the_next(file: PlanFile) -> None:
    book = Book()
    seen: list[int] = []

    def table(card: Card) -> Decision:
        assert book.entries[-1][0] == "asked" and book.entries[-1][1]["step"] == card.step
        seen.append(card.number)
        return Decision("deny" if card.step == "fence" else "confirm", "li-na", "原因")

    state = walk(file, lab_estate(), book, table, starter="sun-guoqing", versions={})
    assert state is State.COMPLETED_WITH_EXCEPTIONS
    kinds = [kind for kind, _, _ in book.entries]
    assert kinds == ["opened", "state", *["asked", "said", "result"] * len(seen), "closed"]
    assert book.entries[0][1]["drill"] == "tabletop"
    assert [
        payload["step"] for kind, payload, _ in book.entries if kind == "result" and payload["outcome"] == "failed"
    ] == ["fence"]


def test_the_table_can_stop(file: PlanFile) -> None:
    book = Book()
    state = walk(file, lab_estate(), book, lambda card: Decision("stop", "li-na"), starter="x", versions={})
    assert state is State.ABORTED
    assert [kind for kind, _, _ in book.entries] == ["opened", "state", "asked", "said", "closed"]


def test_answers_from_outside_are_bounded_and_plain(file: PlanFile) -> None:
    book = Book()
    evil = Decision("confirm", "\x1b[31m" + "w" * 1000, "\u202e" + "x" * 100_000)
    walk(file, lab_estate(), book, lambda card: evil, starter="x", versions={})
    said = next(payload for kind, payload, _ in book.entries if kind == "said")
    assert len(said["by"]) == 80 and len(said["reason"]) == 500
    assert "\x1b" not in json.dumps(said, ensure_ascii=False) and "\u202e" not in said["reason"]


def test_prepared_answers_are_read_strictly_and_what_nobody_answered_is_denied() -> None:
    table = prepared(["# who said what", "", "fence: confirm, li-na, 由同城试写, 两次", "go: stop, wang-wei"])
    card = cards(ours()["switchover-metro"].plan)[0]
    assert table(card).answer == "deny"
    by_step = {one.step: table(one) for one in cards(ours()["switchover-metro"].plan)}
    assert by_step["fence"] == Decision("confirm", "li-na", "由同城试写, 两次")
    assert by_step["go"].answer == "stop"


def test_every_mistake_in_prepared_answers_is_named_at_once() -> None:
    with pytest.raises(OperatorError) as error:
        prepared(["fence confirm", "go: maybe, li-na", "point: confirm"])
    assert [line.split(":")[0] for line in str(error.value).splitlines()] == ["line 1", "line 2", "line 3"]


def test_a_card_is_shown_in_both_languages(file: PlanFile) -> None:
    card = next(card for card in cards(file.plan) if card.step == "go")
    for lang in ("zh", "en"):
        lines = list(shown(card, lang))
        assert card.name.said(lang) in lines[0] and "wang-jianhua" in lines[1]
        assert card.ask.said(lang) in lines[-1]


# The whole command, and what it leaves behind.


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table-top by command, from prepared answers."""
    folder = tmp_path_factory.mktemp("desk")
    answers = "".join(f"{card.step}: confirm, li-na, 按手册执行\n" for card in cards(ours()["switchover-metro"].plan))
    (folder / "answers.txt").write_text(answers, encoding="utf-8")
    where = ["--runs", str(folder / "drills"), "--out", str(folder / "evidence")]
    assert ops.main(["drill", "tabletop", "switchover-metro", "--answers", str(folder / "answers.txt"), *where]) == 0
    return folder


def one(folder: Path, ending: str) -> Path:
    (found,) = folder.glob(f"*{ending}")
    return found


def test_it_leaves_a_bundle_that_verifies_and_a_report_marked_as_a_table_top(
    left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, head = one(left / "evidence", ".tar.gz"), one(left / "evidence", ".head.json")
    assert ops.main(["drill", "verify", str(archive), "--head-file", str(head)]) == 0
    assert "INTACT" in capsys.readouterr().out
    assert "未触动任何系统，也未测量任何指标" in one(left / "evidence", "-zh.html").read_text(encoding="utf-8")


def test_verify_tells_altered_from_no_bundle_by_its_exit_code(left: Path, tmp_path: Path) -> None:
    archive = one(left / "evidence", ".tar.gz")
    assert ops.main(["drill", "verify", str(archive), "--head", "0" * 64]) == 1
    (tmp_path / "x.tar.gz").write_bytes(b"something else")
    assert ops.main(["drill", "verify", str(tmp_path / "x.tar.gz")]) == 2
    assert ops.main(["drill", "verify", str(tmp_path / "nothing")]) == 2


def test_a_report_can_be_made_from_the_bundle_alone_and_is_the_same(left: Path, tmp_path: Path) -> None:
    archive, run = one(left / "evidence", ".tar.gz"), one(left / "drills", "")
    for name, given in (("a", run.name), ("b", str(archive))):
        argv = ["drill", "report", given, "--runs", str(left / "drills"), "--out", str(tmp_path / name)]
        assert ops.main(argv) == 0
    assert one(tmp_path / "a", ".html").read_bytes() == one(tmp_path / "b", ".html").read_bytes()


def test_history_and_findings_speak_of_it(left: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ops.main(["drill", "history", "--lang", "en", "--runs", str(left / "drills")]) == 0
    assert "Table-tops measure nothing" in capsys.readouterr().out
    assert ops.main(["drill", "findings", "--lang", "en", "--runs", str(left / "drills")]) == 0
    assert "No finding is open" in capsys.readouterr().out


def test_readiness_without_a_store_knows_nothing_and_says_so(
    left: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--store", f"sqlite:///{tmp_path}/none.sqlite", "--runs", str(left / "drills"), "--lang", "en"]
    assert ops.main(["readiness", "--center", "cloud", *where]) == 1
    out = capsys.readouterr().out
    assert "NEVER VERIFIED" in out and "it was never run in full" in out
    assert ops.main(["readiness", "--json", *where]) == 1
    told = json.loads(capsys.readouterr().out)
    assert {each["standing"] for each in told} == {"never-verified"}
    assert not list(tmp_path.iterdir())
    assert ops.main(["readiness", "--center", "moon", *where]) == 2


def test_an_unknown_run_is_refused_by_name(left: Path) -> None:
    assert ops.main(["drill", "report", "20200101T000000Z-none-0000", "--runs", str(left / "drills")]) == 2


# Reading runs back.


def test_a_journal_that_was_altered_is_refused_and_costs_no_other_run(left: Path, tmp_path: Path) -> None:
    run = reread(RunFolder(one(left / "drills", "")))
    assert run.record.tabletop and run.plan and run.estate
    assert run.record.steps[0].outcome == "done"
    assert run.record.answers[0].reason.zh == "按手册执行"
    bad = written(tmp_path, small())
    bad.journal.write_bytes(bad.journal.read_bytes().replace(b"switchover", b"switchback", 1))
    with pytest.raises(OperatorError, match="record 0"):
        reread(bad)
    good = small()
    good.run = "20260913T010000Z-metro-switchover-a1b2"
    (told,) = past(tmp_path)
    assert isinstance(told, str) and "record 0" in told
    assert list(past(tmp_path / "nowhere")) == []


def test_an_altered_bundle_is_not_unpacked(tmp_path: Path) -> None:
    run = written(tmp_path / "drills", small(), [("plan.yml", b"plan: x\n")])
    archive, _, _ = bundle(run, tmp_path / "out")
    again = unpacked(archive, tmp_path / "scratch")
    assert verify(again.folder)[1] == []
    assert reread(again).record.run == run.run
    (run.folder / "plan.yml").write_bytes(b"plan: y\n")
    with pytest.raises(OperatorError, match=r"plan\.yml: was altered"):
        unpacked(run.folder, tmp_path / "scratch2")
    assert not (tmp_path / "scratch2").exists()


def test_a_run_without_its_plan_is_still_told(tmp_path: Path) -> None:
    began = time.time()
    run = reread(written(tmp_path, small()))
    assert run.plan is None and run.estate is None and run.tracks == ()
    assert run.record.measured is None
    assert run.record.began_wall < began
