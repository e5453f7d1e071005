"""What must hold for every plan before it may run: the table of all rules, over files as they were written.

A rule is a function over one plan that yields all its problems, each with the line of the step; it passes over what
another rule has already refused. Pure but for reading the files.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

from failover import lint_aims, lint_inputs, lint_order, lint_people, lint_steps
from failover.plan_load import PlanFile, plan_files, read_files, salvage_file
from inventory.document import in_order
from inventory.errors import InvalidEstate, Mark, Problem
from inventory.node import shown
from inventory.wording import nearest

Rule = Callable[[PlanFile], Iterator[Problem]]


class InvalidPlans(InvalidEstate):
    """Plans with mistakes; carries every problem found."""


RULES: tuple[Rule, ...] = (
    *lint_inputs.RULES,
    *lint_order.RULES,
    *lint_steps.RULES,
    *lint_people.RULES,
    *lint_aims.RULES,
)


#: what these find is only the consequence of an order that cannot be told
FOLLOWING = frozenset(
    {*lint_order.RULES[2:], lint_inputs.references_are_to_what_was_found, lint_aims.estimates_keep_the_rto}
)


def lint(file: PlanFile) -> list[Problem]:
    """Every problem of one plan, in the order of its lines."""
    lost = any(list(rule(file)) for rule in lint_order.RULES[:2])
    rules = [rule for rule in RULES if not (lost and rule in FOLLOWING)]
    return in_order([problem for rule in rules for problem in rule(file)])


#: what these find stands on its own: another part of the plan that could not be read does not make it untrue
LOCAL = frozenset(
    {
        *(rule for rule in lint_inputs.RULES if rule not in FOLLOWING),
        *(rule for rule in lint_steps.RULES if rule is not lint_steps.steps_are_there),
        lint_people.promote_is_a_point_of_no_return,
        lint_aims.gates_are_known,
        lint_aims.gates_are_given_what_they_need,
        lint_aims.times_make_sense,
        lint_aims.aborts_have_limits,
    }
)


def unread(file: PlanFile, mistakes: Collection[Problem]) -> list[Problem]:
    """What else is wrong in a file with mistakes, in the steps and sections that have none."""
    hurt = {file.section(problem.mark.line) for problem in mistakes}
    found = (problem for rule in RULES if rule in LOCAL for problem in rule(file))
    return [problem for problem in found if file.section(problem.mark.line) not in hurt]


def sound(files: Sequence[Path], known: Collection[str] = ()) -> dict[str, PlanFile]:
    """The plans of the files, by name; ``known`` are further plans that they may return by.

    Raises:
        InvalidPlans: with every problem of every file.
    """
    problems: list[Problem] = []
    if not files:
        problems.append(Problem(Mark(Path("plans"), 1), "", "there is no plan", "write one, or name the files"))
    plans = read_files(files, problems)
    problems.extend(_beside(files, problems))
    names = {*known, *plans, *(file.stem for file in files)}  # a plan that could not be read is not called unknown
    for file in plans.values():
        problems.extend(lint(file))
        problems.extend(_returns(file, plans, names))
    if problems:
        raise InvalidPlans(in_order(problems))
    return plans


def _beside(files: Sequence[Path], problems: Collection[Problem]) -> list[Problem]:
    """One mistake hides no other: what is left of files that could not be read is looked at as well."""
    wrong = {file: [problem for problem in problems if problem.mark.file == file] for file in files}
    rest = ((salvage_file(file), mistakes) for file, mistakes in wrong.items() if mistakes)
    return [problem for file, mistakes in rest if file for problem in unread(file, mistakes)]


def ours() -> dict[str, PlanFile]:
    """The plans that come with the product."""
    return sound(plan_files())


def _returns(file: PlanFile, plans: Mapping[str, PlanFile], names: Collection[str]) -> Iterator[Problem]:
    """The way back is a plan that there is, and it begins where this one ends."""
    back = file.plan.returns_by
    if back is None:
        return
    if back not in names:
        yield Problem(file.mark("returns_by"), shown(back), "is not a plan", nearest(back, names))
    elif back == file.plan.plan:
        yield Problem(file.mark("returns_by"), back, "is this plan itself", "name the plan of the way back")
    elif back in plans and plans[back].plan.source is not file.plan.target:
        message = f"begins at {plans[back].plan.source}, but the writer is left at {file.plan.target}"
        yield Problem(file.mark("returns_by"), back, message, "name a plan whose `from` is where this one ends")
