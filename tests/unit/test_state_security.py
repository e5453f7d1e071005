"""``ops security``: findings from real servers and from the estate, with their reasons, in both languages."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

import ops
from checks.check import Check
from checks.result import Result, Status
from checks.security_checks import known_ports, level_of, rule_of, security_checks
from checks.ssh_pool import POOL
from inventory.load import load
from state.security import Finding, from_answer, in_order, remote_copies, restore_tests, rules
from state.store import Store
from tests.fakes.sshd import SSHD, sshd
from tests.lab.http_targets import check as web_check
from tests.lab.http_targets import targets, write_estate

DAY = 86400.0
NOW = 1_800_000_000.0
CLAIMS = ("certified", "compliant", "合规", "通过测评", "达标")


def sample() -> Any:
    from checks.expand import expand

    estate = load(ops.SAMPLE)
    return estate, expand(estate)


def test_every_rule_has_words_in_both_languages_for_what_it_can_find() -> None:
    assert set(rules()) == {
        "tls", "baseline", "ports", "failed-logins", "clock", "retention", "restore-test", "remote-copy",
    }  # fmt: skip
    for rule in rules().values():
        assert Status.OK in rule.says and (Status.DOWN in rule.says or Status.DEGRADED in rule.says)
        for status in rule.says:
            finding = Finding(rule.id, "host:a{b}", status, {"sentence": "{c} %s {0}"})
            assert "a{b}" in finding.because("zh") and "a{b}" in finding.because("en")


def test_nothing_claims_to_be_an_assessment() -> None:
    for rule in rules().values():
        told = str(rule.model_dump()).lower()
        assert not [claim for claim in CLAIMS if claim in told]
    assert not rules()["baseline"].verified and not rules()["restore-test"].verified


def test_a_system_without_a_remote_copy_is_red_whatever_its_size() -> None:
    estate, _ = sample()
    marriage = estate.system("marriage")
    near = marriage.replication.model_copy(update={"to": {"bigdata": "sync"}})
    none, metro = (marriage.model_copy(update={"replication": copied}) for copied in (None, near))
    small = none.model_copy(update={"grade": marriage.grade.model_copy(update={"mlps": 1, "critical": False})})
    found = remote_copies([marriage, none, metro, small], estate)
    assert [one.status for one in found] == [Status.OK, Status.DOWN, Status.DOWN, Status.DOWN]
    assert "异地灾备中心" in found[0].because("zh") and "no copy" in found[1].because("en")


def run(days_ago: float, **changes: Any) -> dict[str, Any]:
    made = {"runbook": "restore-test", "outcome": "repaired", "running": False, "check_mode": False}
    return made | {"started": NOW - days_ago * DAY, "inputs": {"system": "marriage"}, "subject": ""} | changes


@pytest.mark.parametrize(
    ("runs", "status"),
    [
        ([], Status.DOWN),
        ([run(10)], Status.OK),
        ([run(200)], Status.DEGRADED),
        ([run(200), run(20)], Status.OK),
        ([run(10, outcome="failed"), run(200)], Status.DEGRADED),
        ([run(10, outcome="unknown")], Status.DOWN),
        ([run(10, check_mode=True)], Status.DOWN),
        ([run(10, running=True)], Status.DOWN),
        ([run(10, runbook="restart-service")], Status.DOWN),
        ([run(10, inputs={"system": "desk"})], Status.DOWN),
        ([run(10, inputs={"host": "cloud-db1"})], Status.OK),
        ([run(10, inputs={"host": "cloud-ops1"})], Status.DOWN),
        ([run(10, inputs=None)], Status.DOWN),
    ],
)
def test_only_a_restore_that_was_seen_to_work_counts(runs: list[dict[str, Any]], status: Status) -> None:
    estate, _ = sample()
    (found,) = restore_tests([estate.system("marriage")], runs, NOW)
    assert found.status is status


def test_what_is_asked_follows_from_the_estate() -> None:
    estate, checks = sample()
    host = estate.host("cloud-db1")
    assert level_of(estate, host) == 3
    assert {22, 9100, 9187} <= known_ports(estate, checks, host)
    assert level_of(estate, estate.host("cloud-ops1")) >= 2
    asked = security_checks(estate, checks, [host], "desk")
    assert [rule_of(check) for check in asked] == ["baseline", "ports", "retention", "failed-logins", "clock"]
    clock = next(check for check in asked if rule_of(check) == "clock")
    assert clock.id == "host/cloud-db1/clock", "the estate's own check goes first"
    entry = security_checks(estate, checks, [estate.host("cloud-entry1")], "desk")
    strict: list[Any] = [check.params for check in entry if check.kind == "tls"]
    assert strict and all(params.strict for params in strict)
    assert len({(params.server_name, params.port) for params in strict}) == len(strict)
    assert {check.vantages for check in entry} == {("desk",)}


def test_what_needs_somebody_stands_last() -> None:
    made = [Finding("ports", "host:a", status) for status in (Status.DOWN, Status.OK, Status.DEGRADED, Status.UNKNOWN)]
    assert [one.status for one in in_order(made)] == [Status.OK, Status.UNKNOWN, Status.DEGRADED, Status.DOWN]


def test_a_status_without_a_word_is_unknown_and_text_from_hosts_is_no_template() -> None:
    estate, checks = sample()
    check: Check = security_checks(estate, checks, [estate.host("cloud-db1")], "desk")[1]
    result = Result(check.id, "desk", Status.DOWN, "{evil} {0.__class__}", 0.0, 0.1)
    finding = from_answer(check, result)
    assert finding.status is Status.UNKNOWN
    assert "{evil} {0.__class__}" in finding.because("en")


@pytest.mark.skipif(SSHD is None, reason="no sshd here")
def test_ops_security_on_a_real_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("checks.security_checks.TIMEOUT", 50.0)
    (tmp_path / "sshd").mkdir()
    with sshd(tmp_path / "sshd") as server, targets("desk") as found:
        ssh = {"user": server.user, "port": server.port, "key": str(server.key), "host_key": server.host_key}
        box = {"center": "main", "address": "127.0.0.1", "services": [], "ssh": ssh}
        estate = write_estate(tmp_path / "estate", {"box": box}, {"desk": [web_check(found["desk"], "1s", "1/1")]})
        given = ["security", "--estate", str(estate), "--store", f"sqlite:///{tmp_path}/s.db"]
        code = ops.main([*given, "--lang", "zh", "--json"])
        told = json.loads(capsys.readouterr().out)
        POOL.close()
        assert code == 1
        assert ops.main([*given, "center=main", "--lang", "en"]) == 1
        table = capsys.readouterr().out
        POOL.close()
    by_rule = {row["rule"]: row for row in told["findings"]}
    assert {"baseline", "ports", "retention", "failed-logins", "clock", "remote-copy", "restore-test"} == set(by_rule)
    assert by_rule["remote-copy"]["status"] == "down" and "没有异地副本" in by_rule["remote-copy"]["because"]
    assert by_rule["restore-test"]["status"] == "down"
    assert by_rule["baseline"]["basis_verified"] is False
    if os.geteuid() == 0:
        assert by_rule["baseline"]["status"] == "degraded" and "ssh-idle" in by_rule["baseline"]["items"]
        assert "失联会话自动断开" in by_rule["baseline"]["because"]
    assert told["assessment"] is False and any("不构成等级测评结论" in note for note in told["notes"])
    assert any("尚未与原文核对" in note for note in told["notes"])
    assert "no copy of its data stands in another city" in " ".join(table.replace("│", " ").split())
    assert "They are no assessment" in table
    assert not [claim for claim in CLAIMS if claim in table.lower()]


def test_records_of_a_real_store_count(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/s.db")
    store.put_record("run", "1", NOW, run(3))
    estate, _ = sample()
    (found,) = restore_tests([estate.system("marriage")], store.records("run"), NOW)
    assert found.status is Status.OK and "3 天前" in found.because("zh")
    store.close()


def test_no_host_is_nothing_known() -> None:
    from rich.console import Console

    from reports.security import page

    console = Console(record=True, width=100, file=io.StringIO())
    console.print(page([], "zh"))
    assert "结论未知" in console.export_text()
