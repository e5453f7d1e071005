"""``ops incident``: what a person sees and does, with exit codes 0 done, 2 mistaken, 4 refused."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

import ops
from checks.result import Status
from runbooks.responder import DECISION, RUN
from runbooks.run_record import Outcome, Run, to_record
from state.store import Store
from state.verdict import Fault, Reason, Verdict

OK, DEGRADED, DOWN, UNKNOWN = Status
URL = "sqlite:///state.sqlite"
HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b2J\u202e[bold]<script>alert(1)</script>{{ 7*7 }}\r\nx"
STEERS = set("\x1b\x07\x9b\u202e\r")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("OPS_ESTATE", "OPS_PERSON"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPS_STORE", URL)


@pytest.fixture
def began() -> float:
    """Forty minutes ago the marriage register went down with its center's host; a runbook was thought of and run."""
    at = time.time() - 2400
    kept = Store.open(URL)
    host = Verdict(
        "host:cloud-app3", DOWN, Fault.HOST, Reason("host.down", {"host": "cloud-app3", "said": HOSTILE}), at, at
    )
    said = Reason("system.journey_fails", {"system_zh": "婚姻登记", "system_en": "marriage", "said": HOSTILE})
    system = Verdict("system:marriage", DOWN, Fault.HOST, said, at, at, cause="host:cloud-app3")
    kept.settle([], [host, system], at + 20)
    because = {"code": "runbook.no_verdict", "facts": {"subject": HOSTILE}}
    decision = {
        "incident": 1,
        "subject": "host:cloud-app3",
        "runbook": "restart-service",
        "inputs": {},
        "allowed": False,
    }
    kept.put_record(DECISION, "d", at + 30, {**decision, "because": because, "at": at + 30})
    run = Run("r1", "free-disk", {}, 1, "host:cloud-app3", at + 60, 5.0, Outcome.NOT_REPAIRED, HOSTILE)
    kept.put_record(RUN, run.id, run.started, to_record(run))
    kept.close()
    return at


def told(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str]:
    code = ops.main(["incident", *argv])
    shown = capsys.readouterr()
    assert not STEERS & set(shown.out + shown.err)
    assert "Traceback" not in shown.err
    return code, shown.out + shown.err


