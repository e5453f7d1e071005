"""Lint: what each step must have by its kind, and where it may be carried out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from failover.actions import ACTIONS
from failover.lint_inputs import Written, acts, acts_of
from failover.plan import EVERYWHERE, Kind, Mode, Plan, Step
from failover.plan_load import PlanFile
from inventory.errors import Problem
from inventory.model import Role

Problems = Iterator[Problem]
#: the action that makes a step what its kind says; nothing else promotes, fences or moves clients
_BELONGS = {
    "pg-promote": (Kind.PROMOTE,),
    "pg-fence": (Kind.FENCE, Kind.PREPARE),
    "patroni-switchover": (Kind.FENCE,),
    "entry-point": (Kind.TRAFFIC,),
    "entry-auto": (Kind.TRAFFIC,),
    "pg-rejoin": (Kind.REJOIN,),
    "pg-follow": (Kind.REJOIN,),
    "pg-catch-up": (Kind.CATCH_UP,),
}
_MUST_DO = {
    Kind.FENCE: ("pg-fence", "pg-stop-receiving", "patroni-switchover"),
    Kind.CATCH_UP: ("pg-catch-up",),
    Kind.PROMOTE: ("pg-promote",),
    Kind.TRAFFIC: ("entry-point", "entry-auto"),
    Kind.REJOIN: (),
    Kind.PREPARE: (),
    Kind.CHECK: (),
    Kind.BUSINESS: (),
}


def changes(step: Step) -> bool:
    """Whether the step leaves something other than it found it."""
    return any(ACTIONS[act.action].changes for act in step.do if act.action in ACTIONS)


def people_are_asked(file: PlanFile) -> Problems:
    """A human step asks a role and does nothing; a question always has one who answers it."""
    for step in file.plan.steps:
        mark = file.mark("steps", step.id)
        if step.kind is Kind.HUMAN and step.ask is None:
            yield Problem(mark, step.id, "asks nothing", "add `ask: {zh: ..., en: ...}`")
        if step.kind is Kind.HUMAN and (step.do or step.verify):
            message = "is for a person, and does something besides"
            yield Problem(file.mark("steps", step.id, "do" if step.do else "verify"), step.id, message, "split it")
        if step.role is None and (step.ask or step.kind is Kind.HUMAN):
            yield Problem(mark, step.id, "is asked of nobody", "add `role:` with one of the plan's roles")
        if step.role and not step.ask and step.kind is not Kind.HUMAN:
            yield Problem(file.mark("steps", step.id, "role"), step.role, "is asked nothing", "add `ask`, or remove it")


def steps_do_what_their_kind_says(file: PlanFile) -> Problems:
    """A promote promotes and nothing else does; a check looks."""
    for step in file.plan.steps:
        must = _MUST_DO.get(step.kind)
        if must is not None and not step.do:
            instead = f"do {' or '.join(must)}" if must else "add `do`"
            yield Problem(file.mark("steps", step.id), step.id, "does nothing", instead)
        elif must and not any(act.action in must for act in step.do) and step.kind is not Kind.FENCE:
            message = f"is of kind {step.kind} without its action"
            yield Problem(file.mark("steps", step.id, "do"), step.id, message, f"do {' or '.join(must)}")
        yield from _strangers(file, step)


def _strangers(file: PlanFile, step: Step) -> Problems:
    for one in acts_of(step):
        kinds = _BELONGS.get(one.act.action, ())
        if one.part == "do" and kinds and step.kind not in kinds:
            message = f"belongs in a step of kind {' or '.join(kinds)}, not {step.kind}"
            yield Problem(file.mark(*one.path, "action"), one.act.action, message, "give it a step of its own")
        elif one.part == "do" and step.kind is Kind.CHECK and one.card and one.card.changes:
            message = "changes something, in a step that only looks"
            yield Problem(file.mark(*one.path, "action"), one.act.action, message, "make it a step of kind prepare")


def verifying_only_looks(file: PlanFile) -> Problems:
    """A verify is repeated after a crash: it must change nothing, but for a numbered write through an entry."""
    for one in acts(file):
        if one.part == "verify" and one.card and one.card.changes and one.card.id != "write-through":
            message = "changes something, in a verify"
            yield Problem(file.mark(*one.path, "action"), one.act.action, message, "verify by an action that looks")


def steps_are_verified(file: PlanFile) -> Problems:
    """What was changed is looked at afterwards, by something else than what changed it."""
    for step in file.plan.steps:
        if changes(step) and not step.verify and step.kind is not Kind.BUSINESS:
            yield Problem(file.mark("steps", step.id), step.id, "changes something unverified", "add `verify`")


def steps_can_be_undone(file: PlanFile) -> Problems:
    """What was changed is taken back by an act, or says why there is nothing to take back."""
    for step in file.plan.steps:
        mark = file.mark("steps", step.id)
        if step.undo is None:
            if changes(step) and step.kind is not Kind.BUSINESS:
                instead = "add `undo: {act: ...}`, or `undo: {none: {zh: ..., en: ...}}` with the reason"
                yield Problem(mark, step.id, "changes something without an undo", instead)
        elif step.undo.act and step.undo.none:
            instead = "keep either the act or the reason why there is none"
            yield Problem(file.mark("steps", step.id, "undo"), step.id, "has an undo and none", instead)
        elif not step.undo.act and not step.undo.none:
            instead = "add an `act`, or `none: {zh: ..., en: ...}` with the reason"
            yield Problem(file.mark("steps", step.id, "undo"), step.id, "has an undo that says nothing", instead)


def destructive_steps_assert_identity(file: PlanFile) -> Problems:
    """Before writes stop or data may go, the target must be what the plan takes it for (rule R6)."""
    for step in file.plan.steps:
        for one in acts_of(step):
            if one.card and one.card.destructive and not step.identity:
                message = "is destructive, and its step does not assert whom it touches"
                mark = file.mark(*one.path, "action")
                yield Problem(mark, one.act.action, message, f"add `identity: true` to `{step.id}`")


def steps_are_carried_out_somewhere(file: PlanFile) -> Problems:
    """The desk asks people; actions need a host."""
    for one in acts(file):
        for key, place in (("on", one.act.on), ("by", one.act.by)):
            if place == "desk":
                instead = "name hosts, or make it a step of kind human"
                yield Problem(file.mark(*one.path, key), "desk", "carries out no action", instead)


def third_is_told_by_the_other_two(file: PlanFile) -> Problems:
    """Where the writer stays there are two other centers; each is called by its role."""
    if file.plan.source is not file.plan.target:
        return
    for one in acts(file):
        texts = [*((key, place) for key, place in (("on", one.act.on), ("by", one.act.by)) if place)]
        texts += [(key, part) for key, value in one.act.give.items() for part in _texts(value)]
        for key, text in texts:
            if text.removeprefix("$").startswith("third."):
                path = (*one.path, key) if key in ("on", "by") else (*one.path, "give", key)
                role = next(role for role in (Role.METRO, Role.REMOTE) if role is not file.plan.source)
                instead = f"name it by its role, like {role}.{text.partition('.')[2]}"
                yield Problem(file.mark(*path), text, "could be either of two centers: the writer stays", instead)


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [text for text in values if isinstance(text, str) and text.startswith("$")]


def role_of(plan: Plan, place: str) -> Role | None:
    """The role of the center that a place is in; None for places in many centers."""
    side = place.partition(".")[0]
    if place in (*EVERYWHERE, "desk"):
        return None
    if side == "third":
        rest = [role for role in Role if role not in (plan.source, plan.target)]
        return rest[0] if len(rest) == 1 else None
    return {"from": plan.source, "to": plan.target}.get(side) or Role(side)


def nothing_is_done_where_nobody_answers(file: PlanFile) -> Problems:
    """No step needs the failed site (rule R13): not the lost centers, nor, unplanned, the old writer's."""
    for one in acts(file):
        where = "by" if one.act.by else "on"
        role = role_of(file.plan, one.act.by or one.act.on)
        if role is None:
            continue
        mark = file.mark(*one.path, where)
        if role in file.plan.lost:
            message = f"is in {role}, which this plan takes for lost"
            yield Problem(mark, one.act.by or one.act.on, message, "let another center do it, or remove the act")
        elif _may_be_gone(file.plan, one, role):
            message = f"is in {role}, which may be gone in mode ungraceful"
            yield Problem(mark, one.act.by or one.act.on, message, "let another center do it, or add `optional: true`")


