"""Lint: what is promised, and whether gates, rules and estimates can keep it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from failover.gate_run import FINE, fine_enough, width
from failover.gates import GATES, given, typed
from failover.graph import before, ends, needs, only, outage
from failover.plan import Gate, Kind, Mode
from failover.plan_load import PlanFile
from inventory.errors import Problem
from inventory.model import Role
from inventory.node import shown
from inventory.wording import nearest

Problems = Iterator[Problem]
_EXAMPLE = {"seconds": "a time like 500ms", "integer": "a whole number"}
ACCEPTS_LOSS = "accept-loss"  #: the role whose approval stands for a limit on what may be lost


def gates_are_known(file: PlanFile) -> Problems:
    """Every gate has a check, and is there once."""
    names = [gate.gate for gate in file.plan.gates]
    for at, name in enumerate(names):
        mark = file.mark("gates", at, "gate")
        if name not in GATES:
            yield Problem(mark, shown(name), "is not a gate", nearest(name, GATES))
        elif name in names[:at]:
            yield Problem(mark, name, "is a gate of this plan already", "keep one")


def gates_are_given_what_they_need(file: PlanFile) -> Problems:
    """Nothing missing, nothing unknown, everything of its kind."""
    for at, gate in enumerate(file.plan.gates):
        card = GATES.get(gate.gate)
        for key, value in gate.give.items() if card else ():
            mark = file.mark("gates", at, "give", key)
            if card and key not in card.needs:
                yield Problem(mark, shown(key), f"is no input of {gate.gate}", nearest(key, card.needs))
            elif card and typed(value, card.needs[key]) is None:
                yield Problem(mark, shown(str(value)), f"is no {key}", f"write {_EXAMPLE[card.needs[key]]}")
        for key, wanted in card.needs.items() if card else ():
            if key not in gate.give:
                mark = file.mark("gates", at, "gate")
                instead = f"add `give: {{{key}: ...}}`, {_EXAMPLE[wanted]}"
                yield Problem(mark, gate.gate, f"is not given its `{key}`", instead)


def rules_guard_what_is_done(file: PlanFile) -> Problems:
    """Who promotes is watched for two writers, who moves clients for an empty entry (rule R18)."""
    rules = {rule.rule for rule in file.plan.rules}
    for kind, rule in ((Kind.PROMOTE, "never-two-writers"), (Kind.TRAFFIC, "never-empty-entry")):
        step = next((step for step in file.plan.steps if step.kind is kind), None)
        if step and rule not in rules:
            message = f"is a {kind} step, and the plan is without the rule {rule}"
            yield Problem(file.mark("steps", step.id), step.id, message, f"add `- {{rule: {rule}}}` to its rules")


def rules_have_what_they_judge_by(file: PlanFile) -> Problems:
    """The rule on lag goes by what its gate has seen before the run."""
    for at, rule in enumerate(file.plan.rules):
        if rule.rule == "lag-within-rpo" and not _gate(file, "lag-within-rpo"):
            instead = "add the gate lag-within-rpo, or remove the rule"
            yield Problem(file.mark("rules", at, "rule"), rule.rule, "is a rule without its gate", instead)


def no_loss_needs_sync(file: PlanFile) -> Problems:
    """No loss can be promised if the copy is synchronous, or if the fenced writer's last byte is waited for."""
    if file.plan.objectives.rpo > 0 or _gate(file, "replication-sync") or not _promotes(file):
        return
    if file.plan.mode is Mode.GRACEFUL and _waits_for_all(file):
        return
    instead = "add `- {gate: replication-sync}`, or promise an rpo above 0s"
    message = "promises no loss without knowing that the copy is synchronous"
    yield Problem(file.mark("objectives", "rpo"), "0s", message, instead)


def _waits_for_all(file: PlanFile) -> bool:
    """Whether every promote comes after a catch-up to the end that a stopped writer's log had."""
    graph = needs(file.plan.steps)
    stopped = {step.id for step in file.plan.steps if any(act.action == "pg-fence" for act in step.do)}
    full = {
        step.id
        for step in file.plan.steps
        for act in step.do
        if act.action == "pg-catch-up" and act.give.get("lsn") in {f"${name}.lsn" for name in stopped}
    }
    return all(full & before(graph, step.id) for step in file.plan.steps if step.kind is Kind.PROMOTE)


def loss_is_limited(file: PlanFile) -> Problems:
    """A far copy lags: either its lag is within the promised loss, or somebody accepts what is lost."""
    if Role.REMOTE not in (file.plan.source, file.plan.target) or not _promotes(file):
        return
    if _gate(file, "lag-within-rpo") or any(one.role == ACCEPTS_LOSS for one in file.plan.approvals):
        return
    message = "moves the writer to or from an asynchronous copy without a limit on what is lost"
    instead = f"add the gate lag-within-rpo, or an approval by the role {ACCEPTS_LOSS}"
    yield Problem(file.mark("to"), str(file.plan.target), message, instead)