def page(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    return json.loads(told(capsys, *argv, "--json")[1])


def test_nothing_to_see(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "list") == (0, "no incidents\n")
    assert told(capsys, "list", "--lang", "zh") == (0, "没有事件\n")
    assert told(capsys, "show", "7") == (2, "there is no incident 7\n")
    assert told(capsys, "ack", "7", "--by", "li") == (4, "there is no incident 7\n")


def test_an_incident_from_its_beginning_to_its_end(began: float, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = told(capsys, "list", "--lang", "zh")
    assert code == 0 and "cloud-app3" in said and "较大" in said and "处置中" in said
    assert told(capsys, "ack", "1", "--by", "li")[0] == 0
    assert told(capsys, "ack", "1", "--by", "li") == (0, "was done before; nothing is written twice\n")
    code, said = told(capsys, "ack", "1", "--by", "wang")
    assert code == 4 and said.startswith("li acknowledged it at")
    assert told(capsys, "assign", "1", "--to", "zhao", "--by", "li")[0] == 0
    assert told(capsys, "comment", "1", HOSTILE, "--by", "zhao")[0] == 0
    assert told(capsys, "close", "1", "--cause", "power", "--by", "zhao")[0] == 4
    assert told(capsys, "close", "1", "--cause", "power", "--force", "--by", "zhao")[0] == 4
    kept = Store.open(URL)
    kept.settle(
        [], [Verdict("host:cloud-app3", OK, Fault.NONE, Reason("host.ok"), began + 2300, began + 2300)], began + 2310
    )
    kept.close()
    assert told(capsys, "close", "1", "--cause", "power", "--by", "zhao", "--lang", "zh") == (0, "已记录\n")
    assert page(capsys, "list") == []
    (known,) = page(capsys, "list", "--all")
    assert (known["acknowledged_by"], known["assigned_to"], known["cause"]) == ("li", "zhao", "power")


def test_the_page_tells_everything_in_order(began: float, capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, "ack", "1", "--by", "li")
    told(capsys, "comment", "1", HOSTILE, "--by", "li")
    shown = page(capsys, "show", "1", "--lang", "zh")
    assert shown["grade"] == "较大（Ⅲ级，黄色）（系统建议，须人工确认）（依据未经核对）"
    assert shown["colour"] == "yellow" and "重大" in shown["next_grade"]
    kinds = [one["kind"] for one in shown["timeline"]]
    assert kinds == ["change", "change", "decision", "run", "person", "person"]
    assert [one["at"] for one in shown["timeline"]] == sorted(one["at"] for one in shown["timeline"])
    clocks = {clock["id"]: clock["stage"] for clock in shown["clocks"]}
    assert clocks == {
        "critical-first": "running",
        "organ-first": "running",
        "organ-onward": "not_required",
        "summary": "waiting",
    }
    assert not any(clock["verified"] for clock in shown["clocks"])
    assert [plan["id"] for plan in shown["plans"]] == ["system-down"]
    assert shown["plans"][0]["roles"][0]["person"].startswith("王静")
    for lang in ("zh", "en"):
        code, said = told(capsys, "show", "1", "--lang", lang)
        assert code == 0 and "<script>" in said and "{{ 7*7 }}" in said


def test_a_person_sets_the_grade(began: float, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "grade", "1", "major", "--because", "three provinces", "--by", "li")[0] == 0
    shown = page(capsys, "show", "1")
    assert shown["grade"] == "grave (II, orange) (set by a person)"
    assert shown["colour"] == "orange"
    assert told(capsys, "grade", "1", "huge")[0] == 2


def test_the_information_report_is_ready_to_send(began: float, capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, "comment", "1", HOSTILE, "--by", "li")
    code, text = told(capsys, "report", "1")
    assert code == 0
    for said in (
        "首次报告",
        "民政部信息中心",
        "婚姻登记",
        "主管单位：社会事务司",
        "较大",
        "尚未恢复",
        "取自资料文件，尚未与现行文本逐项核对",
    ):
        assert said in text, said
    assert "\n\n\n" not in text
    assert "<script>alert(1)</script>{{ 7*7 }}" in text, "text is text: nothing is run, nothing is escaped twice"
    code, text = told(capsys, "report", "1", "--lang", "en", "--kind", "final")
    assert code == 0 and "Incident: final report" in text and "critical" in text
    assert "set by" not in text


def test_a_report_that_went_out_stops_its_clock(began: float, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "report", "1", "--sent", "critical-first", "--by", "sun")[0] == 0
    assert told(capsys, "report", "1", "--sent", "critical-first", "--by", "wang")[0] == 0
    assert told(capsys, "report", "1", "--sent", "nothing", "--by", "sun")[0] == 4
    clocks = {clock["id"]: clock["stage"] for clock in page(capsys, "show", "1")["clocks"]}
    assert clocks["critical-first"] == "sent" and clocks["organ-first"] == "running"


def test_closing_by_force_needs_its_reason_and_stays(began: float, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ("close", "1", "--cause", "scrapped", "--force", "--because", HOSTILE, "--by", "li")
    assert told(capsys, *argv)[0] == 0
    assert told(capsys, *argv)[1] == "was done before; nothing is written twice\n"
    shown = page(capsys, "show", "1")
    assert shown["state"] == "closed" and shown["timeline"][-1]["text"].startswith("li: closed by force: scrapped — ")


def test_whoever_types_it_is_the_one_who_says_so(
    began: float, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPS_PERSON", "chen")
    assert told(capsys, "ack", "1")[0] == 0
    assert page(capsys, "list")[0]["acknowledged_by"] == "chen"
