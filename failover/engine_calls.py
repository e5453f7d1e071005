"""Calls going out together through the hands, and their replies put on record."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from failover import chain
from failover.actions import ACTIONS
from failover.concrete import Call, Found, Value
from failover.engine_together import together
from failover.engine_work import Work
from failover.ports import Outcome, Reply
from failover.records import Kind
from inventory.errors import OperatorError

_GRACE = 10.0  #: seconds that hands may need beyond a call's time-out to say that it timed out
_MOST = 50_000  #: bytes of facts of one reply

Answers = list[tuple[Call, Reply]]


class Outranked(OperatorError):
    """A host has seen a newer epoch: another desk has taken over."""


def changes(calls: Sequence[Call]) -> bool:
    """Whether any of the calls changes something."""
    return any(call.action not in ACTIONS or ACTIONS[call.action].changes for call in calls)


def judge(answers: Answers) -> tuple[Outcome, str]:
    """All must be done; what surely is not so comes before what is not known."""
    for bad in (Outcome.FAILED, Outcome.REFUSED, Outcome.UNKNOWN):
        for call, reply in answers:
            if reply.outcome is bad:
                return bad, f"{call.action} on {call.host}: {reply.says or bad.value}"[:500]
    return Outcome.DONE, ""


def described(calls: Sequence[Call]) -> list[dict[str, object]]:
    """Calls for the record."""
    return [
        {"action": call.action, "host": call.host, "give": {key: _shown(value) for key, value in call.give.items()}}
        for call in calls
    ]


def _shown(value: Value | Found) -> object:
    if isinstance(value, Found):
        return f"${value.step}.{value.fact}"
    return list(value) if isinstance(value, tuple) else value


def act_name(step: str, part: str, index: int) -> str:
    """What hosts call one call of a step: the same however often it is asked."""
    return f"{step}/{part}/{index}"


async def carry(
    work: Work, calls: Sequence[Call], *, step: str, part: str, attempt: int, timeout: float, urgent: bool
) -> Answers:
    """Carry out calls together. Each reply is on record when this returns."""

    async def one(index: int, call: Call) -> tuple[Call, Reply]:
        reply = await _act(work, call, timeout, urgent, act_name(step, part, index))
        said = {"step": step, "part": part, "attempt": attempt, "call": index, "host": call.host}
        facts = _bounded(reply.facts)
        work.note(
            Kind.REPLY,
            {
                **said,
                "action": call.action,
                "outcome": reply.outcome.value,
                "says": reply.says[:500],
                "facts": facts,
                "took": round(reply.took, 6),
            },
        )
        return call, reply

    return await together(*(one(index, call) for index, call in enumerate(calls)))


async def look(work: Work, calls: Sequence[Call], timeout: float, *, urgent: bool = True) -> Answers:
    """Ask without a record of each reply; only for calls that change nothing."""

    async def one(call: Call) -> tuple[Call, Reply]:
        return call, await _act(work, call, timeout, urgent)

    return await together(*(one(call) for call in calls))


async def _act(work: Work, call: Call, timeout: float, urgent: bool, act: str = "") -> Reply:
    work.lock.check()
    if changes((call,)) and work.kill.on():
        return Reply(Outcome.REFUSED, "the kill switch is on")
    give = filled(call, work)
    if isinstance(give, str):
        return Reply(Outcome.REFUSED, give)
    try:
        async with asyncio.timeout(timeout + _GRACE):
            reply = await work.hands.act(call, give, replace(work.token, act=act), timeout=timeout, urgent=urgent)
    except TimeoutError:
        return Reply(Outcome.UNKNOWN, f"no answer in {timeout:g} s", took=timeout)
    _outranked(work, call.host, reply)
    return reply


def _outranked(work: Work, host: str, reply: Reply) -> None:
    seen, run = reply.facts.get("epoch"), reply.facts.get("run", "")
    same = reply.outcome is Outcome.REFUSED and seen == work.token.epoch and run not in ("", work.token.run)
    if type(seen) is int and (seen > work.token.epoch or same):
        raise Outranked(
            f"{host} has been given epoch {seen}, this desk holds {work.token.epoch}: another desk has taken over. "
            "If that desk is lost for good, resume with `--take-over REASON`."
        )


def filled(call: Call, work: Work) -> Mapping[str, Value] | str:
    """The inputs with every fact found filled in; a text that says which one is missing."""
    give: dict[str, Value] = {}
    for key, value in call.give.items():
        if isinstance(value, Found):
            found = work.standing.facts(value.step).get(value.fact)
            if found is None:
                return f"`{value.step}` found no `{value.fact}`"
            give[key] = tuple(str(each) for each in found) if isinstance(found, list | tuple) else found
        else:
            give[key] = value
    return give


def _bounded(facts: Mapping[str, object]) -> Mapping[str, object]:
    """Facts that the journal can hold; others are left out, and that is said."""
    try:
        size = len(chain.canonical(facts))
    except (ValueError, TypeError, RecursionError):
        return {"left_out": "not plain values"}
    return facts if size <= _MOST else {"left_out": f"{size} bytes"}
