"""The gates before a run: pass, fail or unknown, each with a reason that can be said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failover.bind import bind
from failover.concrete import ConcretePlan
from failover.gate_run import fine_enough
from failover.gates import GATES, judge, judge_all
from failover.lint import ours
from failover.plan import Gate
from failover.ports import Outcome, Reply
from failover.reasons import TEXTS, say
from failover.seen import ClockOff, Heard, Passed, Seen, Vantage
from inventory.base import Name
from state.verdict import Reason
from tests.fakes.lab_estate import lab_estate

GIB = 1024**3
NATIONAL_DAY, QIXI = Name(zh="国庆", en="National Day"), Name(zh="七夕", en="Qixi")


OURS = ours()


def concrete(name: str) -> ConcretePlan:
    found = bind(OURS[name], lab_estate())
    assert isinstance(found, ConcretePlan)
    return found


PLANNED, METRO, REMOTE = concrete("switchover-metro"), concrete("lost-production-metro"), concrete("lost-city-dr")
STAYS, FAR = concrete("dr-lost"), concrete("switchover-dr")


def done(**facts: Any) -> Reply:
    return Reply(Outcome.DONE, facts=facts)


def peer(name: str, sync: object = False, lag: object = 0.0, state: str = "streaming") -> dict[str, object]:
    return {"name": name, "state": state, "sync": sync, "lag_bytes": 0, "lag_seconds": lag}


def primary(*peers: Mapping[str, object], lsn: int = 1000) -> Reply:
    return done(role="primary", lsn=lsn, peers=list(peers))


def standby(received: int = 1000, age: object = 0.5) -> Reply:
    return done(role="standby", received=received, receive_age=age)


SILENT = Reply(Outcome.UNKNOWN, "no answer in time")
PEERS = (peer("bigdata-db", sync=True), peer("dr-db"))
DATABASES = {"cloud-db": primary(*PEERS), "bigdata-db": standby(), "dr-db": standby()}
ENTRIES = {host: done(active=["cloud-db"]) for host in ("cloud-entry", "bigdata-entry", "dr-entry")}
ROOM = {host: done(cpus=4, memory=8 * GIB, load=0.5, disk_free=20 * GIB) for host in DATABASES}
FINE = Vantage("", 0.1, 0.5)
WELL = Seen(
    alive={host: done() for host in PLANNED.hosts},
    databases=DATABASES,
    entries=ENTRIES,
    capacity=ROOM,
    clocks={host: ClockOff(0.002, 0.001) for host in PLANNED.hosts},
    other_runs=(),
    vantages={"cloud": FINE, "bigdata": FINE, "dr": FINE},
)


def gate(plan: ConcretePlan, name: str) -> Gate:
    given = {"limit": "5s"} if name == "lag-within-rpo" else {}
    return next((one for one in plan.plan.gates if one.gate == name), Gate(gate=name, give=given))


def databases(**replies: Reply) -> Seen:
    return replace(WELL, databases={**DATABASES, **{name.replace("_", "-"): reply for name, reply in replies.items()}})


def capacity(host: str, **facts: Any) -> Seen:
    return replace(WELL, capacity={**ROOM, host: done(**{**ROOM[host].facts, **facts})})


def clock(offset: float, error: float = 0.0) -> Seen:
    return replace(WELL, clocks={**WELL.clocks, "dr-db": ClockOff(offset, error)})


def vantages(**more: Vantage) -> Seen:
    return replace(WELL, vantages={"cloud": FINE, "bigdata": FINE, "dr": FINE, **more})


NONE = Seen()
#: (gate, plan, seen, result, code of the reason)
CASES: list[tuple[str, ConcretePlan, Seen, str, str]] = [
    ("hosts-answer", PLANNED, WELL, "pass", "gate.hosts_answer"),
    ("hosts-answer", PLANNED, NONE, "unknown", "gate.hosts_unasked"),
    ("hosts-answer", PLANNED, replace(WELL, alive={**WELL.alive, "dr-db": SILENT}), "fail", "gate.hosts_silent"),
    ("hosts-answer", replace(PLANNED, hosts=()), WELL, "unknown", "gate.hosts_unasked"),
    ("one-writer", PLANNED, WELL, "pass", "gate.one_writer"),
    ("one-writer", PLANNED, databases(dr_db=SILENT), "unknown", "gate.silent_databases"),
    ("one-writer", PLANNED, databases(dr_db=primary()), "fail", "gate.two_writers"),
    ("one-writer", PLANNED, databases(dr_db=primary(), cloud_db=standby()), "fail", "gate.other_writer"),
    ("one-writer", PLANNED, databases(dr_db=primary(), cloud_db=SILENT), "fail", "gate.other_writer"),
    ("one-writer", PLANNED, databases(cloud_db=standby()), "fail", "gate.none_writes"),
    ("one-writer", replace(PLANNED, writers=()), WELL, "unknown", "gate.silent_databases"),
    ("one-writer", METRO, WELL, "pass", "gate.no_writer"),
    ("one-writer", METRO, databases(bigdata_db=primary()), "fail", "gate.other_writer"),
    ("replication-sync", PLANNED, WELL, "pass", "gate.sync"),
    ("replication-sync", PLANNED, databases(cloud_db=primary(peer("bigdata-db", "quorum"))), "pass", "gate.sync"),
    ("replication-sync", PLANNED, databases(cloud_db=primary(peer("bigdata-db", "async"))), "fail", "gate.not_sync"),
    (
        "replication-sync",
        PLANNED,
        databases(cloud_db=primary(peer("bigdata-db", True, state="catchup"))),
        "fail",
        "gate.not_sync",
    ),
    ("replication-sync", PLANNED, databases(cloud_db=primary()), "fail", "gate.not_receiving"),
    ("replication-sync", PLANNED, databases(cloud_db=done(peers="all")), "fail", "gate.not_receiving"),
    ("replication-sync", PLANNED, databases(cloud_db=SILENT), "unknown", "gate.writer_silent"),
    ("replication-sync", METRO, databases(cloud_db=SILENT), "unknown", "gate.writer_silent"),
    (
        "replication-sync",
        METRO,
        replace(databases(cloud_db=SILENT), heard=Heard(frozenset({"bigdata-db"}), 9.0)),
        "pass",
        "gate.was_sync",
    ),
    (
        "replication-sync",
        METRO,
        replace(databases(cloud_db=SILENT), heard=Heard(frozenset(), 9.0)),
        "fail",
        "gate.was_not_sync",
    ),
    ("replication-sync", STAYS, WELL, "pass", "gate.sync"),
    ("replication-sync", STAYS, databases(cloud_db=primary(peer("dr-db"))), "fail", "gate.no_sync_copy"),
    ("replication-sync", STAYS, databases(cloud_db=SILENT), "unknown", "gate.writer_silent"),
    # the writer answers: it knows what the copy lacks
    ("lag-within-rpo", FAR, WELL, "pass", "gate.lag"),
    ("lag-within-rpo", FAR, databases(dr_db=standby(received=1000, age=900.0)), "pass", "gate.lag"),
    ("lag-within-rpo", FAR, databases(dr_db=standby(received=900)), "pass", "gate.lag"),
    (
        "lag-within-rpo",
        FAR,
        databases(cloud_db=primary(peer("dr-db", lag=7.5)), dr_db=standby(received=900)),
        "fail",
        "gate.lags",
    ),
    (
        "lag-within-rpo",
        FAR,
        databases(cloud_db=primary(peer("dr-db", lag=None)), dr_db=standby(received=900)),
        "unknown",
        "gate.lag_untold",
    ),
    (
        "lag-within-rpo",
        FAR,
        databases(cloud_db=primary(peer("dr-db", lag=float("nan"))), dr_db=standby(received=900)),
        "unknown",
        "gate.lag_untold",
    ),
    ("lag-within-rpo", FAR, databases(cloud_db=primary()), "fail", "gate.not_receiving"),
    ("lag-within-rpo", FAR, databases(dr_db=SILENT), "unknown", "gate.silent_databases"),
    # the writer is silent: what it wrote after it last spoke to the copy is missing, not the time since
    ("lag-within-rpo", REMOTE, databases(cloud_db=SILENT, dr_db=standby(age=200.0)), "pass", "gate.lag"),
    ("lag-within-rpo", REMOTE, databases(cloud_db=SILENT, dr_db=standby(age=400.0)), "unknown", "gate.lag_at_most"),
    (
        "lag-within-rpo",
        REMOTE,
        replace(databases(cloud_db=SILENT, dr_db=standby(age=3600.0)), heard=Heard(silent_for=3598.0)),
        "pass",
        "gate.lag",
    ),
    (
        "lag-within-rpo",
        REMOTE,
        replace(databases(cloud_db=SILENT, dr_db=standby(age=3600.0)), heard=Heard(silent_for=60.0)),
        "fail",
        "gate.lags",
    ),
    ("lag-within-rpo", REMOTE, databases(cloud_db=SILENT, dr_db=standby(age=None)), "unknown", "gate.lag_untold"),
    (
        "lag-within-rpo",
        METRO,
        replace(databases(cloud_db=SILENT, bigdata_db=standby(age=None)), heard=Heard(frozenset({"bigdata-db"}), 9.0)),
        "pass",
        "gate.was_sync",
    ),
    ("lag-within-rpo", STAYS, WELL, "pass", "gate.writer_stays"),
    ("entries-serve", PLANNED, WELL, "pass", "gate.entries_serve"),
    ("entries-serve", PLANNED, NONE, "unknown", "gate.entries_silent"),
    ("entries-serve", replace(PLANNED, entries=()), WELL, "unknown", "gate.entries_silent"),
    (
        "entries-serve",
        PLANNED,
        replace(WELL, entries={**ENTRIES, "dr-entry": done(active=[])}),
        "fail",
        "gate.entries_elsewhere",
    ),
    (
        "entries-serve",
        PLANNED,
        replace(WELL, entries={**ENTRIES, "dr-entry": done(active=["cloud-db", "dr-db"])}),
        "fail",
        "gate.entries_elsewhere",
    ),
    (
        "entries-serve",
        PLANNED,
        replace(WELL, entries={**ENTRIES, "dr-entry": SILENT}),
        "unknown",
        "gate.entries_silent",
    ),
    ("entries-serve", METRO, replace(WELL, entries={**ENTRIES, "dr-entry": done()}), "pass", "gate.entries_answer"),
    ("survivor-capacity", PLANNED, WELL, "pass", "gate.survivor_capacity"),
    ("survivor-capacity", PLANNED, NONE, "unknown", "gate.capacity_untold"),
    ("survivor-capacity", PLANNED, capacity("bigdata-db", cpus=1), "fail", "gate.survivor_small"),
    ("survivor-capacity", PLANNED, capacity("bigdata-db", memory=GIB), "fail", "gate.survivor_small"),
    ("survivor-capacity", PLANNED, capacity("bigdata-db", load=4.5), "fail", "gate.survivor_busy"),
    ("survivor-capacity", PLANNED, capacity("bigdata-db", cpus="many"), "unknown", "gate.capacity_untold"),
    (
        "survivor-capacity",
        METRO,
        replace(WELL, capacity={"bigdata-db": ROOM["bigdata-db"]}),
        "unknown",
        "gate.capacity_untold",
    ),
    ("survivor-capacity", STAYS, NONE, "pass", "gate.writer_stays"),
    ("disk-free", PLANNED, WELL, "pass", "gate.disk_free"),
    ("disk-free", PLANNED, NONE, "unknown", "gate.capacity_untold"),
    ("disk-free", PLANNED, capacity("dr-db", disk_free=GIB // 8), "fail", "gate.disk_short"),
    ("disk-free", PLANNED, capacity("dr-db", disk_free=True), "unknown", "gate.capacity_untold"),
    ("disk-free", replace(PLANNED, writers=()), WELL, "unknown", "gate.capacity_untold"),
    ("clocks-agree", PLANNED, WELL, "pass", "gate.clocks_agree"),
    ("clocks-agree", PLANNED, NONE, "unknown", "gate.clocks_untold"),
    ("clocks-agree", PLANNED, clock(-0.7), "fail", "gate.clocks_differ"),
    ("clocks-agree", PLANNED, clock(0.7, error=0.3), "unknown", "gate.clocks_untold"),
    ("clocks-agree", replace(PLANNED, hosts=()), WELL, "unknown", "gate.clocks_untold"),
    ("no-other-run", PLANNED, WELL, "pass", "gate.no_other_run"),
    ("no-other-run", PLANNED, NONE, "unknown", "gate.runs_untold"),
    ("no-other-run", PLANNED, replace(WELL, other_runs=("20261125T000000Z-x-0000",)), "fail", "gate.other_run"),
    ("guard-period", PLANNED, NONE, "pass", "gate.no_calendar"),
    ("guard-period", PLANNED, replace(WELL, freezes=()), "pass", "gate.no_guard_period"),
    ("guard-period", PLANNED, replace(WELL, freezes=(NATIONAL_DAY,)), "fail", "gate.guard_period"),
    ("guard-period", PLANNED, replace(WELL, freezes=(), undated=(NATIONAL_DAY,)), "unknown", "gate.undated"),
    ("guard-period", PLANNED, replace(WELL, freezes=(NATIONAL_DAY,), undated=(QIXI,)), "fail", "gate.guard_period"),
    ("probes-fine-enough", PLANNED, WELL, "pass", "gate.probes_fine"),
    ("probes-fine-enough", PLANNED, NONE, "unknown", "gate.vantages_untold"),
    ("probes-fine-enough", PLANNED, replace(WELL, vantages={}), "unknown", "gate.vantages_untold"),
    ("probes-fine-enough", PLANNED, vantages(dr=Vantage("no route")), "fail", "gate.vantage_silent"),
    ("probes-fine-enough", PLANNED, vantages(dr=Vantage("", 2.0, 2.0)), "fail", "gate.vantage_coarse"),
    ("probes-fine-enough", PLANNED, replace(WELL, vantages={"cloud": FINE}), "fail", "gate.few_vantages"),
]


@pytest.mark.parametrize(
    ("name", "plan", "seen", "result", "code"), CASES, ids=[f"{case[0]} {case[3]} {n}" for n, case in enumerate(CASES)]
)
def test_a_gate(name: str, plan: ConcretePlan, seen: Seen, result: str, code: str) -> None:
    judged = judge(gate(plan, name), plan, seen)
    assert (judged.result.value, judged.because.code) == (result, code)
    for lang in ("zh", "en"):
        assert say(judged.because, lang) != judged.because.code
        assert "—" not in say(judged.because, lang) or not (plan.writers and plan.entries and plan.hosts)


def test_every_gate_can_pass_fail_and_be_unknown() -> None:
    answers = {(case[0], case[3]) for case in CASES}
    assert answers == {(name, result) for name in GATES for result in Passed}


@pytest.mark.parametrize("name", OURS)
def test_nothing_seen_opens_no_plan(name: str) -> None:
    assert any(judged.stops for judged in judge_all(concrete(name), Seen()))


def test_all_well_opens_the_planned_switchover() -> None:
    assert {judged.result for judged in judge_all(PLANNED, WELL)} == {Passed.PASS}


def test_a_soft_gate_stops_nothing() -> None:
    assert not judge(Gate(gate="no-other-run", hard=False), PLANNED, NONE).stops
    assert judge(Gate(gate="no-other-run"), PLANNED, NONE).stops


def test_an_unknown_gate_is_unknown() -> None:
    assert judge(Gate(gate="luck"), PLANNED, WELL).result is Passed.UNKNOWN
    assert judge(Gate(gate="lag-within-rpo"), PLANNED, WELL).result is Passed.UNKNOWN


NAMES = ["role", "lsn", "received", "receive_age", "peers", "active", "cpus", "memory", "load", "disk_free"]
ODD: st.SearchStrategy[object] = st.sampled_from(
    [
        None,
        True,
        -1,
        0,
        5,
        1e400,
        float("nan"),
        "primary",
        "5",
        [],
        {},
        [{}],
        [None],
        [{"name": "bigdata-db", "sync": 1}],
    ]
)
FACTS = st.dictionaries(st.sampled_from(NAMES), ODD, max_size=5)
REPLIES = st.builds(Reply, st.sampled_from(Outcome), st.just(""), FACTS)


@settings(max_examples=60, deadline=None)
@given(said=st.dictionaries(st.sampled_from(sorted(PLANNED.hosts)), REPLIES, max_size=4))
def test_whatever_hosts_say_a_gate_answers(said: dict[str, Reply]) -> None:
    seen = Seen(alive=said, databases=said, entries=said, capacity=said)
    for plan in (PLANNED, METRO, REMOTE):
        for judged in judge_all(plan, seen):
            assert say(judged.because, "zh")


FAILOVER = Path(__file__).parents[2] / "failover"


def test_every_reason_has_both_texts_and_every_text_is_used() -> None:
    files = [file for file in FAILOVER.glob("*.py") if file.name != "reasons.py"]
    used = {code for file in files for code in re.findall(r'"((?:bind|gate)\.[a-z_]+)"', file.read_text())}
    assert used == set(TEXTS)
    for code, (zh, en) in TEXTS.items():
        assert re.search(r"[\u4e00-\u9fff]", zh), code
        assert not re.search(r"[\u4e00-\u9fff]", en), code
        assert set(re.findall(r"\{(\w+)\}", zh)) == set(re.findall(r"\{(\w+)\}", en)), code


def test_a_fact_is_only_text() -> None:
    assert "{host}" in say(Reason("gate.writer_silent", {"host": "{host}"}), "en")


@pytest.mark.parametrize(
    ("rto", "period", "timeout", "fine"),
    [(60, 1, 2, True), (60, 1, 2.1, False), (30, 0.15, 1, True), (20, 0.15, 1, False)],
)
def test_probes_must_be_fine_enough_for_the_target(rto: float, period: float, timeout: float, fine: bool) -> None:
    assert fine_enough(rto, period, timeout) is fine
