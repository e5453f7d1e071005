"""Planned time in the weekly report: left out when approved before, counted when it runs over, and told either way."""

from __future__ import annotations

from typing import Any

import pytest

from checks.result import Status
from inventory import subject as subjects
from inventory.calendar import instant
from inventory.model import Estate
from reports.appendix import exclusions
from reports.facts import Facts, reported_subjects
from reports.language import language
from reports.subjects import histories
from state.planned import planned_for
from state.verdict import Availability, Change, Fault, Reason
from tests.fakes import small_estate as small
from tests.fakes.calendars import calendar, moment

HOUR = 3600.0
SYSTEM = subjects.system("marriage")
WINDOW = {"start": "2026-11-28T22:00", "end": "2026-11-29T02:00"}
BASE = instant(calendar(), moment("2026-11-28T12:00"))


def change(new: Status, hours: float, number: int) -> Change:
    at = BASE + hours * HOUR
    return Change(SYSTEM, Status.UNKNOWN, new, Fault.SERVICE, Reason("x"), at, at, None, number)


#: up, then down from half past ten at night until three: an hour longer than planned
CHANGES = (change(Status.OK, -1, 1), change(Status.DOWN, 10.5, 2), change(Status.OK, 15, 3))


def facts(**said: Any) -> Facts:
    estate: Estate = small.estate().model_copy(update={"calendar": calendar(**said)})
    end = BASE + 24 * HOUR
    return Facts(estate, BASE, end, end, CHANGES, watched=((BASE - HOUR, end),))


def told(of: Facts, lang: str) -> str:
    known = histories(of, [(one, 0.99) for one in reported_subjects(of.estate)])
    return "\n".join(exclusions(of, known, language(lang)))


@pytest.mark.parametrize(
    ("said", "maintenance", "drill", "down"),
    [
        ({}, 0.0, 0.0, 4.5),
        ({"maintenance": {"x": WINDOW}}, 4.0, 0.0, 1.0),
        ({"maintenance": {"x": {**WINDOW, "subjects": ("system:marriage",)}}}, 4.0, 0.0, 1.0),
        (
            {"maintenance": {"x": {**WINDOW, "subjects": ("center:cloud",)}}},
            0.0,
            0.0,
            4.5,
        ),  # people are named by themselves
        ({"maintenance": {"x": {**WINDOW, "approved": None}}}, 0.0, 0.0, 4.5),
        ({"drills": {"x": WINDOW}}, 0.0, 4.0, 1.0),
        ({"drills": {"x": WINDOW}, "maintenance": {"y": {**WINDOW, "end": "2026-11-28T23:00"}}}, 1.0, 3.0, 1.0),
        (
            {
                "maintenance": {
                    "x": {**WINDOW, "extended": [{"end": "2026-11-29T04:00", "by": "li", "at": "2026-11-29T01:00"}]}
                }
            },
            6.0,
            0.0,
            0.0,
        ),
    ],
)
def test_planned_time_is_no_downtime_and_an_over_run_is(
    said: dict[str, Any], maintenance: float, drill: float, down: float
) -> None:
    found = histories(facts(**said), [(SYSTEM, 0.99)])[SYSTEM].figures
    assert (found.maintenance / HOUR, found.drill / HOUR, found.down / HOUR) == (maintenance, drill, down)
    spent = found.up + found.down + found.unknown + found.maintenance + found.drill + found.out
    assert spent == pytest.approx(24 * HOUR)


def test_who_approved_it_and_what_ran_over_is_told_in_both_languages() -> None:
    of = facts(maintenance={"x": {**WINDOW, "approved": {"by": "李明", "at": "2026-11-25T10:00"}}})
    assert "approved by 李明 at 2026-11-25 10:00" in told(of, "en")
    assert "李明 于 2026-11-25 10:00 批准" in told(of, "zh")
    assert "still down for 1 h" in told(of, "en")
    assert "超时部分按非计划中断计入" in told(of, "zh")
    assert "not approved" in told(facts(maintenance={"x": {**WINDOW, "approved": None}}), "en")


def test_a_changed_calendar_is_another_report() -> None:
    same = {facts(maintenance={"x": WINDOW}).digest for _ in range(2)}
    assert len(same) == 1
    assert facts(maintenance={"x": {**WINDOW, "approved": None}}).digest not in same
    elsewhere = {"start": "2027-01-01T22:00", "end": "2027-01-02T02:00"}
    assert facts(maintenance={"x": elsewhere}).digest == facts().digest  # what is outside of the window changes nothing


def test_planned_intervals_are_those_of_the_subject() -> None:
    estate = facts(maintenance={"x": {**WINDOW, "subjects": ("host:db1",)}}).estate
    [found] = planned_for(estate, "host:db1", 0, 4e9)
    assert (found.kind, found.end - found.start) == (Availability.MAINT, 4 * HOUR)
    assert planned_for(estate, "host:app1", 0, 4e9) == ()
    assert planned_for(small.estate(), "host:db1", 0, 4e9) == ()
