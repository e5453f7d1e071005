"""The nouns of deciding: what the organisation allows, all that is known, and one runbook for one incident."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from checks.check import Check
from checks.result import Status
from inventory.calendar import Effects
from inventory.model import Estate, Host
from runbooks.approval import Approval
from runbooks.card import Card, Risk
from runbooks.run_record import Run
from state.verdict import Incident, Reason, Verdict

HOUR = 3600.0
DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Policy:
    """What the organisation allows without asking."""

    risk: Risk = Risk.LOW  #: runbooks up to this risk run without approval
    stand: float = 3.0  #: seconds an incident must have stood: what is part of something larger is merged by then
    at_once: int = 2  #: runs at the same time over the whole estate; each costs about one core of the desk
    per_hour: int = 30  #: runs in any hour over the whole estate: more is a storm that no runbook ends
    eyes: int = 2  #: persons who must agree to what is of high risk, or forbidden in a guard period


@dataclass(frozen=True, slots=True)
class World:
    """All that a decision looks at."""

    estate: Estate
    checks: Mapping[str, Check]
    verdicts: Mapping[str, Verdict]
    runs: tuple[Run, ...]  #: of the last day at least; those allowed a moment ago stand there as running
    catalogue: Mapping[str, Card]
    policy: Policy
    now: float
    approvals: tuple[Approval, ...] = ()
    effects: Effects | None = None  #: what the calendar says of now; None: the estate has none
    held: Reason | None = None  #: why no runbook may start at all, such as a failover that is under way

    def active(self) -> list[Run]:
        """Runs under way; one that is older than its card allows was left behind by a crash."""
        return [run for run in self.runs if run.running and self.now - run.started < self._longest(run)]

    def _longest(self, run: Run) -> float:
        card = self.catalogue.get(run.runbook)
        return card.longest if card else HOUR

    def real(self) -> Iterator[Run]:
        """Runs that may have changed something."""
        return (run for run in self.runs if not run.check_mode)

    def status(self, subject: str) -> Status:
        """What a subject is; unknown when nobody judged it."""
        verdict = self.verdicts.get(subject)
        return verdict.status if verdict else Status.UNKNOWN


@dataclass(frozen=True, slots=True)
class Case:
    """One runbook for one incident on one host."""

    card: Card
    incident: Incident
    verdict: Verdict
    check: Check  #: the failing check that stands behind it
    host: Host
    given: Mapping[str, str]

    @property
    def target(self) -> str:
        """What is acted on, in a few words: ``cloud-app app``."""
        return " ".join(self.given[key] for key in self.card.inputs if key in self.given)

    def same_target(self, run: Run) -> bool:
        """Whether a run was of the same runbook on the same target."""
        return run.runbook == self.card.id and self.given.items() <= run.inputs.items()

    def agreed(self, world: World) -> frozenset[str]:
        """Who agreed to this runbook for this incident, and may still be counted on."""
        wanted = (self.card.id, self.incident.id)
        return frozenset(
            one.by for one in world.approvals if (one.runbook, one.incident) == wanted and one.holds(world.now)
        )
