"""The real world of a run: hands over SSH, meters at their vantages, and gates judged by what the hosts say now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from failover.concrete import Call, ConcretePlan
from failover.gate_words import number
from failover.gates import judge_all
from failover.guard_periods import in_force, without_days
from failover.hands import open_hands
from failover.measuring import meters_of
from failover.ports import Hands, Outcome, Reply, Token
from failover.preflight_gates import Ask, Opinion
from failover.reasons import say
from failover.seen import ClockOff, Heard, Judged, Seen, Vantage
from failover.start import Reach
from failover.watch_memory import remembered
from inventory.errors import OperatorError
from inventory.model import Estate

_PATIENCE = 10.0  #: seconds for one question
_POSTGRES = 5432  #: where a database listens whose host does not say otherwise


def reach(estate: Estate, store: str = "") -> Reach:
    """How a run in this estate reaches the world. Raises OperatorError when the estate cannot be measured.

    ``store``: address of the watch's store, which remembers a writer that answers no more; empty: nobody remembers.
    """
    if estate.meters is None:
        raise OperatorError(f"{estate.folder} has no meters.yml: what clients see could not be measured")
    return Reach(
        hands=lambda folder: open_hands(estate, folder.runs),
        meters=lambda plan, folder, epoch: meters_of(estate, plan, folder, epoch, _address(estate, plan.new_writer)),
        gates=lambda _: LiveGates(estate, store),
        old_address=lambda plan: _address(estate, plan.old_writer),
    )


def _address(estate: Estate, host: str) -> str:
    found = estate.host(host)
    return f"{found.address}:{found.labels.get('postgres-port', _POSTGRES)}"


@dataclass(frozen=True, slots=True)
class LiveGates:
    """Implements ``failover.preflight_gates.Gates``: asks the hosts, changes nothing, lets the pure gates judge."""

    estate: Estate
    store: str = ""

    async def judge(self, plan: ConcretePlan, warmed: Mapping[str, Reply], ask: Ask) -> Sequence[Opinion]:
        """Every gate of the plan, by what is seen at this moment."""
        return [_opinion(one) for one in judge_all(plan, await self.see(plan, warmed, ask))]

    async def see(self, plan: ConcretePlan, warmed: Mapping[str, Reply], ask: Ask) -> Seen:
        """What the gates are judged by; hosts that did not answer are not asked again."""
        there = [host for host, reply in warmed.items() if reply.outcome is Outcome.DONE]
        calls = [
            *(call for call in (*plan.writers, *plan.entries) if call.host in there),
            *(Call("capacity", call.host) for call in plan.writers if call.host in there),
            *(Call("host-alive", host) for host in there),
        ]
        began = time.time()
        replies = await ask(calls)
        told: dict[str, dict[str, Reply]] = {}
        for call, reply in zip(calls, replies, strict=True):
            told.setdefault(call.action, {})[call.host] = reply
        return Seen(
            alive=warmed,
            databases=told.get("pg-state", {}),
            entries=told.get("entry-state", {}),
            capacity=told.get("capacity", {}),
            heard=await self._heard(plan),
            clocks=_clocks(told.get("host-alive", {}), began, time.time()),
            other_runs=(),  # the lock is held, and it is given to nobody while a run is open
            vantages=self._vantages(),
            freezes=in_force(self.estate, began),
            undated=without_days(self.estate, began),
        )

    async def _heard(self, plan: ConcretePlan) -> Heard:
        """What the watch remembers of the old writer."""
        if not self.store:
            return Heard()
        return await asyncio.to_thread(remembered, self.estate, self.store, plan.old_writer)

    def _vantages(self) -> dict[str, Vantage]:
        """How finely each vantage is set to measure; whether it does is seen when the meters start."""
        meters = self.estate.meters
        if meters is None:
            return {}
        return {one.id: Vantage("", meters.probes.period, meters.probes.timeout) for one in meters.vantages}


async def look(plan: ConcretePlan, estate: Estate, store: str = "") -> Seen:
    """Ask the hosts of a plan outside of any run; nothing is changed and nothing is kept."""
    with TemporaryDirectory(prefix="tricenter-") as scratch:
        hands = open_hands(estate, Path(scratch))
        try:
            warmed = await hands.warm([host for host in plan.hosts if host not in plan.gone])
            return await LiveGates(estate, store).see(plan, warmed, _asker(hands))
        finally:
            await hands.close()


def _asker(hands: Hands) -> Ask:
    nobody = Token("look", 0)  # questions need no right to act

    async def ask(calls: Sequence[Call]) -> Sequence[Reply]:
        acts = (hands.act(call, {}, nobody, timeout=_PATIENCE, urgent=True) for call in calls)
        return await asyncio.gather(*acts)

    return ask


def _clocks(alive: Mapping[str, Reply], began: float, ended: float) -> dict[str, ClockOff]:
    """Each host read its clock at some moment between ``began`` and ``ended`` (Unix seconds of the desk)."""
    middle, error = (began + ended) / 2, (ended - began) / 2
    walls = {host: number(reply.facts.get("wall")) for host, reply in alive.items() if reply.outcome is Outcome.DONE}
    return {host: ClockOff(wall - middle, error) for host, wall in walls.items() if wall is not None}


def _opinion(judged: Judged) -> Opinion:
    because = judged.because
    said = {lang: say(because, lang) for lang in ("zh", "en")}
    return Opinion(judged.gate, judged.result.value, said["en"], judged.hard, because.code, said)
