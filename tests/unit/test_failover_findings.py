"""Findings: each assertion that did not hold, until a later run shows that it does; and how runs compare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from failover.drill_record import DrillRecord
from failover.findings import DAY, Finding, Severity, assertions, findings, of_plan, register
from failover.history import ENOUGH_FOR_P95, trends
from failover.measured import Interval, Judged, Verdict
from failover.records import State
from tests.golden.drills import sample


def record(drill: Callable[[], sample.Drill]) -> DrillRecord:
    return drill()[0]


def later(one: DrillRecord, days: float, run: str = "") -> DrillRecord:
    return replace(one, began_wall=one.began_wall + days * DAY, run=run or f"{one.run}+{days:g}")


def codes(drill: Callable[[], sample.Drill]) -> dict[str, str]:
    return {one.assertion: one.code for one in findings(record(drill))}


def test_a_good_run_finds_nothing() -> None:
    assert findings(record(sample.good)) == ()
    assert all(one.holds for one in assertions(record(sample.good)))


@pytest.mark.parametrize(
    ("drill", "expected"),
    [
        (
            sample.lossy,
            {
                "gate:lag-within-rpo": "gate-overridden",
                "objective:rto": "objective-missed",
                "objective:rpo": "objective-missed",
                "step:rejoin": "step-failed",
                "estimate:promote": "step-slow",
                "estimate:rejoin": "step-slow",
            },
        ),
        (
            sample.inconclusive,
            {
                "invariant:never-empty-entry": "invariant-unknown",
                "meter:dr": "meter-missing",
                "objective:rto": "objective-open",
                "objective:rpo": "objective-open",
            },
        ),
        (
            sample.rolled_back,
            {
                "abort:outage-over": "aborted",
                "step:promote": "step-failed",
                "run:completed": "run-rolled-back",
                "estimate:promote": "step-slow",
            },
        ),
        (sample.refused, {"gate:replication-sync": "gate-unknown", "run:completed": "run-refused"}),
        (sample.tabletop, {"step:rejoin": "step-doubted"}),
    ],
    ids=["lossy", "inconclusive", "rolled-back", "refused", "tabletop"],
)
def test_what_each_run_finds(drill: Callable[[], sample.Drill], expected: dict[str, str]) -> None:
    assert codes(drill) == expected


def test_the_old_writer_that_takes_a_write_after_its_fence_is_the_gravest_finding() -> None:
    one = record(sample.good)
    assert one.measured
    leaky = replace(one.measured, writes=(replace(one.measured.writes[0], acked_after_fence=2),))
    (found,) = findings(replace(one, measured=leaky))
    assert (found.code, found.severity, found.facts["count"]) == ("fence-leaks", Severity.HIGH, "2")


def test_nothing_measured_is_a_finding_and_never_a_pass() -> None:
    (found,) = findings(replace(record(sample.good), measured=None))
    assert (found.code, found.severity) == ("meters-none", Severity.HIGH)


def test_a_finding_has_an_owner_and_a_date() -> None:
    found = {one.assertion: one for one in findings(record(sample.lossy))}
    assert found["step:rejoin"].owner == "li-na"
    assert found["objective:rto"].owner == "wang-wei"
    assert found["step:rejoin"].due - found["step:rejoin"].found == 14 * DAY
    assert found["estimate:promote"].due - found["estimate:promote"].found == 60 * DAY


# The register.


def standing(*records: DrillRecord) -> dict[str, Finding]:
    return {one.assertion: one for one in register(records)}


def test_a_finding_closes_only_by_a_later_run_whose_same_assertion_held() -> None:
    bad, good = record(sample.lossy), later(record(sample.good), 30, "good-later")
    assert standing(bad)["step:rejoin"].open
    assert standing(bad, good)["step:rejoin"].closed_by == "good-later"
    earlier = later(record(sample.good), -30)
    assert standing(earlier, bad)["step:rejoin"].open


def test_a_run_that_did_not_try_it_closes_nothing() -> None:
    bad, silent = record(sample.lossy), later(record(sample.refused), 30)
    known = standing(bad, silent)
    assert known["step:rejoin"].open
    assert known["objective:rto"].open
    assert known["run:completed"].open


def test_a_run_that_was_taken_back_closes_no_finding_on_a_target_although_its_outage_was_short() -> None:
    bad, back = record(sample.lossy), later(record(sample.rolled_back), 30)
    assert standing(bad, back)["objective:rto"].open
    assert standing(bad, back)["objective:rpo"].open


def test_what_is_found_again_keeps_its_date_and_what_comes_back_gets_a_new_one() -> None:
    bad, again = record(sample.lossy), later(record(sample.lossy), 10)
    found = standing(bad, again)["step:rejoin"]
    assert (found.due, len(found.seen)) == (standing(bad)["step:rejoin"].due, 2)
    back = standing(bad, later(record(sample.good), 20), later(record(sample.lossy), 30))["step:rejoin"]
    assert back.open
    assert back.due == standing(later(record(sample.lossy), 30))["step:rejoin"].due


def test_a_table_top_closes_nothing_that_a_run_found_and_the_other_way_round() -> None:
    spoken = later(record(sample.tabletop), 30)
    agreed = replace(spoken, steps=tuple(replace(step, outcome="done") for step in spoken.steps))
    assert standing(record(sample.lossy), agreed)["step:rejoin"].open
    talked = register([record(sample.tabletop), later(record(sample.good), 30)])
    assert [one.assertion for one in talked if one.open] == ["step:rejoin"]


def test_the_register_does_not_depend_on_the_order_of_reading() -> None:
    every = [later(record(drill), number) for number, drill in enumerate(sample.DRILLS.values())]
    assert register(every) == register(reversed(every))


def test_it_is_overdue_the_day_after() -> None:
    found = standing(record(sample.lossy))["step:rejoin"]
    assert not found.overdue(found.due)
    assert found.overdue(found.due + 1)
    assert not replace(found, closed_by="x").overdue(found.due + 1)
    assert of_plan([found], "metro-switchover") == (found,)
    assert of_plan([found], "another") == ()


# History.


def test_only_the_same_plan_version_and_kind_are_compared_and_table_tops_stand_last() -> None:
    good = record(sample.good)
    every = [good, later(good, 1), replace(later(good, 2), version=4), record(sample.lossy), record(sample.tabletop)]
    found = trends(every)
    assert [(one.version, one.drill, len(one.runs)) for one in found] == [
        (4, "switchover", 1),
        (3, "real", 1),
        (3, "switchover", 2),
        (3, "tabletop", 1),
    ]
    assert (found[-1].median, found[-1].worst, found[-1].most_lost) == (None, None, None)


def run_of(high: float | None, number: int) -> DrillRecord:
    one = later(record(sample.good), number)
    assert one.measured
    rto = Judged("rto", 30.0, Interval(0.5, high), Verdict.PASS, "within-target")
    return replace(one, measured=replace(one.measured, judged=(rto,)))


def test_median_and_worst_are_of_upper_bounds_and_no_end_is_the_worst_of_all() -> None:
    (trend,) = trends([run_of(1.0, 1), run_of(4.0, 2), run_of(2.0, 3)])
    assert (trend.median, trend.worst, trend.p95) == (2.0, 4.0, None)
    (trend,) = trends([run_of(1.0, 1), run_of(None, 2), run_of(2.0, 3)])
    assert (trend.median, trend.worst) == (2.0, float("inf"))


def test_a_percentile_needs_twenty_runs() -> None:
    few = [run_of(float(number), number) for number in range(1, ENOUGH_FOR_P95)]
    assert trends(few)[0].p95 is None
    assert trends([*few, run_of(20.0, 20)])[0].p95 == 19.0


def test_what_was_rolled_back_did_not_recover_and_is_listed_without_counting() -> None:
    (trend,) = trends([record(sample.good), later(record(sample.rolled_back), 1)])
    assert len(trend.runs) == 2
    assert (trend.measured, trend.worst) == (1, 1.19)
    assert trend.runs[1].state is State.ROLLED_BACK
