"""What the watch remembers of a silent writer: known with its age when it looked right before, else unknown."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from checks.check import Check
from checks.expand import expand
from checks.result import Result, Status
from failover.bind import bind
from failover.concrete import ConcretePlan
from failover.gates import judge_all
from failover.last_heard import last_heard
from failover.lint import ours
from failover.live import LiveGates
from failover.seen import Heard
from failover.watch_memory import remembered
from inventory.model import Confirm
from state import heard
from state.cycle import Cycle
from state.desk import NoParams
from state.signals import Signal, fold
from state.store import Store
from tests.fakes.lab_estate import lab_estate

HOST = lab_estate().host("cloud-db")
LETTERS = {"o": Status.OK, "d": Status.DOWN, "u": Status.UNKNOWN}
COPIES = "bigdata-db streaming sync, dr-db streaming async"
EVERY = 10.0


def check(name: str, kind: str = "postgres", host: Any = HOST) -> Check:
    return Check(name, f"host:{name}", kind, NoParams(), ("a", "b"), EVERY, 2.0, Confirm(m=2, n=3), host, "cloud")


CHECKS = (check("pg"), check("ssh", "ssh"), check("other", host=lab_estate().host("dr-db")))


def signals(**histories: str) -> list[Signal]:
    """One answer every 10 s from 0 on, by ``<check>_<vantage>``."""
    found = []
    for name, history in histories.items():
        asked, _, vantage = name.partition("_")
        signal = None
        for step, letter in enumerate(history):
            if letter == ".":
                continue  # the answer never came
            at = EVERY * step
            evidence = {"role": "primary"} if letter == "o" and asked == "pg" else {}
            result = Result(asked, vantage, LETTERS[letter], "", at, 0.1, evidence=evidence)
            signal = fold(signal, result, check(asked), at)
        found += [signal] if signal else []
    return found


def record(at: float, standbys: str = COPIES, asked: str = "pg") -> Mapping[str, Any]:
    return {"check": asked, "vantage": "a", "at": at, "standbys": standbys}


SYNC = frozenset({"bigdata-db"})


@pytest.mark.parametrize(
    ("records", "told", "now", "known"),
    [
        # lost after 20, noticed at 30 by every vantage: it waited for its copy right before
        ([record(20)], signals(pg_a="ooodd", pg_b="ooodd", ssh_a="ooodd"), 50, Heard(SYNC, 30, 20)),
        (
            [record(20)],
            signals(pg_a="ooodd", ssh_a="oooodd"),
            60,
            Heard(SYNC, 40, 20),
        ),  # the last to fall silent counts
        ([record(20, "none")], signals(pg_a="ooodd"), 50, Heard(frozenset(), 30, 20)),
        ([record(0), record(20)], signals(pg_a="ooodd"), 50, Heard(SYNC, 30, 20)),
        ([record(20), record(25, "none", "other")], signals(pg_a="ooodd"), 50, Heard(SYNC, 30, 20)),
        # a day later it is as true as at the first moment
        ([record(20)], signals(pg_a="ooodd"), 86_400, Heard(SYNC, 86_380, 86_370)),
        # the last word was not right before the silence: the watch was away, or commits hung already
        ([record(0)], signals(pg_a="o..dd"), 50, Heard(None, 50, 20)),
        ([record(0)], signals(pg_a="o.dd"), 50, Heard(SYNC, 50, 30)),
        # a database that no longer lets the watch in, or that one vantage does not reach, may still write
        ([record(20)], signals(pg_a="ooodd", ssh_a="oooooo"), 50, Heard(SYNC, 30, None)),
        ([record(40)], signals(pg_a="ddddd", pg_b="ooooo"), 45, Heard(SYNC, 5, None)),
        # a vantage that was lost together with the writer says nothing after; its last word bounds the end
        ([record(30)], signals(pg_a="oooo", pg_b="ooooddd"), 90, Heard(SYNC, 60, 50)),
        ([record(30)], signals(pg_a="oooo"), 50, Heard(SYNC, 20, None)),  # nobody has noticed anything yet
        ([record(30)], signals(pg_a="oooo"), 90, Heard(None, 60, None)),  # nobody looks any more
        # unknown stays unknown
        ([], signals(pg_a="ooodd"), 50, Heard()),
        ([record(20, asked="other")], signals(pg_a="ooodd"), 50, Heard()),
        ([record(60)], signals(pg_a="ooodd"), 50, Heard()),  # by a clock that is ahead
        ([{"check": "pg"}], signals(pg_a="ooodd"), 50, Heard()),
        ([record(20)], [], 30, Heard(SYNC, 10, None)),
        ([record(20)], signals(pg_a="oooduu"), 70, Heard(None, 50, None)),  # the watch cannot tell either
    ],
)
def test_the_last_word_counts_when_it_was_spoken_right_before(
    records: list[Mapping[str, Any]], told: list[Signal], now: float, known: Heard
) -> None:
    assert last_heard(CHECKS, "cloud-db", records, told, now) == known


@pytest.mark.parametrize(
    ("standbys", "known"),
    [
        (COPIES, SYNC),
        ("b streaming quorum, a streaming quorum", {"a", "b"}),
        ("a catchup sync, b streaming potential", set()),
        ("none", set()),
        ("", None),
        ("a streaming", None),
        ("a streaming sync, b streaming asy…", None),
        ("a streaming sync, b c streaming async", None),
        (", ".join(f"s{number} streaming sync" for number in range(10)), None),  # there may be an eleventh
    ],
)
def test_whom_a_primary_waits_for(standbys: str, known: set[str] | None) -> None:
    assert heard.synchronous({"standbys": standbys}) == known


@pytest.mark.parametrize(
    ("status", "role", "kept"),
    [("ok", "primary", 1), ("degraded", "primary", 1), ("down", "primary", 0), ("ok", "standby", 0), ("ok", "", 0)],
)
def test_only_a_primary_that_acknowledges_is_remembered(status: str, role: str, kept: int) -> None:
    result = Result("pg", "a", Status(status), "", 7.0, 0.1, evidence={"role": role, "standbys": COPIES})
    assert heard.kept([result]) == [dict(record(7.0))] * kept


# --- through the store -----------------------------------------------------------------------------------------------


def lost_writer(url: str, now: float) -> None:
    """A watch that heard the writer for a minute; then nothing on its host answers any more."""
    checks = [one for one in expand(lab_estate()) if one.host and one.host.id == "cloud-db"]
    with closing(Store.open(url)) as store:
        cycle = Cycle(store, lab_estate(), checks)
        for at in range(int(now) - 120, int(now), 5):
            well = at < now - 60
            evidence = {"role": "primary", "standbys": COPIES} if well else {}
            status = Status.OK if well else Status.DOWN
            cycle.turn(
                [
                    Result(
                        one.id, vantage, status, "", float(at), 0.1, evidence=evidence if one.kind == "postgres" else {}
                    )
                    for one in checks
                    for vantage in one.vantages
                ],
                {},
                float(at),
            )


def test_a_writer_that_was_lost_is_remembered_through_the_store(tmp_path: Path) -> None:
    url, now = f"sqlite:///{tmp_path}/state.sqlite", time.time()
    lost_writer(url, now)
    found = remembered(lab_estate(), url, "cloud-db")
    assert found.synchronous == SYNC
    assert found.ago is not None
    assert found.silent_for is not None
    assert 50 < found.silent_for < found.ago < 120
    assert remembered(lab_estate(), url, "dr-db") == Heard()


def test_an_unplanned_failover_to_a_synchronous_copy_passes_its_gate_with_the_reason(tmp_path: Path) -> None:
    plan = bind(ours()["lost-production-metro"], lab_estate())
    assert isinstance(plan, ConcretePlan)
    url = f"sqlite:///{tmp_path}/state.sqlite"

    async def nobody(_: object) -> list[Any]:
        return []

    def gate(name: str) -> tuple[str, str]:
        seen = asyncio.run(LiveGates(lab_estate(), url).see(plan, {}, nobody))
        judged = next(one for one in judge_all(plan, seen) if one.gate == name)
        return judged.result.value, judged.because.code

    assert gate("replication-sync") == ("unknown", "gate.writer_silent")
    assert not list(tmp_path.iterdir()), "looking made a store"
    lost_writer(url, time.time())
    assert gate("replication-sync") == ("pass", "gate.was_sync")


def test_a_store_that_is_damaged_or_hangs_knows_nothing_and_holds_up_nobody(tmp_path: Path) -> None:
    (tmp_path / "bad.sqlite").write_bytes(b"this is no database" * 100)
    assert remembered(lab_estate(), f"sqlite:///{tmp_path}/bad.sqlite", "cloud-db") == Heard()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/x"
        assert remembered(lab_estate(), url, "cloud-db", patience=0.1) == Heard()
