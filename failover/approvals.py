"""Approvals as files: who, in which role, of which plan, until when. Whoever starts or wrote a plan approves nothing.

They lie in the desk's state folder, so that a plan is approved before a run of it exists (rule R33, four eyes).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from failover.plan import Approval, Plan
from inventory.errors import OperatorError

_PERSON = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
_MOST = 500  #: files that are looked at


@dataclass(frozen=True, slots=True)
class Approved:
    """One approval as it was given."""

    plan: str
    plan_digest: str
    role: str
    by: str
    given: float  #: Unix seconds
    until: float


@dataclass(frozen=True, slots=True)
class Missing:
    """An approval that a run needs and has not got, and why not."""

    role: str
    because: str  #: ``none``, ``expired``, ``not-in-role``, ``starts-it``, ``edited-it``, ``other-plan``


def people(plan: Plan, role: str) -> tuple[str, ...]:
    """Who may act in that role."""
    return next((duty.people for duty in plan.roles if duty.id == role), ())


def may_start(plan: Plan, person: str) -> bool:
    """Whether that person has any duty in the plan."""
    return any(person in duty.people for duty in plan.roles)


def give(folder: Path, plan: Plan, digest: str, role: str, by: str, now: float) -> Approved:
    """Put an approval down. Raises OperatorError when this person may not give it."""
    wanted = next((each for each in plan.approvals if each.role == role), None)
    allowed = people(plan, role)
    if wanted is None:
        raise OperatorError(f"plan {plan.plan} asks for no approval by `{role}`: {', '.join(_roles(plan)) or 'none'}")
    if by not in allowed:
        raise OperatorError(f"`{by}` is not in the role `{role}` of plan {plan.plan}: {', '.join(allowed)}")
    if by == plan.last_editor:
        raise OperatorError(f"`{by}` edited plan {plan.plan} last and cannot approve it")
    made = Approved(plan.plan, digest, role, by, now, now + wanted.valid)
    _write(folder / f"{digest[:16]}-{role}-{by}.json", made)
    return made


def read(folder: Path) -> tuple[Approved, ...]:
    """All approvals that can be read; what is no approval counts for nothing."""
    files = sorted(folder.glob("*.json"))[:_MOST] if folder.is_dir() else []
    return tuple(found for file in files if (found := _read(file)))


def judge(
    plan: Plan, digest: str, given: Iterable[Approved], starter: str, now: float, before: str | None = None
) -> tuple[tuple[Approved, ...], tuple[Missing, ...]]:
    """The approvals that count before the run (or before a step), and those that are missing. Pure."""
    given, good, missing = tuple(given), [], []
    for wanted in plan.approvals:
        if wanted.before == before:
            verdicts = [(each, _why_not(plan, digest, wanted, each, starter, now)) for each in given]
            counting = next((each for each, why in verdicts if not why), None)
            if counting:
                good.append(counting)
            else:
                missing.append(Missing(wanted.role, _nearest([why for _, why in verdicts])))
    return tuple(good), tuple(missing)


def _why_not(plan: Plan, digest: str, wanted: Approval, given: Approved, starter: str, now: float) -> str:
    tests = (
        ("none", given.role != wanted.role or given.plan != plan.plan),
        ("other-plan", given.plan_digest != digest),
        ("not-in-role", given.by not in people(plan, wanted.role)),
        ("starts-it", given.by == starter),
        ("edited-it", given.by == plan.last_editor),
        # The plan's own term counts, whatever the file says; one from the future is no approval either.
        ("expired", not given.given <= now < min(given.until, given.given + wanted.valid)),
    )
    return next((why for why, holds in tests if holds), "")


def _nearest(reasons: list[str]) -> str:
    """The reason that came nearest to an approval."""
    order = ("expired", "edited-it", "starts-it", "not-in-role", "other-plan")
    return next((reason for reason in order if reason in reasons), "none")


def _roles(plan: Plan) -> list[str]:
    return [each.role for each in plan.approvals]


def _write(file: Path, approval: Approved) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        made = file.with_suffix(f".{os.getpid()}")
        with made.open("w", encoding="utf-8") as opened:
            json.dump(asdict(approval), opened, ensure_ascii=False)
            opened.flush()
            os.fsync(opened.fileno())
        made.replace(file)
    except OSError as error:
        raise OperatorError(f"cannot write the approval {file}: {error.strerror}") from None


def _read(file: Path) -> Approved | None:
    try:
        with file.open("rb") as opened:
            said = json.loads(opened.read(10_000))
        plan, digest, role, by = (str(said[key]) for key in ("plan", "plan_digest", "role", "by"))
        approval = Approved(plan, digest, role, by, float(said["given"]), float(said["until"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return approval if _PERSON.fullmatch(approval.by) else None
