"""``duty.yml``, ``emergency/*.yml`` and ``notices.yml`` of an estate into People, or every reason why not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from inventory.document import in_order
from inventory.errors import InvalidEstate, Mark, Problem
from inventory.model import Document, Estate
from inventory.node import Map, Node, mark_of, shown
from inventory.people import Duty, EmergencyPlan, Notices, People, Person
from inventory.reference import Problems, unknown
from inventory.salvage import salvaged
from inventory.shape import shaped
from inventory.tree import parse

D = TypeVar("D", bound=Document)


def load_people(estate: Estate) -> People:
    """Read what an estate's folder says of people; a file that is missing says nothing.

    Raises InvalidEstate with all problems of all these files, in the order of files and lines.
    """
    folder = Path(estate.folder)
    problems: list[Problem] = []
    duty, duty_node = _one(folder / "duty.yml", Duty, problems)
    notices, notices_node = _one(folder / "notices.yml", Notices, problems)
    if duty and duty_node:
        problems.extend(_portals(duty, duty_node, estate))
    if notices and notices_node and notices.alertmanager is None and notices.mail is None:
        problems.append(Problem(notices_node.mark, "notices.yml", "names no channel", "give `alertmanager` or `mail`"))
    known = None if duty is None and (folder / "duty.yml").exists() else duty.people if duty else ()
    plans = []
    for file in _files(folder / "emergency", problems):
        plan, node = _one(file, EmergencyPlan, problems)
        if plan and node:
            problems.extend(_of_plan(plan, node, file, estate, known))
            plans.append(plan)
    if problems:
        raise InvalidEstate(in_order(problems))
    return People(duty=duty, plans=tuple(plans), notices=notices)


def _one(file: Path, model: type[D], problems: list[Problem]) -> tuple[D | None, Node | None]:
    """A file as its model and the tree it was read from; None where there is no file or too little is left of it."""
    tree = parse(file, problems) if file.exists() else None
    if not isinstance(tree, Map):
        return None, None
    return salvaged(model, shaped(tree, model, problems), problems)


def _files(folder: Path, problems: list[Problem]) -> list[Path]:
    if not folder.is_dir():
        return []
    found = sorted(file for file in folder.iterdir() if not file.name.startswith("."))
    for file in found:
        if file.suffix != ".yml":
            problems.append(Problem(Mark(file, 1), shown(file.name), "would not be read", "let its name end in .yml"))
    return [file for file in found if file.suffix == ".yml"]


def _portals(duty: Duty, node: Node, estate: Estate) -> Problems:
    systems = {system.id for system in estate.systems}
    for at, portal in enumerate(duty.portals):
        yield from unknown(mark_of(node, "portals", at), portal, "a system", systems)


def _of_plan(plan: EmergencyPlan, node: Node, file: Path, estate: Estate, known: Sequence[Person] | None) -> Problems:
    """What is wrong with a plan; ``known`` None: the people could not be read, so nobody is called unknown."""
    if plan.id != file.stem:
        yield Problem(mark_of(node, "plan"), plan.id, "is not the file's name", f"call it {shown(file.stem)}")
    systems = {system.id for system in estate.systems}
    for at, system in enumerate(plan.systems):
        yield from unknown(mark_of(node, "systems", at), system, "a system", systems)
    if known is not None:
        yield from _people(plan, node, {person.id for person in known})
    yield from _roles(plan, node)


def _people(plan: EmergencyPlan, node: Node, people: set[str]) -> Problems:
    """Roles are held by people of duty.yml, and nobody stands in for themselves."""
    for at, role in enumerate(plan.roles):
        mark = mark_of(node, "roles", at)
        for person in filter(None, (role.person, role.deputy)):
            if not people:
                yield Problem(mark, person, "is nobody we know", "describe the people in duty.yml")
            yield from unknown(mark, person, "a person of duty.yml", people)
        if role.deputy == role.person:
            yield Problem(mark, role.id, "has one person as holder and deputy", "name somebody else as deputy")


def _roles(plan: EmergencyPlan, node: Node) -> Problems:
    """The call tree: it begins at a role, names roles, reaches every one of them, and calls nobody in a circle."""
    roles = {role.id: role for role in plan.roles}
    yield from unknown(mark_of(node, "first_call"), plan.first_call, "a role of this plan", roles)
    for at, measure in enumerate(plan.measures):
        yield from unknown(mark_of(node, "measures", at, "role"), measure.role, "a role of this plan", roles)
    for at, role in enumerate(plan.roles):
        for called in role.calls:
            yield from unknown(mark_of(node, "roles", at), called, "a role of this plan", roles)
    reached = list(_called(plan, plan.first_call))
    for at, role in enumerate(plan.roles):
        mark = mark_of(node, "roles", at)
        if plan.first_call in roles and role.id not in reached:
            yield Problem(mark, role.id, "is called by nobody", "let a role that is called call it")
        if reached.count(role.id) > 1:
            yield Problem(mark, role.id, "is called more than once", "let one role call it")


def _called(plan: EmergencyPlan, first: str) -> Iterator[str]:
    """The roles in the order in which they are called; one that is called again is named again, not followed."""
    calls = {role.id: role.calls for role in plan.roles}
    waiting, seen = [first], set()
    while waiting:
        role = waiting.pop(0)
        yield role
        if role not in seen:
            seen.add(role)
            waiting += calls.get(role, ())
