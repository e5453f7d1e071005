"""``ops drill plans``, ``lint`` and ``plan``: what is shown, and what the shell is told."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

import ops
from failover.concrete import Call, ConcretePlan, Found, Value
from failover.lint import ours
from failover.seen import Seen
from failover.today import Today, today, told
from inventory.model import Estate
from lab import estate_copy, keys
from lab.layout import Layout
from lab.topology import topology
from reports import drill_cli
from reports.plan_table import plan_today, plans
from tests.fakes.lab_estate import lab_estate
from tests.unit.test_failover_plan_broken import BASE

OURS = ours()


def printed(page: RenderableType) -> str:
    text = io.StringIO()
    Console(width=220, file=text).print(page)
    return text.getvalue()


def row(view: Today, step: str) -> dict[str, object]:
    return next(one for one in view.to_json("en")["steps"] if one["id"] == step)


def test_the_times_of_clients_add_up() -> None:
    view = today(OURS["switchover-metro"], lab_estate())
    waited = {line.step.id: line.waited for line in view.lines}
    assert [waited[step] for step in ("checkpoint", "fence", "catch-up", "promote", "point", "release")] == [
        None,
        pytest.approx(0.8),
        pytest.approx(1.1),
        pytest.approx(1.5),
        pytest.approx(1.7),
        None,
    ]
    assert view.waits == pytest.approx(1.7)
    assert view.takes == pytest.approx(1 + 5 + 60 + 1.7 + 5 + 2 + 1 + 2)  # rejoining is longer than following


def test_a_row_says_who_what_and_how_it_is_undone() -> None:
    view = today(OURS["switchover-metro"], lab_estate())
    fence = row(view, "fence")
    assert fence["who"] == ["cloud-db"]
    assert fence["do"] == ["pg-fence @cloud-db"]
    assert fence["verify"] == ["pg-refused-write target=cloud-db @bigdata-db"]
    assert fence["undo"] == "pg-unfence @cloud-db"
    assert row(view, "catch-up")["do"] == ["pg-catch-up lsn=$fence.lsn @bigdata-db"]
    assert row(view, "go")["who"] == "Commander"
    assert str(row(view, "rejoin-old")["undo"]).startswith("A copy of the new writer")
    assert row(view, "promote")["no_return"] is True


def test_calls_that_differ_by_host_stand_in_one_line() -> None:
    calls = [Call("pg-checkpoint", "a"), Call("pg-checkpoint", "b"), Call("pg-set-sync", "a", {"standbys": ()})]
    assert told(calls) == ["pg-checkpoint @a,b", "pg-set-sync standbys=[] @a"]
    assert told(calls[:2], ("a", "b")) == ["pg-checkpoint"]
    values: dict[str, Value | Found] = {"flag": True, "hosts": ("x", "y"), "lsn": Found("fence", "lsn")}
    assert told([Call("act", "a", values)]) == ["act flag=true hosts=[x,y] lsn=$fence.lsn @a"]


def test_shut_gates_refuse_with_all_reasons() -> None:
    view = today(OURS["switchover-metro"], lab_estate(), Seen())
    assert view.refused
    codes = [reason.code for reason in view.reasons]
    assert codes == [
        "gate.hosts_unasked",
        "gate.runs_untold",
        "gate.silent_databases",
        "gate.writer_silent",
        "gate.silent_databases",
        "gate.entries_silent",
        "gate.capacity_untold",
        "gate.vantages_untold",
    ]
    page = printed(plan_today(view, "zh"))
    assert "拒绝：今日不能执行" in page
    assert page.count("阻止执行") == len(codes)


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_plan_can_be_printed(name: str, lang: str) -> None:
    page = printed(plan_today(today(OURS[name], lab_estate()), lang))
    for step in OURS[name].plan.steps:
        assert step.id in page
    assert name in printed(plans([OURS[name].plan], lang))


def test_looking_is_an_argument() -> None:
    looked: list[str] = []

    def look(plan: ConcretePlan, estate: Estate) -> Seen:
        looked.append(f"{plan.plan.plan} in {estate.id}")
        return Seen()

    assert drill_cli.shown(OURS["dr-lost"], lab_estate(), look).gates is not None
    assert drill_cli.shown(OURS["dr-lost"], lab_estate()).gates is None
    assert looked == ["dr-lost in lab"]


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> str:
    layout = Layout(tmp_path_factory.mktemp("lab") / "lab")
    layout.folder.mkdir()
    keys.make(layout.keys, tuple(host.id for host in topology().hosts))
    estate_copy.write(layout, "loopback", "127.77")
    return str(layout.estate)


def test_plans_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert ops.main(["drill", "plans", "--lang", "zh"]) == 0
    assert "生产中心至同城中心计划切换" in capsys.readouterr().out


def test_ours_have_nothing_to_mend(capsys: pytest.CaptureFixture[str]) -> None:
    assert ops.main(["drill", "lint"]) == 0
    assert capsys.readouterr().out.startswith(f"{len(OURS)} plans, nothing to mend: ")


def test_mistakes_end_with_two_and_name_file_and_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "back.yml"
    text = (BASE / "back.yml").read_text()
    file.write_text(text.replace("remote.database", "desk").replace("rto: 60s", "rto: 0s"))
    assert ops.main(["drill", "lint", str(file)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(" — ")[0] for line in said] == [
        f"{file}:14: `0s` cannot be kept",
        f"{file}:26: `desk` carries out no action",
    ]


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ops.main(["drill", "lint", str(tmp_path / "none.yml")]) == 2
    assert "none.yml:1:" in capsys.readouterr().err


def test_a_plan_is_shown(estate: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ops.main(["drill", "plan", "switchover-metro", "--estate", estate, "--json", "--lang", "zh"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["name"] == "生产中心至同城中心计划切换"
    assert (shown["old_writer"], shown["new_writer"], shown["refused"]) == ("cloud-db", "bigdata-db", [])


def test_a_refused_plan_ends_with_four(capsys: pytest.CaptureFixture[str]) -> None:
    assert ops.main(["drill", "plan", "switchover-metro"]) == 4
    assert capsys.readouterr().out.count("has no host key on record") == 8


def test_a_plan_from_a_file(estate: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ops.main(["drill", "plan", str(BASE / "back.yml"), "--estate", estate]) == 0
    assert "back v1" in capsys.readouterr().out


def test_a_misspelt_plan(capsys: pytest.CaptureFixture[str]) -> None:
    assert ops.main(["drill", "plan", "switchover-metra"]) == 2
    assert "there is no plan `switchover-metra` — did you mean `switchover-metro`?" in capsys.readouterr().err
