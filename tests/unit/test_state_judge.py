"""Judging: the incremental judge equals the whole one, and what no votes may ever lead to."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checks.result import Result, Status
from inventory import subject
from inventory.model import Duty
from state.desk import desk_results
from state.index import index
from state.judge import Judge, judge
from state.memory import Memory
from state.verdict import Fault, Verdict
from tests.scenarios.estate import CENTERS, Small, small
from tests.scenarios.world import START

OK, DEGRADED, DOWN, UNKNOWN = Status
SMALL: Small = small()
INDEX = index(SMALL.estate, SMALL.checks)
PAIRS = [(check.id, vantage) for check in SMALL.checks for vantage in check.vantages]


def bare(verdicts: tuple[Verdict, ...]) -> dict[str, object]:
    """What must agree: everything but when it was judged and how old the votes were then."""
    return {v.subject: (v.status, v.fault, v.cause, v.because.code) for v in verdicts}


def told(memory: Memory, says: dict[tuple[str, str], Status], at: float, reach: dict[str, bool]) -> None:
    """Every pair answers ok, but for those in ``says``."""
    results = [Result(check, vantage, says.get((check, vantage), OK), "x", at, 0.1) for check, vantage in PAIRS]
    memory.take([*results, *desk_results(reach, at)], at)


def judged(says: dict[tuple[str, str], Status], reach: dict[str, bool] | None = None) -> dict[str, Verdict]:
    """The verdicts after a healthy start and three rounds of the same answers."""
    memory, reached = Memory(INDEX), dict.fromkeys(CENTERS, True)
    for step in range(6):
        told(memory, says if step > 2 else {}, START + 10 * step, (reach or reached) if step > 2 else reached)
    verdicts = judge(SMALL.estate, SMALL.checks, memory.signals.values(), START + 51)
    return {verdict.subject: verdict for verdict in verdicts}


pairs = st.sampled_from(PAIRS)
rounds = st.lists(
    st.dictionaries(pairs, st.sampled_from([DEGRADED, DOWN, UNKNOWN]), max_size=12), min_size=2, max_size=8
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rounds, st.lists(st.integers(1, 40), min_size=8, max_size=8), st.sets(st.sampled_from(CENTERS)))
def test_judging_what_changed_equals_judging_everything(
    answers: list[dict[tuple[str, str], Status]], pauses: list[int], lost: set[str]
) -> None:
    memory, incremental = Memory(INDEX), Judge(INDEX)
    now = START
    for step, says in enumerate(answers):
        now += pauses[step]
        told(memory, says, now, {center: center not in lost or step == 0 for center in CENTERS})
        for later in (now, now + 16, now + 37):
            quick = incremental.judge(memory.scene(later), memory.touched(later))
            assert bare(quick) == bare(judge(SMALL.estate, SMALL.checks, memory.signals.values(), later))
        now += 37


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(CENTERS), st.sets(st.sampled_from(PAIRS)), st.booleans())
def test_no_single_voice_takes_a_center_down(voice: str, failing: set[tuple[str, str]], desk: bool) -> None:
    """Whatever one vantage says of everything, and even if the desk alone loses one center besides."""
    says = {pair: DOWN for pair in failing if pair[1] == voice}
    reach = {center: desk or center != voice for center in CENTERS}
    verdicts = judged(says, reach)
    for center in CENTERS:
        assert verdicts[subject.center(center)].status is not DOWN
        assert verdicts[subject.center(center)].fault is not Fault.ISOLATED


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(pairs, st.sampled_from([UNKNOWN]), max_size=len(PAIRS)))
def test_unknown_answers_never_make_anything_down(says: dict[tuple[str, str], Status]) -> None:
    verdicts = judged(says)
    assert DOWN not in {verdict.status for verdict in verdicts.values()}


def test_nothing_known_is_unknown_everywhere() -> None:
    verdicts = judge(SMALL.estate, SMALL.checks, [], START)
    assert {verdict.status for verdict in verdicts} == {UNKNOWN}


def test_stale_answers_are_unknown_everywhere() -> None:
    memory = Memory(INDEX)
    told(memory, {}, START, dict.fromkeys(CENTERS, True))
    verdicts = judge(SMALL.estate, SMALL.checks, memory.signals.values(), START + 3600)
    assert {verdict.status for verdict in verdicts} == {UNKNOWN}


def component(part: str, center: str = "cloud") -> str:
    kind = {"app": "app", "db": "db"}[part]
    return f"marriage/{part}@{center}/{center}-{kind}/http"


def test_outside_failure_with_inside_success_is_path_trouble_and_noted() -> None:
    check = component("app")
    verdict = judged({(check, "bigdata"): DOWN, (check, "dr"): DOWN})["component:marriage/app@cloud"]
    assert (verdict.status, verdict.because.code) == (OK, "component.path_noted")
    assert verdict.because.facts["from"] == "bigdata, dr"


def test_inside_failure_with_outside_success_is_degraded() -> None:
    verdict = judged({(component("app"), "cloud"): DOWN})["component:marriage/app@cloud"]
    assert (verdict.status, verdict.because.code) == (DEGRADED, "component.inside_fails")


def test_a_broken_login_on_a_host_that_otherwise_answers_is_no_dead_host() -> None:
    verdict = judged({("host/cloud-app/ssh", center): DOWN for center in CENTERS})["host:cloud-app"]
    assert (verdict.status, verdict.fault, verdict.because.code) == (DEGRADED, Fault.SERVICE, "host.login_fails")


def test_a_system_that_is_down_with_its_dependency_is_blamed_on_it() -> None:
    exchange = "data-hub/exchange@cloud/cloud-xchg/http"
    says = {(exchange, center): DOWN for center in CENTERS}
    says |= {("system/marriage/cloud-entry/read", center): DOWN for center in CENTERS}
    verdicts = judged(says)
    marriage = verdicts["system:marriage"]
    assert (marriage.fault, marriage.because.code) == (Fault.DEPENDENCY, "system.dependency_down")
    assert verdicts[str(marriage.cause)].status is DOWN
    assert marriage.cause == "component:data-hub/exchange@cloud", "the root, not what lies between"


@cache
def _two_tier() -> Small:
    """Marriage registration with its app active in two centers, both of them needed, and no journey."""
    base = SMALL.estate
    hub, marriage = base.systems
    app, db = marriage.components
    active = {center: placed.model_copy(update={"duty": Duty.ACTIVE}) for center, placed in app.placement.items()}
    parts = (app.model_copy(update={"placement": active, "needs": 2}), db)
    changed = base.model_copy(update={"systems": (hub, marriage.model_copy(update={"components": parts}))})
    return Small(changed, tuple(check for check in SMALL.checks if not check.subject.startswith("system:")))


def test_a_tier_needs_k_of_its_active_placements() -> None:
    def status(down: int, unknown: int) -> Status:
        built = _two_tier()
        memory = Memory(index(built.estate, built.checks))
        ids = [component("app", center) for center in CENTERS]
        bad = dict(zip(ids, [DOWN] * down + [UNKNOWN] * unknown, strict=False))
        for step in range(6):
            at = START + 10 * step
            memory.take(
                [
                    Result(check.id, vantage, bad.get(check.id, OK), "x", at, 0.1)
                    for check in built.checks
                    for vantage in check.vantages
                ],
                at,
            )
        found = judge(built.estate, built.checks, memory.signals.values(), START + 51)
        return next(verdict.status for verdict in found if verdict.subject == "system:marriage")

    assert [status(0, 0), status(1, 0), status(0, 1)] == [OK, DEGRADED, OK]
    assert [status(1, 1), status(0, 2), status(2, 0)] == [UNKNOWN, UNKNOWN, DOWN]


def test_a_host_name_is_only_ever_a_fact() -> None:
    """What targets say travels in facts; codes and subjects stay ours."""
    memory = Memory(INDEX)
    hostile = "{{ lookup('pipe','id') }} {0.__class__} <script>"
    for step in range(4):
        results = [Result(check, at, DOWN, hostile, START + 10 * step, 0.1) for check, at in PAIRS]
        memory.take(results, START + 10 * step)
    verdicts = judge(SMALL.estate, SMALL.checks, memory.signals.values(), START + 31)
    assert all(hostile not in verdict.because.code + verdict.subject for verdict in verdicts)
    assert replace(verdicts[0], at=0.0).at == 0.0
