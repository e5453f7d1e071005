"""What Patroni says is judged, whatever it says; and the plans that use it fit together."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from failover.lint import ours, sound
from failover.plan import Kind, Mode
from failover.plan_load import OWN, plan_files
from tests.fakes import http_server
from tests.fakes.patroni_rest import rest, told

PLANS = sound(plan_files(OWN / "patroni"))
SELF = {"role": "primary", "patroni": {"name": "cloud-db", "version": "4.1.5"}}
LEADER = {"name": "cloud-db", "role": "leader", "state": "running"}
COPY = {"name": "bigdata-db", "role": "sync_standby", "state": "streaming"}


def good(**more: Any) -> dict[str, Any]:
    """A healthy cluster's answers; ``more`` are other answers of ``/patroni``."""
    return {
        "/patroni": {**SELF, **more},
        "/cluster": {"members": [LEADER, COPY]},
        "/config": {"synchronous_mode": True},
    }


WANTED = {"leader": "cloud-db", "candidate": "bigdata-db"}
NESTED = b"[" * 100_000


@pytest.mark.parametrize(
    ("answers", "outcome", "says"),
    [
        (good(), "done", "cloud-db leads"),
        (good() | {"/cluster": {"members": [LEADER, COPY], "pause": True}}, "done", "paused"),
        (good() | {"/config": {}, "/cluster": {"members": [LEADER, COPY | {"role": "replica"}]}}, "done", "leads"),
        (good() | {"/cluster": {"members": [LEADER, COPY | {"role": "replica"}]}}, "failed", "only a synchronous"),
        (good() | {"/cluster": {"members": [LEADER, COPY | {"state": "stopped"}]}}, "failed", "is stopped"),
        (good() | {"/cluster": {"members": [LEADER]}}, "failed", "no member bigdata-db"),
        (good() | {"/cluster": {"members": [COPY]}}, "failed", "leader is nobody"),
        (good() | {"/cluster": {"members": [LEADER, COPY | {"role": "leader"}]}}, "failed", "leader is nobody"),
        (good() | {"/cluster": {"members": {"a": 1}}}, "failed", "leader is nobody"),
        (good() | {"/cluster": {"members": [1, None, {}]}}, "failed", "leader is nobody"),
        (good(role="replica"), "unknown", "do not agree"),
        (good(patroni={"name": "cloud-db", "version": "3.0.2"}), "refused", "older than 4"),
        (good(patroni={"name": "cloud-db", "version": None}), "refused", "older than 4"),
        (good(patroni={"name": "dr-db", "version": "4.1.5"}), "refused", "not cloud-db"),
        (good(patroni=[]), "refused", "not cloud-db"),
        (good(dcs_last_seen=1), "unknown", "has not heard"),
        (good(dcs_last_seen=float("nan")), "unknown", "has not heard"),
        (good(dcs_last_seen="now"), "unknown", "has not heard"),
        (good() | {"/cluster": NESTED}, "unknown", "makes no sense"),
        (good() | {"/config": b"[]"}, "unknown", "makes no sense"),
        (good() | {"/patroni": b"x" * 300_000}, "unknown", "makes no sense"),
        (good() | {"/patroni": http_server.silent}, "unknown", "in time"),
        (good() | {"/patroni": http_server.says(b"")}, "unknown", "broke off"),
        (good() | {"/patroni": http_server.says(b"SSH-2.0-x\r\n")}, "unknown", "broke off"),
        (good() | {"/patroni": http_server.endless(b"HTTP/1.1 200 OK\r\n\r\n")}, "unknown", "makes no sense"),
    ],
)
def test_what_patroni_says_of_the_cluster(answers: dict[str, Any], outcome: str, says: str) -> None:
    if isinstance(answers["/patroni"], dict):
        answers = {**answers, "/patroni": {"dcs_last_seen": time.time(), **answers["/patroni"]}}
    answer = told(rest(answers), "patroni-state", give=WANTED)
    assert (answer["outcome"], says in answer["says"]) == (outcome, True), answer


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "nonsense", "http://127.0.0.1:99999", "https://127.0.0.1:1"])
def test_an_interface_that_cannot_be_reached(url: str) -> None:
    assert told(rest({}), "patroni-state", labels={"patroni-api": url})["outcome"] == "refused"


def test_an_authority_that_is_not_there_is_named(tmp_path: Path) -> None:
    labels = {"patroni-api": "https://127.0.0.1:1", "patroni-ca": str(tmp_path / "none")}
    answer = told(rest(good()), "patroni-state", labels=labels)
    assert (answer["outcome"], "No such file" in answer["says"]) == ("refused", True)


# --- the plans -------------------------------------------------------------------------------------------------------


def test_the_plans_lead_there_and_back_and_are_offered_to_no_other_estate() -> None:
    there, back = PLANS["patroni-switchover-metro"].plan, PLANS["patroni-failback-metro"].plan
    assert there.returns_by == back.plan
    assert (there.source, there.target) == (back.target, back.source)
    assert not set(PLANS) & set(ours())


@pytest.mark.parametrize("name", PLANS)
def test_nothing_is_done_to_a_server_behind_patroni(name: str) -> None:
    """What changes a database goes through Patroni; PostgreSQL itself is only asked."""
    acts = [act for step in PLANS[name].plan.steps for act in step.do]
    assert {act.action for act in acts if act.action.startswith("pg-")} == {"pg-replicates"}
    switch = PLANS[name].plan.step("switch")
    assert (switch.kind, switch.identity, switch.urgent) == (Kind.FENCE, True, True)
    assert [act.action for act in switch.verify] == ["pg-refused-write", "pg-state"]
    assert Mode.GRACEFUL in switch.modes
