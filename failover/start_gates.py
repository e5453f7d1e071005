"""The gates of a real run: what is looked at for them through the hands, handed to ``failover/gates.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from failover.concrete import Call, ConcretePlan
from failover.gates import judge_all
from failover.ports import Reply
from failover.preflight_gates import Ask, Opinion
from failover.reasons import say
from failover.seen import Judged, Seen

#: Adds what is not the hands' to see: vantages, the watch's verdicts, guard periods, clocks.
More = Callable[[ConcretePlan, Seen], Seen]


@dataclass(frozen=True, slots=True)
class DeskGates:
    """Asks the hosts and judges every gate of the plan."""

    more: More = lambda _, seen: seen

    async def judge(self, plan: ConcretePlan, warmed: Mapping[str, Reply], ask: Ask) -> Sequence[Opinion]:
        """All gates, however many stop the run."""
        seen = await look(plan, warmed, ask)
        return [_opinion(judged) for judged in judge_all(plan, self.more(plan, seen))]


async def look(plan: ConcretePlan, warmed: Mapping[str, Reply], ask: Ask) -> Seen:
    """What the hosts say now. That no other run is under way the lock has settled."""
    places = [call.host for call in (*plan.writers, *plan.entries)]
    capacity = [Call("capacity", host) for host in dict.fromkeys(places)]
    calls = [*plan.writers, *plan.entries, *capacity]
    replies = list(await ask(calls))
    first, second = len(plan.writers), len(plan.writers) + len(plan.entries)
    seen = Seen(
        alive=dict(warmed),
        databases=_by_host(calls[:first], replies[:first]),
        entries=_by_host(calls[first:second], replies[first:second]),
        capacity=_by_host(calls[second:], replies[second:]),
    )
    return replace(seen, other_runs=())


def _by_host(calls: Sequence[Call], replies: Sequence[Reply]) -> dict[str, Reply]:
    return {call.host: reply for call, reply in zip(calls, replies, strict=True)}


def _opinion(judged: Judged) -> Opinion:
    said = {lang: say(judged.because, lang) for lang in ("zh", "en")}
    return Opinion(judged.gate, judged.result.value, said["en"], judged.hard, judged.because.code, said)
