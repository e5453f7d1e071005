"""A plan and an estate into a plan that can run, or a refusal with all its reasons. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from failover.bind_value import bound
from failover.concrete import Call, ConcretePlan, ConcreteStep, Found, Value
from failover.graph import in_mode
from failover.places import Places, keyless, places
from failover.plan import EVERYWHERE, Act, Kind, Mode, Plan, Step
from failover.plan_load import PlanFile
from inventory.model import Estate, Role
from state.verdict import Reason


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a plan cannot be carried out in an estate: everything that stands in the way, not only the first."""

    plan: str
    reasons: tuple[Reason, ...]


def bind(file: PlanFile, estate: Estate, mode: Mode | None = None) -> ConcretePlan | Refusal:
    """The plan with every place a host; ``mode``: other than the plan's own (a table-top touches nothing)."""
    plan = file.plan
    found = places(plan, estate)
    steps = tuple(_step(step, found) for step in in_mode(plan.steps, mode or plan.mode))
    reasons = _once(_reasons(plan, estate, found, steps))
    if reasons:
        return Refusal(plan.plan, reasons)
    watched = _watched(found)
    return ConcretePlan(
        plan=plan,
        digest=file.digest,
        estate_digest=estate.digest,
        centers=found.centers,
        old_writer=found.of("from.database")[0],
        new_writer=found.of("to.database")[0],
        steps=steps,
        writers=watched["databases"],
        entries=watched["entries"],
        hosts=tuple(sorted(_hosts(steps, watched))),
        gone=tuple(host.id for host in estate.hosts if host.center in found.lost),
    )


def _once(reasons: Iterator[Reason]) -> tuple[Reason, ...]:
    return tuple({(reason.code, *sorted(reason.facts.items())): reason for reason in reasons}.values())


def _watched(found: Places) -> dict[str, tuple[Call, ...]]:
    return {
        "databases": tuple(Call("pg-state", host) for host in found.of("databases")),
        "entries": tuple(Call("entry-state", host) for host in found.of("entries")),
    }


def _hosts(steps: tuple[ConcreteStep, ...], watched: Mapping[str, tuple[Call, ...]]) -> set[str]:
    calls = [call for step in steps for call in (*step.do, *step.verify, *step.undo)]
    return {call.host for call in (*calls, *watched["databases"], *watched["entries"])}


def _step(step: Step, found: Places) -> ConcreteStep:
    return ConcreteStep(
        step=step,
        do=_calls(step.do, found),
        verify=_calls(step.verify, found),
        undo=_calls((step.undo.act,), found) if step.undo and step.undo.act else (),
    )


def _calls(acts: tuple[Act, ...], found: Places) -> tuple[Call, ...]:
    """The calls of acts; two places that are the same hosts (the writer stays) give one call."""
    calls: list[Call] = []
    for act in acts:
        give = _give(act, found)
        calls.extend(call for host in found.of(act.by or act.on) if (call := Call(act.action, host, give)) not in calls)
    return tuple(calls)


def _give(act: Act, found: Places) -> dict[str, Value | Found]:
    values = {key: bound(act.action, key, written, found.hosts) for key, written in act.give.items()}
    return {key: value for key, value in values.items() if value is not None}


def _reasons(plan: Plan, estate: Estate, found: Places, steps: tuple[ConcreteStep, ...]) -> Iterator[Reason]:
    yield from _no_such_things(plan, estate, found)
    if _has_database(plan, estate):
        yield from _no_writer(plan, found)
        yield from _empty_places(plan, estate, found)
    if not found.of("entries"):
        yield Reason("bind.no_entry", {})
    yield from _unreachable(estate, found, steps)
    yield from _no_key(estate, found, steps)
    yield from _promised(plan, estate, found)


