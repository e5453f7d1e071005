"""The command line as a person meets it: what is printed, and the exit codes 0, 1, 2, 3."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

import ops
from tests.lab.http_targets import check, targets, write_estate

SAMPLE = ops.SAMPLE


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands write into the current folder: give them one of their own."""
    monkeypatch.chdir(tmp_path)
    for name in ("OPS_ESTATE", "OPS_STORE", "OPS_LAB"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_the_sample_estate_has_nothing_to_mend(capsys: pytest.CaptureFixture[str]) -> None:
    assert ops.main(["validate"]) == 0
    assert "12 systems" in capsys.readouterr().out


def test_every_mistake_is_named_with_its_line_and_exit_code_2(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    estate = elsewhere / "estate"
    shutil.copytree(SAMPLE, estate)
    text = (estate / "estate.yml").read_text()
    (estate / "estate.yml").write_text(
        text.replace("role: metro", "role: meter").replace("Asia/Shanghai", "Asia/Nowhere")
    )
    assert ops.main(["validate", "--estate", str(estate)]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) >= 2
    assert all(line.startswith(f"{estate}/estate.yml:") for line in told)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["inventory", "hosts", "center=nowhere"], "nowhere"),
        (["validate", "--estate", "missing"], "estate.yml"),
        (["prometheus", "render", "--center", "x", "--out", "o"], "`x` is not a center"),
        (["status", "--store", "nonsense"], "nonsense"),
        (["runbook", "run", "nonsense", "host=a"], "there is no runbook `nonsense`"),
        (["runbook", "run", "restart-service", "host"], "`host` is not an input"),
        (["report", "weekly", "--start", "yesterday"], "`yesterday` is not a time"),
        (["report", "weekly", "--lang", "fr"], "fr"),
        (["lab", "fault", "stop-service", "a", "b", "--dir", "nowhere"], "no lab stands"),
        (["lab", "status", "--dir", "nowhere"], "no lab stands"),
        (["bogus"], "bogus"),
    ],
)
def test_a_mistake_is_told_in_words_with_exit_code_2(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ops.main(argv) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told


def test_the_inventory_in_other_tools_forms(capsys: pytest.CaptureFixture[str], elsewhere: Path) -> None:
    assert ops.main(["inventory", "ansible"]) == 0
    assert "center_cloud" in json.loads(capsys.readouterr().out)["all"]["children"]
    assert ops.main(["inventory", "hosts", "center=dr,role=db"]) == 0
    assert "dr" in capsys.readouterr().out
    assert ops.main(["prometheus", "render", "--center", "dr", "--out", str(elsewhere / "dr")]) == 0
    configuration = yaml.safe_load((elsewhere / "dr" / "prometheus.yml").read_text())
    assert configuration["global"]["external_labels"]["center"] == "dr"


def test_a_store_that_nobody_wrote_is_unknown_and_not_fine(capsys: pytest.CaptureFixture[str]) -> None:
    assert ops.main(["status", "--json"]) == 3
    page = json.loads(capsys.readouterr().out)
    assert page["estate"]["status"] == "unknown"
    assert ops.main(["status", "--lang", "zh"]) == 3
    assert "婚姻登记" in capsys.readouterr().out


def test_a_report_is_written_even_when_nothing_is_known(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ops.main(["report", "weekly", "--lang", "zh"]) == 0
    file = Path(capsys.readouterr().out.strip())
    assert file.is_relative_to("var/reports")
    assert file.read_text().startswith("<!DOCTYPE html>")


def test_check_asks_once_and_its_exit_code_is_the_worst_answer(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box = {"center": "main", "address": "127.0.0.1"}
    with targets("web") as served:
        estate = write_estate(elsewhere / "estate", {"box": box}, {"web": [check(served["web"], "2s", "1/1")]})
        assert ops.main(["check", "--estate", str(estate)]) == 0, capsys.readouterr()
        assert "1 ok" in capsys.readouterr().out
        served["web"].up = False
        assert ops.main(["check", "--estate", str(estate)]) == 1
    assert "1 down" in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv",
    [
        ["validate", "--estate", "HOSTILE"],
        ["inventory", "hosts", "host=HOSTILE"],
        ["runbook", "run", "HOSTILE", "host=a"],
        ["runbook", "run", "restart-service", "host=HOSTILE", "service=HOSTILE", "HOSTILE=1"],
        ["report", "weekly", "--start", "HOSTILE"],
        ["status", "--store", "HOSTILE"],
        ["lab", "status", "--dir", "HOSTILE"],
    ],
    ids=" ".join,
)
def test_a_mistake_is_quoted_without_what_would_steer_the_terminal(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J\x9b2J\u202e[bold]bad"
    assert ops.main([word.replace("HOSTILE", hostile) for word in argv]) == 2
    told = capsys.readouterr()
    assert "[bold]bad" in told.err
    assert not set("\x1b\x07\x9b\u202e") & set(told.out + told.err)
