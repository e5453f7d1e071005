"""A plan as it would run in today's estate: each step with who, what, proof, undo, time; or why it would not. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from failover.bind import Refusal, bind
from failover.concrete import Call, ConcretePlan, ConcreteStep, Found, Value
from failover.gates import judge_all
from failover.graph import ends, needs, only, outage
from failover.plan import Kind, Mode, Plan
from failover.plan_load import PlanFile
from failover.reasons import say
from failover.seen import Judged, Seen
from inventory.model import Estate, Name
from state.verdict import Reason


@dataclass(frozen=True, slots=True)
class Line:
    """One step, ready to be printed."""

    step: ConcreteStep
    role: Name | None  #: who is asked; None: hosts do it
    estimate: float
    waited: float | None  #: seconds that clients have waited when it ends; None: they do not wait for it

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that carry it out."""
        return tuple(dict.fromkeys(call.host for call in self.step.do))


@dataclass(frozen=True, slots=True)
class Today:
    """The answer to ``ops drill plan``."""

    plan: Plan
    bound: ConcretePlan | None  #: None: refused
    reasons: tuple[Reason, ...]  #: everything that stands in the way
    lines: tuple[Line, ...] = ()
    gates: tuple[Judged, ...] | None = None  #: None: nobody looked at the hosts
    waits: float = 0.0  #: seconds that clients are estimated to wait, people's time included where it is unplanned
    takes: float = 0.0  #: seconds from the first step to the last

    @property
    def refused(self) -> bool:
        """Whether it would not run."""
        return bool(self.reasons)

    def to_json(self, lang: str) -> dict[str, Any]:
        """The same as plain data, reasons in words."""
        return {
            "plan": self.plan.plan,
            "name": self.plan.name.said(lang),
            "refused": [say(reason, lang) for reason in self.reasons],
            "centers": dict(self.bound.centers) if self.bound else {},
            "old_writer": self.bound.old_writer if self.bound else None,
            "new_writer": self.bound.new_writer if self.bound else None,
            "gates": None if self.gates is None else [_gate(one, lang) for one in self.gates],
            "steps": [_line(line, lang) for line in self.lines],
            "clients_wait_seconds": self.waits,
            "takes_seconds": self.takes,
        }


def today(file: PlanFile, estate: Estate, seen: Seen | None = None, mode: Mode | None = None) -> Today:
    """The plan in this estate; ``seen`` is what was found when the hosts were asked."""
    bound = bind(file, estate, mode)
    if isinstance(bound, Refusal):
        return Today(file.plan, None, bound.reasons)
    gates = None if seen is None else judge_all(bound, seen)
    reasons = tuple(gate.because for gate in gates or () if gate.stops)
    return _timed(bound, reasons, gates, mode or file.plan.mode)


def _timed(bound: ConcretePlan, reasons: tuple[Reason, ...], gates: tuple[Judged, ...] | None, mode: Mode) -> Today:
    steps = [step.step for step in bound.steps]
    took = {step.id: step.estimate for step in steps}
    waited = ends(only(needs(steps), outage(steps, mode)), took)
    roles = {duty.id: duty.name for duty in bound.plan.roles}
    lines = tuple(
        Line(
            step,
            roles.get(step.step.role or "") if step.kind is Kind.HUMAN else None,
            step.step.estimate,
            waited.get(step.id),
        )
        for step in bound.steps
    )
    takes = max(ends(needs(steps), took).values(), default=0.0)
    return Today(bound.plan, bound, reasons, lines, gates, max(waited.values(), default=0.0), takes)


def told(calls: Iterable[Call], here: Collection[str] = ()) -> list[str]:
    """Calls in lines, those that differ only by their host in one: ``pg-catch-up lsn=$fence.lsn @bigdata-db``.

    ``here``: the hosts that go without saying.
    """
    lines: dict[str, list[str]] = {}
    for call in calls:
        given = " ".join(f"{key}={_value(value)}" for key, value in call.give.items())
        lines.setdefault(f"{call.action} {given}".rstrip(), []).append(call.host)
    return [what if hosts == list(here) else f"{what} @{','.join(hosts)}" for what, hosts in lines.items()]


def _value(value: Value | Found) -> str:
    if isinstance(value, Found):
        return f"${value.step}.{value.fact}"
    if isinstance(value, tuple):
        return f"[{','.join(value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def undo_of(step: ConcreteStep, lang: str) -> str:
    """How a step is taken back, or why it need not be; empty when it changes nothing."""
    undo = step.step.undo
    if step.undo:
        return "; ".join(told(step.undo))
    return undo.none.said(lang) if undo and undo.none else ""


def _gate(judged: Judged, lang: str) -> Mapping[str, Any]:
    return {
        "gate": judged.gate,
        "hard": judged.hard,
        "result": judged.result.value,
        "because": say(judged.because, lang),
    }


def _line(line: Line, lang: str) -> Mapping[str, Any]:
    step = line.step
    return {
        "id": step.id,
        "kind": step.kind.value,
        "name": step.step.name.said(lang),
        "needs": list(step.step.needs),
        "who": line.role.said(lang) if line.role else list(line.hosts),
        "ask": step.step.ask.said(lang) if step.step.ask else None,
        "do": told(step.do),
        "verify": told(step.verify),
        "undo": undo_of(step, lang),
        "by_hand": step.step.undo.by_hand.said(lang) if step.step.undo and step.step.undo.by_hand else None,
        "estimate_seconds": line.estimate,
        "clients_waited_seconds": line.waited,
        "no_return": step.step.no_return,
        "optional": step.step.optional,
    }
