"""What the calendar says of a moment: a table of moments, and what must hold for all of them."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.almanac import almanac, names
from inventory.calendar import Entry, Kind, Rest, at, between, day_kind, instant, planned
from inventory.calendar_model import Calendar, Freeze
from inventory.scope import covered, everything
from tests.fakes import small_estate as small
from tests.fakes.calendars import calendar, moment

ESTATE = small.estate()
NIGHT = {"start": "2026-11-28T22:00", "end": "2026-11-29T02:00"}
LONGER = [{"end": "2026-11-29T03:00", "by": "li", "at": "2026-11-29T01:30"}]
SHANGHAI = calendar(
    maintenance={
        "db": {**NIGHT, "subjects": ("host:db1",)},
        "longer": {**NIGHT, "subjects": ("system:marriage",), "extended": LONGER},
        "unapproved": {**NIGHT, "subjects": ("*",), "approved": None},
    },
    drills={"metro": {"start": "2026-12-12T22:00", "end": "2026-12-13T01:00", "subjects": ("center:dr",)}},
    guard={
        "national-day": {"occasion": "national-day", "before": 2, "after": 1, "zero_report": "17:00", "faster": 3.0},
        "qixi": {"occasion": "qixi", "runbooks": "risky", "full_drills": True},
        "audit": {"first": "2026-10-01", "last": "2026-10-01", "runbooks": "nothing", "faster": 5.0},
    },
)


def seconds(text: str, of: Calendar = SHANGHAI) -> float:
    return instant(of, moment(text))


def ids(entries: tuple[Entry, ...]) -> list[str]:
    return sorted(one.id for one in entries)


@pytest.mark.parametrize(
    ("when", "in_force", "faster", "freeze"),
    [
        ("2026-11-28T21:59", [], 1.0, Freeze.NOTHING),
        ("2026-11-28T22:00", ["db", "longer"], 1.0, Freeze.NOTHING),
        ("2026-11-29T02:00", ["longer"], 1.0, Freeze.NOTHING),
        ("2026-11-29T03:00", [], 1.0, Freeze.NOTHING),
        ("2026-09-28T23:59", [], 1.0, Freeze.NOTHING),
        ("2026-09-29T00:00", ["national-day"], 3.0, Freeze.ALL),
        ("2026-10-01T12:00", ["audit", "national-day"], 5.0, Freeze.ALL),
        ("2026-10-08T23:59", ["national-day"], 3.0, Freeze.ALL),
        ("2026-10-09T00:00", [], 1.0, Freeze.NOTHING),
        ("2026-08-19T08:00", ["qixi"], 2.0, Freeze.RISKY),
    ],
)
def test_what_is_in_force(when: str, in_force: list[str], faster: float, freeze: Freeze) -> None:
    found = at(SHANGHAI, seconds(when))
    assert ids(found.entries) == in_force
    assert (found.faster[0], found.freeze[0]) == (faster, freeze)
    for says, because in (found.faster, found.freeze):
        assert (because is None) == (says in (1.0, Freeze.NOTHING))


def test_unapproved_work_is_shown_and_has_no_effect() -> None:
    night = seconds("2026-11-28T23:00")
    assert "unapproved" in ids(between(SHANGHAI, night, night + 1))
    found = at(SHANGHAI, night)
    assert found.planned("host:app1", ESTATE) is None
    because = found.planned("host:db1", ESTATE)
    assert because is not None and because.id == "db"


@pytest.mark.parametrize(
    ("when", "due"),
    [("2026-10-03T09:00", 1), ("2026-10-03T18:00", 1), ("2026-10-20T18:00", 0), ("2026-08-19T18:00", 0)],
)
def test_a_report_is_due_on_every_day_of_a_guard_period_that_wants_one(when: str, due: int) -> None:
    found = at(SHANGHAI, seconds(when)).zero_reports
    assert len(found) == due
    assert all(one.at == seconds("2026-10-03T17:00") for one in found)


def test_full_drills_wait_for_the_end_of_a_guard_period_unless_two_persons_agreed() -> None:
    refused = at(SHANGHAI, seconds("2026-10-02T10:00")).refuses_full_drills
    assert ids(refused) == ["national-day"]
    assert at(SHANGHAI, seconds("2026-08-19T10:00")).refuses_full_drills == ()
    despite = {"by": ("a", "b"), "because": "supervised"}
    agreed = {"start": "2026-10-02T09:00", "end": "2026-10-02T11:00"}
    guard = {"national-day": {"occasion": "national-day"}}
    for said, expected in (({}, 1), ({"despite": despite}, 0), ({"despite": despite, "mode": "rehearsal"}, 1)):
        both = calendar(drills={"drill": {**agreed, **said}}, guard=guard)
        assert len(at(both, seconds("2026-10-02T10:00", both)).refuses_full_drills) == expected


def test_a_guard_period_whose_days_nobody_entered_is_unknown_and_not_absent() -> None:
    found = at(SHANGHAI, seconds("2029-03-01T10:00"))
    assert [one.id for one in found.unknown] == ["national-day"]
    assert at(SHANGHAI, seconds("2026-03-01T10:00")).unknown == ()


@pytest.mark.parametrize(
    ("day", "rest", "certain"),
    [
        (date(2026, 10, 10), Rest.EXCHANGED, True),  # a Saturday on which people work
        (date(2026, 10, 2), Rest.HOLIDAY, True),
        (date(2026, 10, 9), Rest.WORKING, True),
        (date(2026, 10, 11), Rest.WEEKEND, True),
        (date(2026, 8, 19), Rest.WORKING, True),  # Qixi is important, and a working day
        (date(2027, 2, 6), Rest.HOLIDAY, False),
        (date(2027, 2, 20), Rest.WEEKEND, False),  # not announced yet
    ],
)
def test_who_works_on_which_day(day: date, rest: Rest, certain: bool) -> None:
    found = day_kind(SHANGHAI, day)
    assert (found.rest, found.certain) == (rest, certain)


def test_the_almanac_says_where_its_days_are_from() -> None:
    for name in names():
        for occasion in almanac(name).occasions:
            for one in occasion.occurrences:
                assert one.first <= one.last and one.last - one.first < timedelta(days=15)
                assert not any(one.first <= day <= one.last for day in one.workdays)
                assert all(day.weekday() >= 5 for day in one.workdays)  # what is exchanged is a weekend
                assert one.verified or one.note, f"{occasion.id} {one.first}: unverified days say what is not known"


@pytest.mark.parametrize(
    ("selector", "covers", "not_covers"),
    [
        (
            "center:cloud",
            {"host:app1", "service:app1/app", "component:marriage/app@cloud", "watch:cloud"},
            {"host:dr-db"},
        ),
        ("host:db1", {"component:marriage/db@cloud", "service:db1/postgres"}, {"system:marriage", "center:cloud"}),
        ("host:app1", {"host:app1"}, {"component:marriage/app@cloud", "host:app2"}),  # its other member works on
        ("host:app*", {"component:marriage/app@cloud"}, {"host:db1"}),
        ("system:marriage", {"component:marriage/db@dr"}, {"host:db1"}),
        ("component:marriage/db@*", {"component:marriage/db@dr"}, {"system:marriage", "component:marriage/app@dr"}),
    ],
)
def test_what_a_selector_covers(selector: str, covers: set[str], not_covers: set[str]) -> None:
    found = covered(ESTATE, [selector])
    assert covers <= found
    assert not found & not_covers


def test_the_estate_is_everything() -> None:
    assert covered(ESTATE, ["estate"]) == everything(ESTATE) == covered(ESTATE, ["*"])


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/Berlin", "America/New_York"])
@given(st.floats(min_value=1.75e9, max_value=1.85e9))
@settings(max_examples=60, deadline=None)
def test_at_and_between_agree_whatever_the_zone(zone: str, when: float) -> None:
    """Also across the hours that a clock of summer time leaps over or repeats."""
    said = {name: getattr(SHANGHAI, name) for name in ("almanac", "maintenance", "drills", "guards")}
    moved = Calendar.model_construct(timezone=zone, **said)
    found = at(moved, when)
    touching = between(moved, when, when + 1e-3)
    assert [one for one in touching if one.counts and one.holds(when)] == sorted(
        found.entries, key=lambda one: (one.start, one.end, one.kind, one.id)
    )
    assert all(one.end > one.start for one in touching)


def test_a_guard_day_has_as_many_hours_as_the_clock_says() -> None:
    berlin = calendar(guard={"day": {"first": "2026-03-29", "last": "2026-03-29"}}, timezone="Europe/Berlin")
    [entry] = between(berlin, 0, 4e9)
    assert entry.end - entry.start == 23 * 3600
    assert ZoneInfo("Europe/Berlin").key == berlin.timezone


def test_planned_work_comes_with_what_it_covers() -> None:
    found = {entry.id: subjects for entry, subjects in planned(SHANGHAI, ESTATE, 0, 4e9)}
    assert found.keys() == {"db", "longer", "metro"}
    assert "host:dr-db" in found["metro"] and "host:db1" not in found["metro"]
    assert {entry.kind for entry, _ in planned(SHANGHAI, ESTATE, 0, 4e9)} == {Kind.MAINTENANCE, Kind.DRILL}