def _no_such_things(plan: Plan, estate: Estate, found: Places) -> Iterator[Reason]:
    """The system, its database, and the centers that the plan speaks of."""
    system = next((one for one in estate.systems if one.id == plan.system), None)
    if system is None:
        yield Reason("bind.no_system", {"system": plan.system, "estate": estate.id})
    elif all(component.id != "database" for component in system.components):
        yield Reason("bind.no_database", {"system": plan.system})
    named = {word.partition(".")[0] for _, word in _words(plan)} & {*Role}
    for role in dict.fromkeys((plan.source, plan.target, *plan.lost, *sorted(named))):
        if role not in found.centers:
            yield Reason("bind.no_center", {"role": str(role), "estate": estate.id})
    if "third" in {word.partition(".")[0] for _, word in _words(plan)} and "third" not in found.centers:
        yield Reason("bind.no_third", {"estate": estate.id})


def _no_writer(plan: Plan, found: Places) -> Iterator[Reason]:
    """One server is the writer before, one after: more than one cannot be told apart."""
    for side in ("from", "to"):
        center, hosts = found.centers.get(side), found.of(f"{side}.database")
        if center and not hosts:
            yield Reason("bind.no_database_in", {"system": plan.system, "center": center})
        elif len(hosts) > 1:
            facts = {"system": plan.system, "center": str(center), "hosts": ", ".join(hosts)}
            yield Reason("bind.many_databases_in", facts)


def _has_database(plan: Plan, estate: Estate) -> bool:
    systems = (system for system in estate.systems if system.id == plan.system)
    return any(component.id == "database" for system in systems for component in system.components)


def _words(plan: Plan) -> Iterator[tuple[Step, str]]:
    """Every place that a step speaks of, also inside its inputs."""
    for step in plan.steps:
        undo = (step.undo.act,) if step.undo and step.undo.act else ()
        for act in (*step.do, *step.verify, *undo):
            yield from ((step, place) for place in (act.on, act.by) if place)
            for value in act.give.values():
                texts = value if isinstance(value, list) else [value]
                yield from ((step, text[1:]) for text in texts if isinstance(text, str) and text.startswith("$"))


def _empty_places(plan: Plan, estate: Estate, found: Places) -> Iterator[Reason]:
    """A place without hosts in a center that is there; the whole center being away is said once, above."""
    for step, word in _words(plan):
        if word not in found.hosts or found.of(word) or word in ("from.database", "to.database", "entries"):
            continue  # it has hosts, or ``_no_writer`` has said that it has none
        side, _, part = word.partition(".")
        center = estate.id if word in EVERYWHERE else found.centers[side]
        yield Reason("bind.empty_place", {"step": step.id, "part": part or word, "center": center})


def _unreachable(estate: Estate, found: Places, steps: tuple[ConcreteStep, ...]) -> Iterator[Reason]:
    """Nothing is carried out in a center that the plan takes for lost."""
    by_id = {host.id: host for host in estate.hosts}
    for step in steps:
        for call in (*step.do, *step.verify, *step.undo):
            host = by_id.get(call.host)
            if host is None:
                yield Reason("bind.gone_host", {"step": step.id, "host": call.host, "estate": estate.id})
            elif host.center in found.lost:
                yield Reason("bind.lost_host", {"step": step.id, "host": host.id, "center": host.center})


def _no_key(estate: Estate, found: Places, steps: tuple[ConcreteStep, ...]) -> Iterator[Reason]:
    for host in keyless(estate, tuple(_hosts(steps, _watched(found)))):
        yield Reason("bind.no_key", {"host": host.id, "center": host.center})


def _promised(plan: Plan, estate: Estate, found: Places) -> Iterator[Reason]:
    """No loss can be promised of a copy that is not synchronous when the writer cannot be asked for the rest."""
    system = next((one for one in estate.systems if one.id == plan.system), None)
    promotes = any(step.kind is Kind.PROMOTE for step in plan.steps)
    if system is None or not promotes or plan.mode is not Mode.UNGRACEFUL or plan.objectives.rpo > 0:
        return
    target = found.centers.get("to", "")
    if not system.replication or system.replication.to.get(target) != "sync":
        yield Reason("bind.not_sync", {"system": plan.system, "center": target})
