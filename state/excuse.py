"""What was excused stays excused for a while: trouble that loses its cause may only be the last to recover.

The rules of blame look at one moment. When a cause goes away, or for a moment cannot be told, what suffered from it is
left standing alone before its own checks have had time to see it work. So it is news of its own only once it went on
failing for as long as an answer speaks and travels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from checks.check import Check
from checks.result import Status
from inventory import subject
from state.lingering import RECOVERING
from state.signals import DELIVERY, speaks_for
from state.verdict import Verdict

_TROUBLE = (Status.DOWN, Status.DEGRADED)


@dataclass(slots=True)
class Excuses:
    """Who suffered from what until when; carried from cycle to cycle."""

    checks: Mapping[str, Check]  #: by id
    _given: dict[str, tuple[str, float]] = field(default_factory=dict)  #: subject -> its cause, and until when

    def remember(self, verdicts: Iterable[Verdict], now: float) -> None:
        """Who suffers from something larger at ``now`` (Unix seconds); who is well in all eyes needs no excuse."""
        for verdict in verdicts:
            if verdict.status is Status.OK and not any(vote.status in _TROUBLE for vote in verdict.votes):
                self._given.pop(verdict.subject, None)
            elif verdict.cause and verdict.status is not Status.OK:
                _, before = self._given.get(verdict.subject, ("", 0.0))
                self._given[verdict.subject] = (verdict.cause, max(before, now + self._patience(verdict)))

    def apply(self, verdicts: Iterable[Verdict], now: float) -> tuple[Verdict, ...]:
        """The verdicts; trouble without a cause that had one a moment ago is in doubt about that."""
        told = tuple(verdicts)
        self.remember(told, now)
        self._given = {about: given for about, given in self._given.items() if now < given[1]}
        return tuple(map(self._excused, told)) if self._given else told

    @property
    def any(self) -> bool:
        """Whether the passing of time alone may end an excuse."""
        return bool(self._given)

    def _excused(self, verdict: Verdict) -> Verdict:
        if verdict.status not in _TROUBLE or verdict.cause or verdict.doubt or verdict.subject == subject.ESTATE:
            return verdict
        given = self._given.get(verdict.subject)
        return verdict if given is None else replace(verdict, doubt=given[0])

    def _patience(self, verdict: Verdict) -> float:
        """What lingers had the time to be asked again already; only answers may still be on their way."""
        if verdict.because.code == RECOVERING:
            return DELIVERY
        checks = (self.checks.get(vote.check) for vote in verdict.votes)
        return DELIVERY + max((speaks_for(check) for check in checks if check), default=0.0)
