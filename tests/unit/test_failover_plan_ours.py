"""The plans that come with the product: each failure has one, each has a way home, and clients wait for little."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from failover.graph import after, before, needs, outage
from failover.lint import ours
from failover.plan import Class, Kind, Mode, Plan
from inventory.model import Name, Role

PLANS = {name: file.plan for name, file in ours().items()}
MOVES = [name for name, plan in PLANS.items() if any(step.kind is Kind.PROMOTE for step in plan.steps)]
PLANNED = [name for name in MOVES if PLANS[name].mode is Mode.GRACEFUL]
UNPLANNED = [name for name in MOVES if PLANS[name].mode is Mode.UNGRACEFUL]


def names(part: object) -> Iterator[Name]:
    if isinstance(part, Name):
        yield part
    elif isinstance(part, BaseModel):
        for field in type(part).model_fields:
            yield from names(getattr(part, field))
    elif isinstance(part, tuple):
        for one in part:
            yield from names(one)


def does(plan: Plan, action: str) -> list[str]:
    return [step.id for step in plan.steps if any(act.action == action for act in step.do)]


def test_every_class_of_failure_has_a_plan() -> None:
    assert {plan.klass for plan in PLANS.values()} == set(Class)


@pytest.mark.parametrize("name", PLANS)
def test_it_is_said_in_both_languages(name: str) -> None:
    for said in names(PLANS[name]):
        assert re.search(r"[\u4e00-\u9fff]", said.zh), said.zh
        assert not re.search(r"[\u4e00-\u9fff]", said.en), said.en
        assert said.zh[-1] not in ".,?!", said.zh


@pytest.mark.parametrize("name", PLANS)
def test_the_way_leads_home(name: str) -> None:
    """From wherever a plan leaves the writer, the plans of return lead to production."""
    plan, seen = PLANS[name], {name}
    while plan.target is not Role.PRODUCTION:
        assert plan.returns_by, f"{plan.plan} leaves the writer at {plan.target} and has no way back"
        plan = PLANS[plan.returns_by]
        assert plan.plan not in seen, "in a circle"
        seen.add(plan.plan)


@pytest.mark.parametrize("name", PLANNED)
def test_clients_wait_for_four_urgent_steps_only(name: str) -> None:
    assert outage(PLANS[name].steps, Mode.GRACEFUL) == ("fence", "catch-up", "promote", "point")


@pytest.mark.parametrize("name", PLANNED)
def test_copies_come_back_side_by_side_after_the_clients_were_moved(name: str) -> None:
    graph = needs(PLANS[name].steps)
    assert {"rejoin-old", "follow-third"} <= after(graph, "point")
    assert "rejoin-old" not in before(graph, "follow-third")
    assert "follow-third" not in before(graph, "rejoin-old")


@pytest.mark.parametrize("name", UNPLANNED)
def test_nothing_is_touched_before_it_is_declared(name: str) -> None:
    plan = PLANS[name]
    untouched = {"declare", *before(needs(plan.steps), "declare")}
    assert all(step.id in after(needs(plan.steps), "declare") for step in plan.steps if step.id not in untouched)
    assert all(step.kind in (Kind.CHECK, Kind.HUMAN) for step in plan.steps if step.id in untouched)


@pytest.mark.parametrize("name", UNPLANNED)
def test_somebody_vouches_for_a_writer_that_answers_nothing(name: str) -> None:
    fence = PLANS[name].step("fence")
    assert fence.ask
    assert fence.role == "operator"


@pytest.mark.parametrize("name", UNPLANNED)
def test_a_hanging_write_proves_something_only_where_the_synchronous_copy_was_stopped(name: str) -> None:
    plan = PLANS[name]
    proof = plan.step("fence").verify[0]
    stops = {act.on for act in plan.step("fence").do}
    metro = "to.database" if plan.target is Role.METRO else "third.database"
    assert proof.give.get("hung_is_refused", False) == (metro in stops)


@pytest.mark.parametrize("name", [name for name in UNPLANNED if PLANS[name].target is Role.REMOTE])
def test_a_loss_is_accepted_before_a_far_copy_is_promoted(name: str) -> None:
    accepted = [one for one in PLANS[name].approvals if one.role == "accept-loss"]
    assert [one.before for one in accepted] == ["promote"]


@pytest.mark.parametrize("name", PLANS)
def test_the_copy_in_the_same_city_is_synchronous_where_both_centers_are_there(name: str) -> None:
    plan = PLANS[name]
    pair = {Role.PRODUCTION, Role.METRO}
    back = plan.klass in (Class.SWITCHOVER, Class.FAILBACK) and plan.target in pair and name != "dr-returned"
    assert bool([step for step in does(plan, "pg-set-sync") if step == "sync-again"]) == back


@pytest.mark.parametrize("name", PLANS)
def test_what_comes_back_is_stopped_before_it_rejoins(name: str) -> None:
    plan = PLANS[name]
    graph = needs(plan.steps)
    if plan.source is not plan.target or not does(plan, "pg-fence"):
        return
    for step in does(plan, "pg-rejoin"):
        assert set(does(plan, "pg-fence")) <= before(graph, step)
        assert "divergence" in before(graph, step)
