"""Confirmation: the last few answers of one check from one vantage, and the status that they confirm. Pure.

A status counts once ``m`` of the last ``n`` answers say so, and is then dated back to the first of them. An answer at
``t`` speaks for ``[t, t + 2 * interval + timeout)``; after that nothing is known, whatever was known before. Because
answers travel (prober, scrape, collection), their absence is only noticed ``DELIVERY`` seconds later, and dated back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from checks.check import Check
from checks.result import Result, Status
from state.verdict import Vote

Key = tuple[str, str]  #: check id, vantage
Sample = tuple[float, Status]  #: when asked (Unix seconds), what was answered

DELIVERY = 10.0  #: seconds an answer may be on its way to us before we say that it is missing
_LONGEST_SENTENCE = 500
_YOUNGER = 0.9  #: of an interval; schedules are not exact
_WORKING = (Status.OK, Status.DEGRADED)
_TROUBLE = (Status.DOWN, Status.DEGRADED)


@dataclass(frozen=True, slots=True)
class Signal:
    """What is remembered of one check from one vantage: small, and enough to go on after a restart."""

    latest: Result
    samples: tuple[Sample, ...]  #: oldest first, at most ``n``
    confirmed: Status
    since: float  #: Unix time of the first answer that led to ``confirmed``
    until: float  #: Unix time from which the latest answer no longer speaks
    said: str  #: the sentence of the newest answer that agrees with ``confirmed``
    was: Status = Status.UNKNOWN  #: what was confirmed before ``confirmed``, as far as known without a silence between

    @property
    def key(self) -> Key:
        """Check id and vantage."""
        return self.latest.check, self.latest.vantage

    def status(self, now: float) -> Status:
        """The confirmed status, or unknown once the latest answer no longer speaks."""
        return Status.UNKNOWN if self.stale(now) else self.confirmed

    def stale(self, now: float) -> bool:
        """Whether the newest answer no longer speaks and a newer one should have arrived."""
        return now >= self.until + DELIVERY

    def works_after(self, moment: float) -> bool:
        """Whether the newest answer is a success that was asked for after ``moment``."""
        return self.latest.at > moment and self.latest.status in _WORKING

    def first_success(self, moment: float) -> float | None:
        """When the first remembered success after ``moment`` was asked for; None if the newest answer is none."""
        if not self.works_after(moment):
            return None
        return next(at for at, status in self.samples if at > moment and status in _WORKING)

    def works_again(self, moment: float) -> float | None:
        """The first success after ``moment`` and after the last failure; ``moment`` itself if it never failed.

        None if the newest answer is no success, from before ``moment``, or works since a silence: who was away cannot
        tell what came back.
        """
        if not self.works_after(moment):
            return None
        if self.confirmed is Status.OK and self.since > moment:
            return self.since if self.was in _TROUBLE else None
        failed = max((at for at, status in self.samples if status not in _WORKING and at > moment), default=None)
        return moment if failed is None else next(at for at, _ in self.samples if at > failed)

    def wavers(self, now: float) -> bool:
        """Whether the newest answer is a failure, while success is still what is confirmed."""
        return self.latest.status is Status.DOWN and self.status(now) in _WORKING

    def fails_after(self, moment: float) -> bool:
        """Whether the newest answer is a failure that was asked for at ``moment`` or later."""
        return self.latest.at >= moment and self.latest.status is Status.DOWN

    def failed_after(self, moment: float) -> bool:
        """Whether any remembered answer is a failure that was asked for at ``moment`` or later."""
        return any(at >= moment and status is Status.DOWN for at, status in self.samples)

    @property
    def newest_success(self) -> float:
        """When the newest success that is remembered was asked for; minus infinity if there is none."""
        return max((at for at, status in self.samples if status in _WORKING), default=-math.inf)

    @property
    def fails_since(self) -> float | None:
        """Since when every answer was a failure; None if the newest is not."""
        if self.latest.status is not Status.DOWN:
            return None
        if self.confirmed is Status.DOWN:
            return self.since
        last = max((at for at, status in self.samples if status is not Status.DOWN), default=-math.inf)
        return next(at for at, _ in self.samples if at > last)

    def renewed_after(self, moment: float, check: Check) -> bool:
        """Whether the answers since ``moment`` alone would confirm what is confirmed now.

        The newest must be about an interval younger than that, for what is asked more often than its check says.
        """
        m, _ = _confirm(check)
        since = [at for at, status in self.samples if at >= moment and _agrees(status, self.confirmed)]
        return len(since) >= m and (m == 1 or since[-1] >= moment + _YOUNGER * check.interval)

    def stands_after(self, moment: float, check: Check) -> bool:
        """Whether what is confirmed now went on being said after ``moment``, for longer than one answer speaks.

        What comes back does so bit by bit: one answer that is late or lost is forgiven then, too.
        """
        return self.renewed_after(moment, check) and self.latest.at >= moment + speaks_for(check)

    def vote(self, now: float) -> Vote:
        """What this vantage says of this check at ``now``."""
        check, vantage = self.key
        age = max(0.0, now - self.latest.at)
        if self.stale(now):
            return Vote(check, vantage, Status.UNKNOWN, self.until, age, self.said)
        return Vote(check, vantage, self.confirmed, self.since, age, self.said)


def speaks_for(check: Check) -> float:
    """How long one answer counts, in seconds: one that is late or lost is forgiven, two are not."""
    return 2 * check.interval + check.timeout


def fold(known: Signal | None, result: Result, check: Check, now: float) -> Signal | None:
    """``known`` with one more answer.

    An answer that is not newer changes nothing, so order and duplicates do no harm inside a batch sorted by time.
    One from the future (a clock that is ahead by more than an interval) is not believed: it would outlive its time.
    """
    if not math.isfinite(result.at) or result.at > now + check.interval:
        return known
    if known is not None and result.at <= known.latest.at:
        return known
    if known is None or result.at >= known.until:
        return _first(result, check)
    m, n = _confirm(check)
    samples = (*known.samples, (result.at, result.status))[-n:]
    status = _decided(samples, m) or known.confirmed
    since = known.since if status is known.confirmed else max(known.since, _began(samples, status))
    sentence = clean(result.sentence) if _agrees(result.status, status) else known.said
    was = known.was if known.confirmed in (status, Status.UNKNOWN) else known.confirmed
    return Signal(result, samples, status, since, result.at + speaks_for(check), sentence, was)


def clean(sentence: str) -> str:
    """Text from outside, bounded, and without what a database cannot hold (NUL, halves of surrogate pairs)."""
    if sentence.isascii() and "\0" not in sentence:
        return sentence[:_LONGEST_SENTENCE]
    return sentence[:_LONGEST_SENTENCE].encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def _confirm(check: Check) -> tuple[int, int]:
    return min(check.confirm.m, check.confirm.n), check.confirm.n


def _first(result: Result, check: Check) -> Signal:
    """The first answer, or the first after a silence: nothing from before counts, and ok needs no second opinion."""
    m, _ = _confirm(check)
    status = result.status if m == 1 or result.status is Status.OK else Status.UNKNOWN
    until = result.at + speaks_for(check)
    return Signal(result, ((result.at, result.status),), status, result.at, until, clean(result.sentence))


def _decided(samples: tuple[Sample, ...], m: int) -> Status | None:
    """The status that ``m`` of the samples agree on, the worst first; a failure also counts towards degraded."""
    said = [status for _, status in samples]
    down = said.count(Status.DOWN)
    if down >= m:
        return Status.DOWN
    if down + said.count(Status.DEGRADED) >= m:
        return Status.DEGRADED
    if said.count(Status.UNKNOWN) >= m:
        return Status.UNKNOWN
    return Status.OK if said.count(Status.OK) >= m else None


def _agrees(said: Status, status: Status) -> bool:
    return said is status or (status is Status.DEGRADED and said is Status.DOWN)


def _began(samples: tuple[Sample, ...], status: Status) -> float:
    """When a newly confirmed status began: trouble with its first sample, ok with the first after the last trouble."""
    if status is not Status.OK:
        return next(at for at, said in samples if _agrees(said, status))
    began = samples[-1][0]
    for at, said in reversed(samples):
        if said is not Status.OK:
            break
        began = at
    return began
