"""Grades and reporting clocks: the right one at the right second, with reasons, and never surer than their source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.result import Status
from inventory.errors import InvalidEstate
from state import rulebook
from state.countdown import Stage, countdowns, current_grade
from state.grading import COLOURS, TEXTS, Outage, Suggestion, graver, outages, suggest
from state.incident_act import Grade
from state.reasons import say
from state.rulebook import Grading, grading, reporting
from state.verdict import Change, Fault, Incident, Reason
from tests.fakes import small_estate

OK, DEGRADED, DOWN, UNKNOWN = Status
ESTATE = small_estate.estate()
MINUTE, HOUR = 60.0, 3600.0
RULES = grading()


def suggested(outage: Outage, now: float, portals: tuple[str, ...] = ()) -> Suggestion:
    return suggest((outage,), ESTATE, portals, RULES, now)


WHOLE = Outage("marriage", True, 0.0, None)
PARTLY = Outage("marriage", False, 0.0, None)
SIDE = Outage("nowhere", True, 0.0, None)

TABLE = [
    # outage, portals, after, grade, next grade and when
    (WHOLE, (), 30 * MINUTE - 1, Grade.GENERAL, (Grade.LARGER, 30 * MINUTE)),
    (WHOLE, (), 30 * MINUTE, Grade.LARGER, (Grade.MAJOR, 2 * HOUR)),
    (WHOLE, (), 2 * HOUR, Grade.MAJOR, (Grade.EXTREME, 6 * HOUR)),
    (WHOLE, (), 6 * HOUR, Grade.EXTREME, None),
    (PARTLY, (), 2 * HOUR - 1, Grade.GENERAL, (Grade.LARGER, 2 * HOUR)),
    (PARTLY, (), 24 * HOUR, Grade.EXTREME, None),
    (SIDE, (), 100 * HOUR, Grade.GENERAL, None),
    (SIDE, ("nowhere",), 2 * HOUR, Grade.LARGER, (Grade.MAJOR, 6 * HOUR)),
    (SIDE, ("nowhere",), 24 * HOUR, Grade.EXTREME, None),
    (replace(WHOLE, end=29 * MINUTE), (), 9 * HOUR, Grade.GENERAL, None),
    (replace(WHOLE, end=30 * MINUTE), (), 9 * HOUR, Grade.LARGER, None),
]


@pytest.mark.parametrize(("outage", "portals", "after", "grade", "ahead"), TABLE)
def test_the_grade_at_the_second(
    outage: Outage, portals: tuple[str, ...], after: float, grade: Grade, ahead: tuple[Grade, float] | None
) -> None:
    found = suggested(outage, after, portals)
    assert found.grade is grade
    assert (found.next and (found.next.grade, found.next.at)) == ahead
    assert found.because, "a grade has its reason"


def test_nobody_affected_is_below_all_grades() -> None:
    found = suggest((), ESTATE, (), RULES, 1e9)
    assert found.grade is None and found.next is None
    assert say(found.because[0], "zh", TEXTS) == "没有业务系统的用户受到影响，未达到分级标准"


def test_a_reason_names_system_limit_and_beginning_in_the_zone_of_the_estate() -> None:
    (because,) = suggested(WHOLE, HOUR).because
    assert say(because, "zh", TEXTS) == "关键信息基础设施 名 整体中断满 30分钟（自 01-01 08:00:00 起）"
    assert "for 30 min or longer" in say(because, "en", TEXTS)


def test_nothing_is_surer_than_its_source() -> None:
    assert not suggested(WHOLE, HOUR).sure
    editions = {name: edition.model_copy(update={"verified": True}) for name, edition in RULES.editions.items()}
    unsigned = Grading.model_construct(editions=editions, rules=RULES.rules)
    assert not suggest((WHOLE,), ESTATE, (), unsigned, HOUR).sure, "verified by nobody is not verified"
    signed = {name: one.model_copy(update={"verified_by": "li"}) for name, one in editions.items()}
    assert suggest((WHOLE,), ESTATE, (), Grading.model_construct(editions=signed, rules=RULES.rules), HOUR).sure


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 1e6), st.floats(0, 1e6), st.booleans())
def test_the_predicted_moment_is_the_moment(start: float, age: float, whole: bool) -> None:
    outage = Outage("marriage", whole, start, None)
    now = start + age
    found = suggested(outage, now)
    if found.next is None:
        assert found.grade is Grade.EXTREME
        return
    assert found.next.at > now
    assert suggested(outage, found.next.at - 0.001).grade is found.grade
    then = suggested(outage, found.next.at).grade
    assert then is found.next.grade and graver(then, found.grade)


def change(at: float, new: Status, code: str = "system.journey_fails") -> Change:
    return Change("system:marriage", OK, new, Fault.SERVICE, Reason(code), at, at)


INCIDENT = Incident(7, "host:a", Fault.HOST, 100.0, 110.0, None, Reason("host.down"), ("system:marriage",))

HISTORIES = [
    ([], None, None),
    ([change(0, OK)], None, None),
    ([change(0, OK), change(120, DOWN)], (120, None), (120, None)),
    ([change(50, DOWN)], (100, None), (100, None)),
    ([change(120, DOWN), change(200, OK)], (120, 200), (120, 200)),
    ([change(120, DOWN), change(200, UNKNOWN)], (120, None), (120, None)),
    ([change(120, DOWN), change(200, UNKNOWN), change(300, OK)], (120, 300), (120, 300)),
    ([change(120, DOWN), change(200, DEGRADED)], (120, 200), (120, None)),
    ([change(120, DEGRADED, "system.journey_degraded")], None, (120, None)),
    ([change(120, DEGRADED, "system.readiness_lost")], None, None),
    ([change(120, DOWN), change(130, OK), change(140, DOWN), change(190, OK)], (140, 190), (140, 190)),
    ([change(50, DOWN), change(90, OK)], None, None),
]


@pytest.mark.parametrize(("changes", "whole", "partly"), HISTORIES)
def test_outages_are_what_kept_users_away_on_end(
    changes: list[Change], whole: tuple[float, float | None] | None, partly: tuple[float, float | None] | None
) -> None:
    found = outages(INCIDENT, {"marriage": changes}, 1000.0)
    expected = [
        Outage("marriage", how, float(span[0]), span[1]) for how, span in ((True, whole), (False, partly)) if span
    ]
    assert list(found) == expected


def test_the_outage_of_an_incident_that_is_over_ends_with_it() -> None:
    over = replace(INCIDENT, closed=500.0)
    assert outages(over, {"marriage": [change(120, DOWN)]}, 9e9)[0].end == 500.0


CLOCKS = [
    # organisation, grade, moment after noticing, sent, {clock: (stage, due after noticing)}
    (
        "central-organ",
        Grade.LARGER,
        30 * MINUTE,
        {},
        {
            "critical-first": (Stage.RUNNING, HOUR),
            "organ-first": (Stage.RUNNING, 2 * HOUR),
            "organ-onward": (Stage.NOT_REQUIRED, None),
            "summary": (Stage.WAITING, None),
        },
    ),
    (
        "other",
        Grade.MAJOR,
        HOUR + 1,
        {"critical-first": 110.0 + HOUR + 1},
        {
            "critical-first": (Stage.LATE, HOUR),
            "other-first": (Stage.RUNNING, 4 * HOUR),
            "summary": (Stage.WAITING, None),
        },
    ),
    (
        "central-organ",
        Grade.MAJOR,
        3 * HOUR,
        {"organ-first": 110.0 + HOUR},
        {
            "critical-first": (Stage.OVERDUE, HOUR),
            "organ-first": (Stage.SENT, 2 * HOUR),
            "organ-onward": (Stage.OVERDUE, 2 * HOUR),
            "summary": (Stage.WAITING, None),
        },
    ),
    (
        None,
        Grade.GENERAL,
        HOUR,
        {},
        {
            "critical-first": (Stage.NOT_REQUIRED, HOUR),
            "organ-first": (Stage.NOT_REQUIRED, 2 * HOUR),
            "other-first": (Stage.NOT_REQUIRED, 4 * HOUR),
            "organ-onward": (Stage.NOT_REQUIRED, None),
            "summary": (Stage.NOT_REQUIRED, None),
        },
    ),
]


@pytest.mark.parametrize(("organisation", "grade", "after", "sent", "expected"), CLOCKS)
def test_the_clocks_that_concern_us(
    organisation: str | None,
    grade: Grade,
    after: float,
    sent: dict[str, float],
    expected: dict[str, tuple[Stage, float | None]],
) -> None:
    found = countdowns(INCIDENT, grade, ESTATE, organisation, sent, reporting(), 110.0 + after)
    shown = {one.clock.id: (one.stage, None if one.due is None else one.due - 110.0) for one in found}
    assert shown == expected
    dues = [one.due for one in found if one.due is not None]
    assert dues == sorted(dues), "what is due first comes first"


def test_a_clock_is_over_only_after_its_last_second() -> None:
    at = [countdowns(INCIDENT, Grade.LARGER, ESTATE, "other", {}, reporting(), 110.0 + HOUR + more) for more in (0, 1)]
    assert [found[0].stage for found in at] == [Stage.RUNNING, Stage.OVERDUE]


def test_a_persons_grade_counts_and_else_the_gravest_that_was_suggested() -> None:
    assert current_grade(replace(INCIDENT, suggested="major"), Grade.GENERAL) is Grade.MAJOR
    assert current_grade(replace(INCIDENT, suggested="general"), Grade.LARGER) is Grade.LARGER
    assert current_grade(replace(INCIDENT, suggested="major", grade="general"), Grade.MAJOR) is Grade.GENERAL
    assert current_grade(INCIDENT, None) is None


def test_every_grade_has_its_colour_and_every_rule_its_words() -> None:
    assert set(COLOURS) == set(Grade)
    assert {f"grade.{rule.measure}" for rule in RULES.rules} <= set(TEXTS)


def test_every_mistake_in_the_data_is_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "grading.yml"
    text = (Path(rulebook.__file__).parent / "standards" / "grading.yml").read_text()
    file.write_text(text.replace("after: 24h", "after: 24", 1).replace("grade: major", "grade: huge", 1) + "more: 1\n")
    with pytest.raises(InvalidEstate) as told:
        grading(file)
    assert len(told.value.problems) == 3
    assert all(str(problem).startswith(f"{file}:") for problem in told.value.problems)
    file.write_text(text.replace("edition: final", "edition: nowhere", 1))
    with pytest.raises(InvalidEstate, match="nowhere"):
        grading.__wrapped__(file)
