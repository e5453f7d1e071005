"""Check mode first: a runbook whose card wants it is rehearsed on its target before it may change anything. Pure."""

from __future__ import annotations

from runbooks.run_record import Outcome, Run
from runbooks.world import DAY, Case, World
from state.verdict import Reason

LASTS = 600.0  #: seconds; what a rehearsal showed longer ago may not be so any more


def must_rehearse(case: Case, world: World) -> bool:
    """Whether the next run has to be one in check mode."""
    if not case.card.rehearsed:
        return False
    last = _last(case, world)
    return last is None or last.outcome is not Outcome.CHECKED or world.now - last.started > LASTS


def rehearsed_well(case: Case, world: World) -> Reason | None:
    """What failed in check mode is not tried for real, nor rehearsed without end."""
    if not case.card.rehearsed:
        return None
    failed = _failures(case, world)
    if not failed:
        return None
    newest, count = failed[0], len(failed)
    if count >= case.card.give_up_after:
        shown = {"count": str(count), "target": case.target, "said": newest.sentence}
        return Reason("runbook.check_gave_up", shown)
    ago = world.now - newest.started - newest.took
    if ago < case.card.cool_down:
        shown = {"target": case.target, "ago": f"{ago:.0f}", "said": newest.sentence}
        return Reason("runbook.check_failed", shown)
    return None


def _mine(case: Case, world: World) -> list[Run]:
    """Rehearsals for this incident on this target since something was last changed there, the newest first."""
    changed = max((run.started for run in world.real() if case.same_target(run)), default=float("-inf"))
    found = [
        run
        for run in world.runs
        if run.check_mode
        and not run.running
        and case.same_target(run)
        and run.incident == case.incident.id
        and max(changed, world.now - DAY) < run.started
        and run.outcome is not Outcome.CANCELED
    ]
    return sorted(found, key=lambda run: run.started, reverse=True)


def _last(case: Case, world: World) -> Run | None:
    return next(iter(_mine(case, world)), None)


def _failures(case: Case, world: World) -> list[Run]:
    """Rehearsals that failed in a row, the newest first."""
    failed = []
    for run in _mine(case, world):
        if run.outcome is Outcome.CHECKED:
            break
        failed.append(run)
    return failed
