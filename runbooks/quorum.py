"""Whether enough vantages agree that something fails before anything is done about it. Pure."""

from __future__ import annotations

from checks.result import Status
from runbooks.card import Quorum
from runbooks.world import Case, World
from state.verdict import Reason


def quorum(case: Case, _: World) -> Reason | None:
    """As many of the vantages that ask the check say that it fails as the trigger wants; silence agrees to nothing."""
    trigger = case.card.trigger
    assert trigger is not None, "only cards with a trigger are proposed"
    asked = set(case.check.vantages)
    votes = {vote.vantage: vote.status for vote in case.verdict.votes if vote.check == case.check.id}
    agree = sum(status in trigger.failing.says for status in votes.values())
    needed = _needed(trigger.quorum, max(1, len(asked)))
    if agree >= needed:
        return None
    silent = len(asked) - sum(status is not Status.UNKNOWN for status in votes.values())
    shown = {"check": case.check.id, "agree": str(agree), "needed": str(needed), "silent": str(max(0, silent))}
    return Reason("runbook.quorum", shown)


def _needed(wanted: Quorum, asked: int) -> int:
    return {Quorum.ONE: 1, Quorum.MAJORITY: asked // 2 + 1, Quorum.ALL: asked}[wanted]
