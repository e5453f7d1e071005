"""Plan files into plans: strictly, every mistake at once with file:line, and the lines kept for what lint finds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from failover.plan import Plan
from inventory.document import read
from inventory.errors import Mark, Problem
from inventory.node import Map, Node, mark_of, shown
from inventory.salvage import salvaged
from inventory.shape import shaped
from inventory.tree import parse_bytes, read_bytes

OWN = Path(__file__).parent / "plans"  #: the plans that come with the product


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan with the tree and the bytes that it was read from."""

    file: Path
    plan: Plan
    node: Node
    data: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the file: what a run's record names, and what a verified plan is verified for."""
        return hashlib.sha256(self.data).hexdigest()

    def mark(self, *path: str | int) -> Mark:
        """The line of a part of it, by the keys as written: ``("steps", "fence", "needs", 0)``."""
        return mark_of(self.node, *path)

    def section(self, line: int) -> int:
        """The first line of the step, or else the top key, that a line belongs to."""
        steps = self.node.get("steps") if isinstance(self.node, Map) else None
        maps = [one for one in (self.node, steps) if isinstance(one, Map)]
        return max((mark.line for one in maps for mark in one.keys.values() if mark.line <= line), default=1)


def read_file(file: Path, problems: list[Problem]) -> PlanFile | None:
    """One plan file; None, with its mistakes appended, when it is no plan."""
    data = read_bytes(file, problems)
    tree = None if data is None else parse_bytes(data, file, problems)
    if data is None or tree is None:
        return None
    before = len(problems)
    plan = read(Plan, tree, problems)
    if plan is None or len(problems) > before:
        return None
    problems.extend(_named_otherwise(file, plan, tree))
    return PlanFile(file, plan, tree, data)


def salvage_file(file: Path) -> PlanFile | None:
    """What is left of a plan file when its mistakes are set aside, to look for more; None when too little is."""
    data = read_bytes(file, [])
    tree = None if data is None else parse_bytes(data, file, [])
    if data is None or tree is None:
        return None
    plan, _ = salvaged(Plan, shaped(tree, Plan, []), [])
    return None if plan is None else PlanFile(file, plan, tree, data)


def read_files(files: Sequence[Path], problems: list[Problem]) -> dict[str, PlanFile]:
    """Several plan files by the names of their plans; a name that is there twice is a mistake."""
    plans: dict[str, PlanFile] = {}
    for file in files:
        found = read_file(file, problems)
        if found is None:
            continue
        first = plans.setdefault(found.plan.plan, found)
        if first is not found:
            message = f"is the name of two plans, the other in {first.mark('plan')}"
            problems.append(Problem(found.mark("plan"), found.plan.plan, message, "give each plan its own name"))
    return plans


def plan_files(folder: Path = OWN) -> list[Path]:
    """The plan files of a folder, by name."""
    return sorted(file for file in folder.glob("*.yml") if not file.name.startswith("."))


def _named_otherwise(file: Path, plan: Plan, tree: Map) -> Iterator[Problem]:
    """A plan is looked for by its name: its file bears it."""
    if file.stem != plan.plan:
        yield Problem(
            mark_of(tree, "plan"), plan.plan, f"stands in {shown(file.name)}", f"name the file {plan.plan}.yml"
        )
