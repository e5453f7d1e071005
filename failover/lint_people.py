"""Lint: who decides, who does, who agrees; never the same one alone (rule R33). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from failover.graph import before, needs
from failover.plan import Approval, Duty
from failover.plan_load import PlanFile
from inventory.errors import Mark, Problem
from inventory.node import shown
from inventory.wording import nearest

Problems = Iterator[Problem]


def roles_are_defined(file: PlanFile) -> Problems:
    """Every role that is named is in ``roles``."""
    known = [duty.id for duty in file.plan.roles]
    for mark, role in _named(file):
        if role not in known:
            yield Problem(mark, shown(role), "is not a role of this plan", nearest(role, known))


def _named(file: PlanFile) -> Iterator[tuple[Mark, str]]:
    for step in file.plan.steps:
        if step.role:
            yield file.mark("steps", step.id, "role"), step.role
    for at, approval in enumerate(file.plan.approvals):
        yield file.mark("approvals", at, "role"), approval.role
    yield file.mark("soak", "role"), file.plan.soak.role


def approvals_come_at_a_step(file: PlanFile) -> Problems:
    """An approval is needed before the run or before a step that there is."""
    known = [step.id for step in file.plan.steps]
    for at, approval in enumerate(file.plan.approvals):
        if approval.before is not None and approval.before not in known:
            mark = file.mark("approvals", at, "before")
            yield Problem(mark, approval.before, "is no step of this plan", nearest(approval.before, known))
        if approval.valid <= 0:
            yield Problem(
                file.mark("approvals", at, "valid"), approval.role, "is over at once", "write a time like 24h"
            )


def no_return_is_approved(file: PlanFile) -> Problems:
    """Somebody has agreed before the first step after which undo may lose data."""
    graph = needs(file.plan.steps)
    for step in file.plan.steps:
        if not step.no_return or any(_in_time(one, step.id, before(graph, step.id)) for one in file.plan.approvals):
            continue
        instead = "add an approval without `before`, or with a step that is surely not later"
        message = "is a point of no return that nobody has to approve"
        yield Problem(file.mark("steps", step.id, "no_return"), step.id, message, instead)


def _in_time(approval: Approval, step: str, earlier: frozenset[str]) -> bool:
    return approval.before is None or approval.before == step or approval.before in earlier


def promote_is_a_point_of_no_return(file: PlanFile) -> Problems:
    """A new writer may have acknowledged what an undo would throw away."""
    for step in file.plan.steps:
        if step.kind == "promote" and not step.no_return:
            instead = "add `no_return: true`"
            yield Problem(file.mark("steps", step.id), step.id, "promotes as if it could be taken back", instead)


def approvers_are_others(file: PlanFile) -> Problems:
    """Each approving role has somebody who neither commands nor operates nor wrote the plan."""
    busy = {person for duty in file.plan.roles if duty.id in ("commander", "operator") for person in duty.people}
    for duty in _approving(file):
        mark = file.mark("roles", duty.id, "people")
        people = ", ".join(duty.people)
        if set(duty.people) == {file.plan.last_editor}:
            instead = "name somebody who did not write the plan"
            yield Problem(mark, people, "is the last editor of the plan, and the only one to approve it", instead)
        elif set(duty.people) <= busy | {file.plan.last_editor}:
            message = f"can only be people who command, operate or wrote the plan, in the approving role `{duty.id}`"
            yield Problem(mark, people, message, "add somebody who does none of these")


def _approving(file: PlanFile) -> list[Duty]:
    roles = {approval.role for approval in file.plan.approvals}
    return [duty for duty in file.plan.roles if duty.id in roles]


def roles_are_filled_once(file: PlanFile) -> Problems:
    """A person stands once in a role; a role that decides has a deputy (rule R26: the key person is absent)."""
    deciding = {role for _, role in _named(file)}
    for duty in file.plan.roles:
        mark = file.mark("roles", duty.id, "people")
        if len(set(duty.people)) < len(duty.people):
            yield Problem(mark, duty.id, "names a person twice", "keep one")
        elif duty.id in deciding and len(duty.people) < 2:
            message = "decides, and hangs on one person"
            yield Problem(mark, duty.id, message, "add a deputy to its people")


def somebody_commands(file: PlanFile) -> Problems:
    """Every run has a commander and an operator."""
    known = {duty.id for duty in file.plan.roles}
    for role in ("commander", "operator"):
        if role not in known:
            instead = f"add `{role}: {{name: ..., people: [...]}}`"
            yield Problem(file.mark("roles"), role, "is a role that every plan has", instead)


def soak_can_keep_its_word(file: PlanFile) -> Problems:
    """Rolled back when nobody confirms: then every step must have an undo that acts, and none may lose data."""
    if file.plan.soak.otherwise != "roll-back":
        return
    mark = file.mark("soak", "otherwise")
    stuck = [step.id for step in file.plan.steps if step.undo and not step.undo.act]
    if stuck:
        message = f"cannot be promised: no undo acts in {', '.join(stuck)}"
        yield Problem(mark, "roll-back", message, "write `otherwise: pause`, or give each an undo act")
    final = [step.id for step in file.plan.steps if step.no_return]
    if final:
        message = f"would undo {', '.join(final)} unasked, after which undo may lose data"
        yield Problem(mark, "roll-back", message, "write `otherwise: pause`; the way back is the plan in returns_by")


RULES: tuple[Callable[[PlanFile], Problems], ...] = (
    roles_are_defined,
    approvals_come_at_a_step,
    no_return_is_approved,
    promote_is_a_point_of_no_return,
    approvers_are_others,
    roles_are_filled_once,
    somebody_commands,
    soak_can_keep_its_word,
)
