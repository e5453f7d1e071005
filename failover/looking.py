"""Looking at the hosts for the gates: what is asked, and the replies in order. Changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from failover.concrete import Call, ConcretePlan
from failover.ports import Reply
from failover.seen import Seen

#: Asks hosts, changing nothing: the replies in the order of the calls.
Ask = Callable[[Sequence[Call]], Awaitable[Sequence[Reply]]]


def questions(plan: ConcretePlan) -> Mapping[str, tuple[Call, ...]]:
    """What is asked of whom, by the part of ``Seen`` that it fills."""
    databases = [call.host for call in plan.writers]
    weighed = dict.fromkeys([*databases, *(host for host in (plan.old_writer,) if host not in plan.gone)])
    return {
        "alive": tuple(Call("host-alive", host) for host in plan.hosts),
        "databases": plan.writers,
        "entries": plan.entries,
        "capacity": tuple(Call("capacity", host) for host in weighed),
    }


async def look(plan: ConcretePlan, ask: Ask, known: Seen | None = None) -> Seen:
    """Everything that hosts can say, beside what is ``known`` from elsewhere (the watch, the meters, the clocks)."""
    asked = questions(plan)
    calls = [call for group in asked.values() for call in group]
    replies = iter(await ask(calls))
    found = {
        part: {call.host: reply for call, reply in zip(group, replies, strict=False)} for part, group in asked.items()
    }
    alive, databases, entries, capacity = (found[part] for part in ("alive", "databases", "entries", "capacity"))
    return replace(known or Seen(), alive=alive, databases=databases, entries=entries, capacity=capacity)
