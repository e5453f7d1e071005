"""Doubt: what trouble waits for before it is news, what settles it, and when the waiting ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from checks.check import Check
from checks.result import Result, Status
from state.excuse import Excuses
from state.index import index
from state.judge import judge
from state.memory import Memory
from state.verdict import Fault, Reason, Verdict, Vote
from tests.scenarios.estate import small
from tests.scenarios.world import START

OK, DEGRADED, DOWN, UNKNOWN = Status
SMALL = small()
INDEX = index(SMALL.estate, SMALL.checks)
APP = "component:marriage/app@cloud"
Which = Callable[[Check, str], bool]


def _app(check: Check, _: str) -> bool:
    return check.subject == APP


def _login(check: Check, _: str) -> bool:
    return check.id == "host/cloud-app/ssh"


def _into_cloud(check: Check, vantage: str) -> bool:
    return check.center == "cloud" and vantage != "cloud" and not _login(check, vantage) and not _app(check, vantage)


def answered(memory: Memory, which: Iterable[Which], status: Status, *moments: float) -> None:
    """Those checks, asked at these moments."""
    for moment in moments:
        found = [
            Result(check.id, vantage, status, "x", START + moment, 0.1)
            for check in SMALL.checks
            for vantage in check.vantages
            if any(each(check, vantage) for each in which)
        ]
        memory.take(found, START + moment)


def known(now: float, *, login: Iterable[float] = (), others: Iterable[float] = (), fails: bool = False) -> Verdict:
    """The verdict on an application that failed at seconds 20 and 30; the last successes of all were at second 15."""
    memory = Memory(INDEX)
    answered(memory, [lambda *_: True], OK, 5, 15)
    answered(memory, [_app], DOWN, 20, 30)
    answered(memory, [_login], DOWN if fails else OK, *login)
    answered(memory, [_into_cloud], OK, *others)
    verdicts = judge(SMALL.estate, SMALL.checks, memory.signals.values(), START + now)
    return next(one for one in verdicts if one.subject == APP)


def test_trouble_waits_for_its_center_and_its_machine_in_this_order() -> None:
    assert known(31).status is DOWN
    assert (known(31).cause, known(31).doubt) == (None, "center:cloud")
    assert known(31, others=[25]).doubt == "host:cloud-app"
    assert known(31, others=[25], login=[25]).doubt is None


def test_a_success_that_may_be_older_than_the_fault_settles_nothing() -> None:
    """The failing question was open for up to its time-out (2 s): the fault may have begun then."""
    assert known(31, others=[21], login=[21]).doubt == "center:cloud"


def test_the_waiting_ends_when_the_others_would_have_told() -> None:
    assert known(34, others=[25]).doubt == "host:cloud-app"
    assert known(55, others=[25]).doubt is None


def test_a_machine_that_fails_since_its_last_success_is_in_doubt_again() -> None:
    found = known(31, others=[25], login=[30], fails=True)
    assert (found.doubt or found.cause) == "host:cloud-app"


def _verdict(status: Status, cause: str | None = None, says: Status = DOWN) -> Verdict:
    votes = (Vote("marriage/app@cloud/cloud-app/http", "dr", says, START, 1.0),)
    return Verdict(APP, status, Fault.SERVICE, Reason("x"), START, START, cause, votes)


@pytest.mark.parametrize(
    ("after", "verdict", "doubt"),
    [
        (10.0, _verdict(DOWN), "host:cloud-app"),
        (31.0, _verdict(DOWN), "host:cloud-app"),
        (33.0, _verdict(DOWN), None),
        (10.0, _verdict(OK, says=OK), None),
        (10.0, _verdict(UNKNOWN), None),
        (10.0, _verdict(DOWN, cause="center:cloud"), None),
    ],
)
def test_what_loses_its_cause_is_excused_for_as_long_as_answers_speak_and_travel(
    after: float, verdict: Verdict, doubt: str | None
) -> None:
    excuses = Excuses(INDEX.by_id)
    excuses.apply([_verdict(DOWN, cause="host:cloud-app")], START)
    (found,) = excuses.apply([verdict], START + after)
    assert found.doubt == doubt
    assert found.status is verdict.status


@pytest.mark.parametrize(("says", "doubt"), [(OK, None), (DOWN, "host:cloud-app")])
def test_who_was_well_in_all_eyes_needs_no_excuse_any_more(says: Status, doubt: str | None) -> None:
    excuses = Excuses(INDEX.by_id)
    excuses.apply([_verdict(DOWN, cause="host:cloud-app")], START)
    excuses.apply([_verdict(OK, says=says)], START + 5)
    (found,) = excuses.apply([_verdict(DOWN)], START + 10)
    assert found.doubt == doubt
