"""The rules that hold after each step: fewer answers than servers is unknown, and unknown is never fine."""

from __future__ import annotations

from typing import Any

import pytest

from failover import invariants
from failover.abort import Silence, tripped
from failover.concrete import Call
from failover.invariants import Answers
from failover.plan import AbortWhen
from failover.ports import Outcome, Pulse, Reply
from failover.replay import Progress, Standing, StepStanding
from tests.fakes.drill_runs import plan

PLAN = plan()


def says(role: str = "", *, outcome: Outcome = Outcome.DONE, **facts: Any) -> Reply:
    return Reply(outcome, facts={"role": role, **facts} if role else facts)


SILENT = Reply(Outcome.UNKNOWN)


def answers(*replies: Reply) -> Answers:
    return [(Call("pg-state", f"db{number}"), reply) for number, reply in enumerate(replies)]


@pytest.mark.parametrize(
    ("replies", "gone", "powerless", "result"),
    [
        ((says("primary"), says("standby")), (), (), "pass"),
        ((says("primary"), says("primary")), (), (), "fail"),
        ((says("primary"), says("primary"), SILENT), (), (), "fail"),
        ((says("primary"), says("primary")), (), ("db0",), "pass"),
        ((says("primary", fenced=True), says("primary")), (), (), "pass"),
        ((says("primary"), SILENT), (), (), "unknown"),
        ((says("primary"), SILENT), ("db1",), (), "pass"),
        ((says("primary"), says("primary")), ("db1",), (), "fail"),
        ((says("primary"), says("odd")), (), (), "unknown"),
        ((says("primary"), says("primary", outcome=Outcome.FAILED)), (), (), "unknown"),
        ((says("none"), says("standby")), (), (), "pass"),
        ((), (), (), "unknown"),
    ],
)
def test_never_two_writers(
    replies: tuple[Reply, ...], gone: tuple[str, ...], powerless: tuple[str, ...], result: str
) -> None:
    assert invariants.two_writers(answers(*replies), gone, powerless).result == result


@pytest.mark.parametrize(
    ("replies", "gone", "result"),
    [
        ((says(active=["a"]), says(active=["a"])), (), "pass"),
        ((says(active=["a"]), says(active=[])), (), "fail"),
        ((says(active=["a"]), says()), (), "fail"),
        ((says(active=["a"]), SILENT), (), "unknown"),
        ((says(active=["a"]), SILENT), ("db1",), "pass"),
        ((SILENT,), ("db0",), "unknown"),
        ((), (), "unknown"),
    ],
)
def test_never_an_empty_entry(replies: tuple[Reply, ...], gone: tuple[str, ...], result: str) -> None:
    assert invariants.empty_entry(answers(*replies), gone).result == result


@pytest.mark.parametrize(
    ("replies", "result"),
    [
        ((Reply(Outcome.DONE),), "pass"),
        ((Reply(Outcome.DONE), Reply(Outcome.FAILED)), "fail"),
        ((Reply(Outcome.UNKNOWN), Reply(Outcome.FAILED)), "fail"),
        ((Reply(Outcome.DONE), Reply(Outcome.UNKNOWN)), "unknown"),
        ((), "unknown"),
    ],
)
def test_a_fence_is_proved_by_refusals_alone(replies: tuple[Reply, ...], result: str) -> None:
    assert invariants.fence_proved(answers(*replies)).result == result


def fenced(**facts: Any) -> Standing:
    return Standing(steps={"fence": StepStanding(Progress.DONE, 1, touched=True, facts=facts)})


@pytest.mark.parametrize(
    ("standing", "lsn", "result"),
    [
        (fenced(lsn=70), 70, "pass"),
        (fenced(lsn=70), 71, "pass"),
        (fenced(lsn=70), 69, "fail"),
        (fenced(lsn=70), None, "unknown"),
        (fenced(), 70, "unknown"),
        (Standing(gates={"lag-within-rpo": "pass"}), 70, "pass"),
        (Standing(gates={"lag-within-rpo": "fail"}), 70, "fail"),
        (Standing(gates={"lag-within-rpo": "unknown"}, overrides={"lag-within-rpo": "x"}), 70, "pass"),
        (Standing(), 70, "unknown"),
    ],
)
def test_the_new_writer_has_all_of_the_log(standing: Standing, lsn: int | None, result: str) -> None:
    reply = says("standby", lsn=lsn) if lsn is not None else SILENT
    assert invariants.lag(PLAN, standing, [(Call("pg-state", PLAN.new_writer), reply)]).result == result


def test_only_a_fence_that_was_carried_out_and_done_can_be_proved_again() -> None:
    calls = invariants.proofs(PLAN, fenced())
    assert calls is not None
    assert [call.action for call in calls] == ["pg-refused-write"]
    assert invariants.proofs(PLAN, Standing()) is None
    unknown = Standing(steps={"fence": StepStanding(Progress.UNKNOWN, 1, touched=True)})
    assert invariants.proofs(PLAN, unknown) is None


CONDITIONS = (
    AbortWhen.model_validate({"when": "outage-over", "limit": "10s"}),
    AbortWhen.model_validate({"when": "meters-silent", "limit": "5s"}),
    AbortWhen(when="old-writer-acks"),
    AbortWhen(when="kill-switch"),
)


@pytest.mark.parametrize(
    ("pulse", "silent", "found"),
    [
        (Pulse({"a": ""}, 10.0, 0), 0.0, None),
        (Pulse({"a": ""}, 10.1, 0), 0.0, "outage-over"),
        (Pulse({"a": ""}, None, 0), 0.0, None),
        (Pulse({"a": ""}, 0.0, 1), 0.0, "old-writer-acks"),
        (Pulse({"a": "gone"}, 0.0, 0), 5.1, "meters-silent"),
        (None, 5.1, "meters-silent"),
        (None, 5.0, None),
    ],
)
def test_conditions_that_end_a_run(pulse: Pulse | None, silent: float, found: str | None) -> None:
    tripping = tripped(CONDITIONS, pulse, silent)
    assert (tripping[0] if tripping else None) == found


def test_silence_is_counted_from_its_first_moment() -> None:
    silence, loud, mute = Silence(), Pulse({"a": "", "b": "gone"}, 0.0, 0), Pulse({"a": "gone"}, None, 0)
    looks = [(loud, 0.0), (mute, 1.0), (None, 3.0), (loud, 4.0), (mute, 5.0), (Pulse({}, None, 0), 7.5)]
    assert [silence.seconds(pulse, now) for pulse, now in looks] == [0.0, 0.0, 2.0, 0.0, 0.0, 2.5]