def lag_limit_is_within_the_promise(file: PlanFile) -> Problems:
    """The gate may not let pass what the promise forbids, unless the rest is waited for."""
    gate, promised = _gate(file, "lag-within-rpo"), file.plan.objectives.rpo
    limit = given(gate).get("limit") if gate else None
    if gate is None or limit is None or limit <= promised or _waits_for_all(file) or promised == 0:
        return
    mark = file.mark("gates", file.plan.gates.index(gate), "give", "limit")
    message = f"lets a copy pass that lags more than the promised {promised:g} s"
    yield Problem(mark, str(gate.give["limit"]), message, f"write at most {promised:g}s")


def probes_can_measure(file: PlanFile) -> Problems:
    """An interval of RTO must be narrow against its target, else the verdict is always inconclusive."""
    gate, rto = _gate(file, "probes-fine-enough"), file.plan.objectives.rto
    if gate is None:
        if _promotes(file) or any(step.kind is Kind.TRAFFIC for step in file.plan.steps):
            instead = "add `- {gate: probes-fine-enough, give: {period: 100ms, timeout: 500ms}}`"
            yield Problem(file.mark("gates"), "gates", "do not ask whether the outage can be measured", instead)
        return
    give = given(gate)
    if len(give) == 2 and not fine_enough(rto, give["period"], give["timeout"]):
        message = f"measures to {width(give['period'], give['timeout']):g} s, too coarse for an rto of {rto:g} s"
        instead = f"period and timeout together at most {FINE * rto / 2:g}s"
        yield Problem(file.mark("gates", file.plan.gates.index(gate), "give"), gate.gate, message, instead)


def estimates_keep_the_rto(file: PlanFile) -> Problems:
    """While clients wait, the longest way through the steps is estimated to end in time."""
    path = outage(file.plan.steps, file.plan.mode)
    graph = only(needs(file.plan.steps), path)
    took = ends(graph, {step.id: step.estimate for step in file.plan.steps})
    total, rto = max(took.values(), default=0.0), file.plan.objectives.rto
    if total > rto:
        message = f"is promised, but the steps while clients wait are estimated at {total:g} s: {', '.join(path)}"
        yield Problem(file.mark("objectives", "rto"), f"{rto:g}s", message, "promise more, or make them shorter")


def times_make_sense(file: PlanFile) -> Problems:
    """A step may take as long as it is estimated to; a promise of no time cannot be kept."""
    for step in file.plan.steps:
        if step.timeout < step.estimate:
            message = f"ends `{step.id}` before the {step.estimate:g} s that it is estimated to take"
            yield Problem(file.mark("steps", step.id, "timeout"), f"{step.timeout:g}s", message, "give it longer")
        if step.timeout <= 0:
            yield Problem(file.mark("steps", step.id, "timeout"), "0s", "leaves no time", "write a time like 10s")
    if file.plan.objectives.rto <= 0:
        yield Problem(file.mark("objectives", "rto"), "0s", "cannot be kept", "write a time like 60s")


def aborts_have_limits(file: PlanFile) -> Problems:
    """Conditions on time say after how long."""
    for at, abort in enumerate(file.plan.abort):
        timed = abort.when in ("outage-over", "meters-silent")
        if timed and abort.limit is None:
            mark = file.mark("abort", at, "when")
            yield Problem(mark, abort.when, "does not say after how long", "add `limit:` with a time like 45s")
        elif not timed and abort.limit is not None:
            mark = file.mark("abort", at, "limit")
            yield Problem(mark, abort.when, "holds at once and takes no limit", "remove `limit`")


def class_fits_mode(file: PlanFile) -> Problems:
    """A planned change counts on both ends; what is lost cannot help."""
    plan = file.plan
    if plan.klass == "switchover" and plan.mode is not Mode.GRACEFUL:
        yield Problem(file.mark("mode"), plan.mode, "is no mode of a switchover", "write graceful")
    if plan.klass in ("lost-center", "lost-city") and not plan.lost:
        message = "is the class of this plan, but nothing is lost in it"
        yield Problem(file.mark("class"), plan.klass, message, "add `lost:` with the centers that are gone")
    if plan.mode is Mode.GRACEFUL and plan.source in plan.lost:
        message = "is lost, and mode graceful counts on its help"
        yield Problem(file.mark("mode"), plan.source, message, "write mode: ungraceful")


def _gate(file: PlanFile, name: str) -> Gate | None:
    return next((gate for gate in file.plan.gates if gate.gate == name), None)


def _promotes(file: PlanFile) -> bool:
    return any(step.kind is Kind.PROMOTE for step in file.plan.steps)


RULES: tuple[Callable[[PlanFile], Problems], ...] = (
    gates_are_known,
    gates_are_given_what_they_need,
    rules_guard_what_is_done,
    rules_have_what_they_judge_by,
    no_loss_needs_sync,
    loss_is_limited,
    lag_limit_is_within_the_promise,
    probes_can_measure,
    estimates_keep_the_rto,
    times_make_sense,
    aborts_have_limits,
    class_fits_mode,
)
