"""The gates before a run: each one's inputs and the function that judges what was seen. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from failover import gate_database, gate_places, gate_run
from failover.concrete import ConcretePlan
from failover.gate_words import Answer
from failover.plan import Gate
from failover.seen import Judged, Passed, Seen
from inventory.notation import seconds
from state.verdict import Reason

Input = Literal["seconds", "integer"]


@dataclass(frozen=True, slots=True)
class GateCard:
    """One gate: what it is given, and who judges it."""

    id: str
    judge: Callable[[ConcretePlan, Seen, Mapping[str, Any]], Answer]
    needs: Mapping[str, Input] = field(default_factory=dict)


_ALL = (
    GateCard("hosts-answer", gate_places.hosts_answer),
    GateCard("one-writer", gate_database.one_writer),
    GateCard("replication-sync", gate_database.replication_sync),
    GateCard("lag-within-rpo", gate_database.lag_within_rpo, {"limit": "seconds"}),
    GateCard("entries-serve", gate_places.entries_serve),
    GateCard("survivor-capacity", gate_places.survivor_capacity),
    GateCard("disk-free", gate_places.disk_free, {"least_mib": "integer"}),
    GateCard("clocks-agree", gate_places.clocks_agree, {"limit": "seconds"}),
    GateCard("probes-fine-enough", gate_run.probes_fine_enough, {"period": "seconds", "timeout": "seconds"}),
    GateCard("no-other-run", gate_run.no_other_run),
    GateCard("guard-period", gate_run.guard_period),
)
GATES: Mapping[str, GateCard] = {card.id: card for card in _ALL}


def typed(written: object, wanted: Input) -> float | int | None:
    """An input as the gate's function takes it; None when it is not one."""
    if wanted == "integer":
        return written if isinstance(written, int) and not isinstance(written, bool) and written >= 0 else None
    try:
        found = seconds(written)
    except ValueError:
        return None
    return found if isinstance(found, float) else None


def given(gate: Gate) -> dict[str, float | int]:
    """The inputs of a gate that lint has let pass."""
    values = {key: typed(gate.give.get(key), wanted) for key, wanted in GATES[gate.gate].needs.items()}
    return {key: value for key, value in values.items() if value is not None}


def judge(gate: Gate, plan: ConcretePlan, seen: Seen) -> Judged:
    """One gate's answer."""
    card = GATES.get(gate.gate)
    give = given(gate) if card else {}
    if card is None or len(give) < len(card.needs):
        return Judged(gate.gate, gate.hard, Passed.UNKNOWN, Reason("gate.not_known", {"gate": gate.gate}))
    result, because = card.judge(plan, seen, give)
    return Judged(gate.gate, gate.hard, result, because)


def judge_all(plan: ConcretePlan, seen: Seen) -> tuple[Judged, ...]:
    """Every gate of a plan, in its order; all are judged, however many stop the run."""
    return tuple(judge(gate, plan, seen) for gate in plan.plan.gates)