def _may_be_gone(plan: Plan, one: Written, role: Role) -> bool:
    if plan.source is plan.target or role is not plan.source or one.step.optional:
        return False
    return plan.mode is Mode.UNGRACEFUL and Mode.UNGRACEFUL in one.step.modes


def lost_centers_are_others(file: PlanFile) -> Problems:
    """The writer does not go to a center that is taken for lost."""
    for at, role in enumerate(file.plan.lost):
        if role is file.plan.target:
            instead = "remove it, or send the writer elsewhere"
            yield Problem(file.mark("lost", at), role, "is lost, and the writer shall be there", instead)


def never_optional(file: PlanFile) -> Problems:
    """A run does not go on without its fence, its new writer or its clients."""
    for step in file.plan.steps:
        if step.optional and step.kind in (Kind.FENCE, Kind.CATCH_UP, Kind.PROMOTE, Kind.TRAFFIC, Kind.HUMAN):
            mark = file.mark("steps", step.id, "optional")
            yield Problem(mark, step.id, f"is a {step.kind} step and optional", "remove `optional`")


def steps_are_there(file: PlanFile) -> Problems:
    """A plan without steps does nothing, and would succeed."""
    if not file.plan.steps:
        yield Problem(file.mark("steps"), "steps", "are none", "add at least one step")


RULES: tuple[Callable[[PlanFile], Problems], ...] = (
    people_are_asked,
    steps_do_what_their_kind_says,
    verifying_only_looks,
    steps_are_verified,
    steps_can_be_undone,
    destructive_steps_assert_identity,
    steps_are_carried_out_somewhere,
    third_is_told_by_the_other_two,
    nothing_is_done_where_nobody_answers,
    lost_centers_are_others,
    never_optional,
    steps_are_there,
)
