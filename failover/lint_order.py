"""Lint: the order of steps, and what must stand before what: fence, catch up, clear, promote, move clients. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from failover.graph import before, cyclic, needs, outage
from failover.lint_inputs import Written, acts_of
from failover.plan import Kind, Mode, Step
from failover.plan_load import PlanFile
from inventory.errors import Problem
from inventory.node import shown
from inventory.wording import nearest

Problems = Iterator[Problem]
_FENCES = ("pg-fence", "pg-stop-receiving", "patroni-switchover")


def needs_name_steps(file: PlanFile) -> Problems:
    """``needs`` names other steps of this plan, each once."""
    known = [step.id for step in file.plan.steps]
    for step in file.plan.steps:
        for at, name in enumerate(step.needs):
            mark = file.mark("steps", step.id, "needs", at)
            if name == step.id:
                yield Problem(mark, name, "waits for itself", "remove it")
            elif name not in known:
                yield Problem(mark, shown(name), "is no step of this plan", nearest(name, known))
            elif name in step.needs[:at]:
                yield Problem(mark, name, f"is twice in the needs of `{step.id}`", "keep one")


def needs_come_to_an_end(file: PlanFile) -> Problems:
    """No step waits for itself by way of others."""
    graph = {name: tuple(need for need in waits if need != name) for name, waits in needs(file.plan.steps).items()}
    ring = cyclic(graph)
    if ring:
        message = "waits for itself by way of other steps"
        instead = f"break the ring among: {', '.join(ring[:8])}"
        yield Problem(file.mark("steps", ring[0], "needs"), ring[0], message, instead)


def at_most_one_promote(file: PlanFile) -> Problems:
    """Two promotions in one run are two writers."""
    for step in _of(file, Kind.PROMOTE)[1:]:
        first = _of(file, Kind.PROMOTE)[0]
        message = f"is a second promote, besides `{first.id}`"
        yield Problem(file.mark("steps", step.id, "kind"), step.id, message, "make the return a plan of its own")


def promote_after_a_proved_fence(file: PlanFile) -> Problems:
    """Fence, prove, then promote (rule R2): the proof is a write at the old writer that was refused."""
    graph = needs(file.plan.steps)
    for step in _of(file, Kind.PROMOTE):
        fences = [one for one in _of(file, Kind.FENCE) if one.id in before(graph, step.id)]
        if not fences:
            message = "promotes without a fence surely before it"
            instead = "let it need a step of kind fence, directly or by way of others"
            yield Problem(file.mark("steps", step.id), step.id, message, instead)
        elif not any(_proves(one) for one in fences):
            message = "promotes after a fence that proves nothing"
            instead = f"verify `{fences[0].id}` by pg-refused-write with target $from.database, and not as optional"
            yield Problem(file.mark("steps", step.id), step.id, message, instead)


def _proves(step: Step) -> bool:
    refused = (act for act in step.verify if act.action == "pg-refused-write")
    return not step.optional and any(act.give.get("target") == "$from.database" for act in refused)


def fences_are_proved(file: PlanFile) -> Problems:
    """Every fence ends with a refused write, tried from a host that was not fenced."""
    for step in _of(file, Kind.FENCE):
        proofs = [one for one in acts_of(step) if one.part == "verify" and one.act.action == "pg-refused-write"]
        if not proofs:
            instead = "verify it by pg-refused-write from another center"
            yield Problem(file.mark("steps", step.id), step.id, "is a fence without a proof", instead)
        for proof in proofs:
            if f"${proof.act.by or proof.act.on}" == proof.act.give.get("target"):
                instead = "write `by:` with a place in another center, like to.database"
                yield Problem(file.mark(*proof.path), step.id, "is proved by the very server that was fenced", instead)
        if step.do and not any(act.action in _FENCES for act in step.do):
            instead = f"do {' or '.join(_FENCES)}"
            yield Problem(file.mark("steps", step.id, "do"), step.id, "is a fence that stops nobody", instead)


def caught_up_before_promote(file: PlanFile) -> Problems:
    """What the fence found as the end of the log is in the new writer before it is promoted."""
    graph = needs(file.plan.steps)
    for step in _of(file, Kind.PROMOTE):
        earlier = [one for one in file.plan.steps if one.id in before(graph, step.id)]
        if not any(act.action == "pg-catch-up" for one in earlier for act in one.do):
            instead = "let it need a step that does pg-catch-up with the fence's lsn"
            yield Problem(file.mark("steps", step.id), step.id, "promotes without catching up first", instead)


def sync_cleared_before_promote(file: PlanFile) -> Problems:
    """A promoted copy that still waits for synchronous copies acknowledges nothing, and its sessions run out."""
    graph = needs(file.plan.steps)
    for step in _of(file, Kind.PROMOTE):
        earlier = [one for one in file.plan.steps if one.id in before(graph, step.id)]
        if not any(_clears(one) for first in earlier for one in acts_of(first)):
            message = "promotes without clearing synchronous_standby_names first"
            instead = "let it need a step that does pg-set-sync on to.database with `standbys: []`"
            yield Problem(file.mark("steps", step.id), step.id, message, instead)


def _clears(one: Written) -> bool:
    act = one.act
    return one.part == "do" and (act.action, act.on, act.give.get("standbys")) == ("pg-set-sync", "to.database", [])


def clients_move_after_the_promote(file: PlanFile) -> Problems:
    """Nobody is sent to a server that does not write yet."""
    graph = needs(file.plan.steps)
    promotes = {step.id for step in _of(file, Kind.PROMOTE)}
    for step in _of(file, Kind.TRAFFIC):
        if promotes and not promotes & before(graph, step.id):
            instead = f"add `{min(promotes)}` to its needs"
            message = "moves clients without a promote surely before it"
            yield Problem(file.mark("steps", step.id), step.id, message, instead)


def clients_wait_for_no_slow_step(file: PlanFile) -> Problems:
    """Between fence and traffic everything runs over connections that are already open, and nobody is asked."""
    waited = set(outage(file.plan.steps, Mode.GRACEFUL))
    for step in file.plan.steps:
        if step.id not in waited:
            continue
        mark = file.mark("steps", step.id)
        if step.kind is Kind.HUMAN:
            yield Problem(mark, step.id, "keeps clients waiting for a person", "ask before the fence, or after traffic")
        elif not step.urgent:
            message = "is not urgent, and stands between fence and traffic"
            yield Problem(mark, step.id, message, "add `urgent: true`")


def copies_rejoin_after_the_promote(file: PlanFile) -> Problems:
    """No copy is brought under a server that is not the writer yet."""
    graph = needs(file.plan.steps)
    promotes = {step.id for step in _of(file, Kind.PROMOTE)}
    for step in _of(file, Kind.REJOIN):
        if promotes and not promotes & before(graph, step.id):
            instead = f"add `{min(promotes)}` to its needs"
            yield Problem(file.mark("steps", step.id), step.id, "rejoins without a promote surely before it", instead)


def injects_name_steps(file: PlanFile) -> Problems:
    """What a table-top throws in comes at a step that there is."""
    known = [step.id for step in file.plan.steps]
    for at, inject in enumerate(file.plan.injects):
        if inject.at not in known:
            yield Problem(
                file.mark("injects", at, "at"), inject.at, "is no step of this plan", nearest(inject.at, known)
            )


def _of(file: PlanFile, kind: Kind) -> list[Step]:
    return [step for step in file.plan.steps if step.kind is kind]


RULES: tuple[Callable[[PlanFile], Problems], ...] = (
    needs_name_steps,
    needs_come_to_an_end,
    at_most_one_promote,
    promote_after_a_proved_fence,
    fences_are_proved,
    caught_up_before_promote,
    sync_cleared_before_promote,
    clients_move_after_the_promote,
    clients_wait_for_no_slow_step,
    copies_rejoin_after_the_promote,
    injects_name_steps,
)
