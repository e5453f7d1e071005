"""What is asked of the world right before and after a step: the fence, the writers, the entries, the lag."""

from __future__ import annotations

from dataclasses import dataclass

from failover import invariants
from failover.concrete import ConcreteStep
from failover.engine_calls import Answers, changes, look
from failover.engine_together import both
from failover.engine_work import Work
from failover.invariants import Held
from failover.plan import Kind
from failover.records import Kind as Records

FRESH = 1.0  #: seconds for which a proof of the fence, or a look at the writers, counts as "right before"
_LONG = 0.5  #: a refused write that took this long has watched the fence until it ended
_ON_WORD = 1.0  #: seconds for a refused write at a machine that, on a person's word, is without power
_PATIENCE = 5.0  #: seconds for a look at a state


@dataclass(frozen=True, slots=True)
class Proof:
    """What was seen right before a promotion or a move of traffic."""

    held: tuple[Held, ...]
    sent: float  #: when it was asked, seconds of the monotonic clock
    ended: float

    def fresh(self, now: float) -> bool:
        """Whether it still speaks of this moment."""
        counts_from = self.ended if self.ended - self.sent >= _LONG else self.sent
        return now - counts_from <= FRESH

    @property
    def against(self) -> str:
        """What speaks against going on; empty when nothing does. Unknown is never fine."""
        bad = [held for held in self.held if held.result != "pass"]
        return "; ".join(f"{held.rule} {held.result}: {held.because}" for held in bad)[:500]


async def prove(work: Work, step: ConcreteStep) -> Proof:
    """Before a promotion: every fence refuses writes, no two writers, the lag is within the plan."""
    sent = work.now()
    calls = invariants.proofs(work.plan, work.standing)
    word = invariants.on_word(work.plan, work.standing)
    patience = min(step.step.timeout, _PATIENCE)
    asked = look(work, calls or (), _ON_WORD if word else patience)
    refused, writers = await both(asked, look(work, work.plan.writers, patience))
    held = (
        _overridden(work, _on_word(invariants.fence_proved(refused), word)) if calls else _unproved(work),
        _overridden(work, _writers(work, writers)),
        _overridden(work, invariants.lag(work.plan, work.standing, writers)),
    )
    for each in held:
        _note(work, each, step.id)
    return Proof(held, sent, work.now())


async def look_at_writers(work: Work, step: ConcreteStep) -> Proof:
    """Before traffic moves: never two writers."""
    sent = work.now()
    held = _overridden(work, _writers(work, await look(work, work.plan.writers, _PATIENCE)))
    _note(work, held, step.id)
    return Proof((held,), sent, work.now())


async def after(work: Work, step: str, *, traffic: bool = False) -> list[Held]:
    """After something was changed: the rules of the plan that can be looked at."""
    rules = {rule.rule for rule in work.plan.plan.rules}
    entries = traffic or invariants.entries_matter(work.plan, work.standing)
    ask_entries = work.plan.entries if invariants.EMPTY_ENTRY in rules and entries else ()
    ask_writers = work.plan.writers if invariants.TWO_WRITERS in rules else ()
    writers, at_entries = await both(look(work, ask_writers, _PATIENCE), look(work, ask_entries, _PATIENCE))
    held = [_writers(work, writers)] if ask_writers else []
    held += [invariants.empty_entry(at_entries, work.plan.gone)] if ask_entries else []
    for each in held:
        _note(work, each, step)
    return held


def moves(step: ConcreteStep) -> bool:
    """Whether the invariants are looked at after this step."""
    return step.kind is Kind.TRAFFIC or changes(step.do)


def _writers(work: Work, answers: Answers) -> Held:
    return invariants.two_writers(answers, work.plan.gone, invariants.powerless(work.plan, work.standing))


def _on_word(held: Held, word: str) -> Held:
    """A fence that rests on a person's word need not answer; what it must not do is take a write."""
    return Held(held.rule, "pass", f"on the word of {word}") if word and held.result == "unknown" else held


def _unproved(work: Work) -> Held:
    return _overridden(work, Held(invariants.FENCE, "unknown", "no fence of this run was proved by a refused write"))


def _overridden(work: Work, held: Held) -> Held:
    """What is not known a person may take upon themselves, on record; what is known to be wrong nobody may."""
    person = work.standing.overrides.get(held.rule)
    return Held(held.rule, "pass", f"overridden by {person}") if person and held.result == "unknown" else held


def _note(work: Work, held: Held, step: str) -> None:
    work.note(
        Records.INVARIANT, {"rule": held.rule, "after": step, "result": held.result, "because": held.because[:500]}
    )
