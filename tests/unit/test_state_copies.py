"""Databases that suffer from each other: who is blamed when replication fails, by what each server says of itself."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from checks.result import Result, Status
from inventory.model import Replication
from state.desk import desk_results
from state.index import index
from state.judge import judge
from state.memory import Memory
from state.verdict import Fault, Verdict
from tests.scenarios.estate import CENTERS, LINK_INTERVAL, Small, checks, estate
from tests.scenarios.world import START

OK, DEGRADED, DOWN, UNKNOWN = Status
DATABASE = {center: f"component:marriage/db@{center}" for center in CENTERS}


@cache
def _replicated() -> Small:
    """The small estate with a replicated database behind marriage registration."""
    built = estate()
    flow = Replication(source="cloud", to={"bigdata": "sync", "dr": "async"})
    systems = tuple(
        system.model_copy(update={"replication": flow}) if system.id == "marriage" else system
        for system in built.systems
    )
    built = built.model_copy(update={"systems": systems})
    asked = (replace(one, kind="postgres") if "/db@" in one.id else one for one in checks(built))
    return Small(built, tuple(asked))


def judged(
    servers: dict[str, tuple[Status, bool]],
    cut: set[frozenset[str]] = frozenset(),  # type: ignore[assignment]
    off: str = "",
    healed: bool = False,
) -> dict[str, Verdict]:
    """The verdicts after half a minute of trouble.

    ``servers`` hold, by center, what is found of the database there and whether it answered; ``cut`` are pairs of
    centers without a way between them, ``off`` is a host without power. ``healed``: the first answers after the end.
    """
    small = _replicated()
    memory = Memory(index(small.estate, small.checks))
    for second in range(0, 62, int(LINK_INTERVAL)):
        ill = 20 <= second < (52 if healed else 99)
        results = []
        for check in small.checks:
            if second % check.interval:
                continue
            for vantage in check.vantages:
                status, evidence = OK, {}
                database = check.subject in DATABASE.values()
                if (ill and {vantage, str(check.center)} in cut) or (ill and check.host and check.host.id == off):
                    status = DOWN
                elif database and 20 <= second < (60 if healed else 99) and str(check.center) in servers:
                    status, answered = servers[str(check.center)]
                    evidence = {"role": "primary"} if answered else {}
                results.append(Result(check.id, vantage, status, "x", START + second, 0.1, evidence=evidence))
        memory.take([*results, *desk_results(dict.fromkeys(CENTERS, True), START + second)], START + second)
    return {one.subject: one for one in judge(small.estate, small.checks, memory.signals.values(), START + 61)}


HANG, ALONE, SILENT = (DOWN, True), (DEGRADED, True), (DOWN, False)


def test_a_cut_link_is_why_commits_hang_and_a_copy_receives_nothing() -> None:
    verdicts = judged({"cloud": HANG, "bigdata": ALONE}, cut={frozenset({"cloud", "bigdata"})})
    assert verdicts["link:cloud-bigdata"].status is DOWN
    for center in ("cloud", "bigdata"):
        verdict = verdicts[DATABASE[center]]
        assert (verdict.cause, verdict.fault) == ("link:cloud-bigdata", Fault.LINK)
        assert verdict.because.code == "component.replication"


def test_a_dead_primary_is_its_own_trouble_and_its_copies_suffer_from_it() -> None:
    verdicts = judged({"cloud": SILENT, "bigdata": ALONE, "dr": ALONE})
    assert verdicts[DATABASE["cloud"]].cause is None
    assert {verdicts[DATABASE[center]].cause for center in ("bigdata", "dr")} == {DATABASE["cloud"]}


def test_a_copy_on_a_dead_host_is_why_commits_hang() -> None:
    verdicts = judged({"cloud": HANG}, off="bigdata-db")
    assert verdicts[DATABASE["cloud"]].cause == "host:bigdata-db"


def test_a_primary_that_is_silent_is_not_excused_by_a_cut_link() -> None:
    verdicts = judged({"cloud": SILENT, "bigdata": ALONE}, cut={frozenset({"cloud", "bigdata"})})
    assert verdicts[DATABASE["cloud"]].cause is None


def test_a_copy_that_stopped_by_itself_is_its_own_trouble() -> None:
    verdicts = judged({"dr": ALONE})
    assert (verdicts[DATABASE["dr"]].status, verdicts[DATABASE["dr"]].cause) == (DEGRADED, None)


@pytest.mark.parametrize("center", ["cloud", "bigdata"])
def test_what_is_still_wrong_when_the_link_is_back_is_not_news(center: str) -> None:
    servers = {"cloud": HANG, "bigdata": ALONE}
    verdict = judged(servers, cut={frozenset({"cloud", "bigdata"})}, healed=True)[DATABASE[center]]
    assert verdict.status in (DOWN, DEGRADED)
    assert verdict.cause == "link:cloud-bigdata"
