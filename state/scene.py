"""All that is known at one moment, and the questions every judgement asks of it: who says what, which paths work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from checks.check import Check
from checks.result import Status
from inventory import subject
from state.desk import DESK, check_id
from state.index import Index
from state.signals import DELIVERY, Key, Signal
from state.verdict import Vote

_WORKING = (Status.OK, Status.DEGRADED)
_ENOUGH = 50  #: successes that are looked at to tell since when a path works; thousands would say the same


@dataclass(frozen=True, slots=True)
class Path:
    """Whether things in a center can be reached from a vantage at all."""

    status: Status
    since: float  #: Unix time


@dataclass(slots=True)
class Scene:
    """What is known at ``now``; paths are worked out when first asked for."""

    index: Index
    signals: Mapping[Key, Signal]
    heard: Mapping[str, float]  #: vantage -> Unix time of its newest answer to anything
    now: float
    _paths: dict[tuple[str, str], Path] = field(default_factory=dict)

    def vote(self, check: Check, vantage: str) -> Vote:
        """What a vantage says of a check; unknown with age infinity if it never said anything."""
        signal = self.signals.get((check.id, vantage))
        if signal is None:
            return Vote(check.id, vantage, Status.UNKNOWN, self.now, float("inf"))
        return signal.vote(self.now)

    def votes(self, check: Check) -> tuple[Vote, ...]:
        """What each vantage says of a check."""
        return tuple(self.vote(check, vantage) for vantage in check.vantages)

    def works_after(self, vote: Vote, moment: float) -> bool:
        """Whether the answer behind a vote is a success asked for after ``moment``."""
        signal = self.signals.get((vote.check, vote.vantage))
        return signal is not None and signal.works_after(moment)

    def failed_after(self, vote: Vote, moment: float) -> bool:
        """Whether a failure behind a vote was asked for at ``moment`` or later."""
        signal = self.signals.get((vote.check, vote.vantage))
        return signal is not None and signal.failed_after(moment)

    def renewed_after(self, vote: Vote, moment: float) -> bool:
        """Whether a vote would stand on the answers since ``moment`` alone, without those from before."""
        signal = self.signals.get((vote.check, vote.vantage))
        return signal is not None and signal.renewed_after(moment, self.index.by_id[vote.check])

    def stands_after(self, vote: Vote, moment: float) -> bool:
        """Whether a vote went on being said after ``moment``, for longer than one answer speaks."""
        signal = self.signals.get((vote.check, vote.vantage))
        return signal is not None and signal.stands_after(moment, self.index.by_id[vote.check])

    def proves(self, vote: Vote, center: str | None) -> bool:
        """Whether a failing vote tells of the target: it failed while its path to the target's center worked."""
        if center is None:
            return True
        path = self.path(vote.vantage, center)
        return path.status in _WORKING and self.failed_after(vote, path.since)

    def outdated(self, vote: Vote, working: Sequence[Vote]) -> bool:
        """Whether a failing vote is merely slow to recover: others confirm success from after its last failure."""
        return bool(working) and not self.failed_after(vote, max(each.since for each in working))

    def silent(self, vantage: str) -> bool:
        """Whether nothing at all came from a vantage for as long as its quickest check speaks."""
        return self.silent_since(vantage) + DELIVERY <= self.now

    def speaks(self, vantage: str) -> bool:
        """Whether the last word of a vantage still counts."""
        return self.now < self.silent_since(vantage)

    def silent_since(self, vantage: str) -> float:
        """When the silence of a vantage began, or will begin if nothing more comes (Unix time)."""
        return self.heard.get(vantage, float("-inf")) + self.index.patience.get(vantage, 0.0)

    def desk(self, center: str) -> Vote:
        """Whether the desk reaches the center's Prometheus."""
        return self.vote(self.index.by_id[check_id(center)], DESK)

    def path(self, vantage: str, center: str) -> Path:
        """Whether a vantage reaches a center at all, whatever the state of single things in it."""
        if vantage == center:
            return Path(Status.OK, 0.0)
        if (vantage, center) not in self._paths:
            self._paths[vantage, center] = self._path(vantage, center)
        return self._paths[vantage, center]

    def reached_after(self, center: str, moment: float) -> float:
        """When a center was first seen to work from outside again after ``moment`` (Unix time).

        ``moment`` or earlier if some of its machines never stopped working; 0 while nothing is seen to work.
        """
        others = [each.id for each in self.index.estate.centers if each.id != center]
        desk = self.signals.get((check_id(center), DESK))
        seen = desk.works_again(moment) if desk else None  # it may have a way of its own: only its return counts
        first = seen if seen is not None and seen > moment else float("inf")
        for other in others:
            links = list(self._of(self.index.links.get((other, center), ()), other))
            path = self.path(other, center)
            # A vantage that fell silent with the center does not speak for it, though its answers are not stale yet.
            if path.status is Status.OK and any(self.now < signal.until for signal in links):
                first = min(first, path.since)
            for signal in (*links, *self._machines(other, center)):
                if first <= moment:
                    return first
                again = signal.works_again(moment) if self.now < signal.until else None
                first = first if again is None else min(first, again)
        return first if first < float("inf") else 0.0

    def link_vote(self, vantage: str, center: str) -> Vote | None:
        """The worst known answer of the link checks in one direction; None if there are none."""
        votes = [self.vote(check, vantage) for check in self.index.links.get((vantage, center), ())]
        order = [Status.DOWN, Status.DEGRADED, Status.OK, Status.UNKNOWN]
        return min(votes, key=lambda vote: order.index(vote.status), default=None)

    def link_wavers(self, vantage: str, center: str) -> bool:
        """Whether the newest answer over a link that still counts as working is a failure, not yet confirmed."""
        return any(each.wavers(self.now) for each in self._of(self.index.links.get((vantage, center), ()), vantage))

    def works_again(self, vote: Vote, moment: float) -> float | None:
        """When the vantage of a vote saw success again after ``moment``, as ``Signal.works_again``."""
        signal = self.signals.get((vote.check, vote.vantage))
        return signal.works_again(moment) if signal else None

    def _into(self, vantage: str, center: str) -> Iterable[Signal]:
        return self._of(self.index.into.get(center, ()), vantage)

    def _machines(self, vantage: str, center: str) -> Iterable[Signal]:
        for host in self.index.hosts_in.get(center, ()):
            yield from self._of(self.index.of(subject.host(host)), vantage)

    def _of(self, checks: Iterable[Check], vantage: str) -> Iterable[Signal]:
        for check in checks:
            signal = self.signals.get((check.id, vantage))
            if signal is not None:
                yield signal

    def _path(self, vantage: str, center: str) -> Path:
        """A failing link check alone may only mean a dead prober over there, so it needs a second witness.

        Newer success with anything in the center clears the path. The far prober being alive meanwhile (it went on
        asking its own questions), or failure with most of the machines there, condemns it. Else: not yet known.
        """
        link = self.link_vote(vantage, center)
        if link is None:
            return self._path_without_link(vantage, center)
        if link.status in _WORKING:
            return Path(link.status, link.since)
        successes = [signal.first_success(link.since) for signal in self._into(vantage, center)]
        if first := min(filter(None, successes), default=None):
            return Path(Status.OK, first)
        condemned = link.status is Status.DOWN and (
            self.alive_meanwhile(link, center) or self._most_fail(vantage, center, link.since)
        )
        return Path(Status.DOWN if condemned else Status.UNKNOWN, link.since)

    def alive_meanwhile(self, link: Vote, center: str) -> bool:
        """Whether the center's prober asked about its own links between our first and our newest failure to reach it.

        Having asked afterwards is not enough: a prober that was restarted is back before we have noticed.
        """
        newest = self.signals[link.check, link.vantage].latest
        asked = (
            at
            for (vantage, _), checks in self.index.links.items()
            if vantage == center
            for check in checks
            if (signal := self.signals.get((check.id, center)))
            for at, _ in signal.samples
        )
        return newest.status is Status.DOWN and any(link.since < at <= newest.at for at in asked)

    def _most_fail(self, vantage: str, center: str, moment: float) -> bool:
        """Whether most machines of a center failed a vantage since ``moment`` (there was no success since)."""
        failing = {
            host.id
            for check in self.index.into.get(center, ())
            if (host := check.host) and (signal := self.signals.get((check.id, vantage))) and signal.fails_after(moment)
        }
        return 2 * len(failing) > len(self.index.hosts_in.get(center, ()))

    def _path_without_link(self, vantage: str, center: str) -> Path:
        """Without a link check any success clears the path; failure with most machines, two at least, condemns it."""
        into = list(self._into(vantage, center))
        working = (signal.since for signal in into if signal.status(self.now) in _WORKING)
        if some := list(islice(working, _ENOUGH)):
            return Path(Status.OK, min(some))
        failing = [signal.since for signal in into if signal.status(self.now) is Status.DOWN]
        several = len(self.index.hosts_in.get(center, ())) > 1
        if failing and several and self._most_fail(vantage, center, min(failing)):
            return Path(Status.DOWN, max(failing))
        return Path(Status.UNKNOWN, self.now)


def heard(signals: Iterable[Signal]) -> dict[str, float]:
    """Vantage -> Unix time of its newest answer."""
    newest: dict[str, float] = {}
    for signal in signals:
        vantage = signal.latest.vantage
        newest[vantage] = max(newest.get(vantage, signal.latest.at), signal.latest.at)
    return newest
