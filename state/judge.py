"""From signals to verdicts on everything, in the order in which causes flow. Pure.

machines → centers → links → shared services → components, provinces → systems → watch → estate; causes pass down, and
trouble without a cause may be in doubt. ``judge`` works everything out from nothing; ``Judge`` gives the same answer
for the work of what changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from checks.check import Check
from checks.result import Status
from inventory import subject
from inventory.model import Estate
from state.causes import under_center, under_host, under_link, under_wavering
from state.copies import REPLICATION, under_replication
from state.doubt import doubted
from state.estate import judge_estate
from state.index import Index, index
from state.lines import judge_link
from state.lingering import RECOVERING, under_recovered
from state.machines import judge_host, wavers
from state.parts import judge_component, judge_province
from state.places import judge_center, judge_watch, together
from state.scene import Scene, heard
from state.services import judge_service, under_service
from state.signals import Signal
from state.systems import depend, judge_system
from state.verdict import Verdict


def judge(estate: Estate, checks: Iterable[Check], signals: Iterable[Signal], now: float) -> tuple[Verdict, ...]:
    """The verdicts on everything in the estate at ``now`` (Unix seconds).

    ``signals`` hold the confirmed answers, those about the desk's reach of the centers among them (``state/desk.py``).
    """
    known = list(signals)
    scene = Scene(index(estate, checks), {signal.key: signal for signal in known}, heard(known), now)
    return Judge(scene.index).judge(scene, touched=None)


@dataclass(slots=True)
class Judge:
    """Judges one estate again and again; remembers what nobody contests, so that it need not be judged again."""

    index: Index
    _calm: dict[str, Verdict] = field(default_factory=dict)  #: raw verdicts where no vote says down
    _last: tuple[Verdict, ...] = ()
    _settled: bool = False  #: nobody says down: only a touched subject or a silence can change anything
    _silent: frozenset[str] = frozenset()

    def judge(self, scene: Scene, touched: set[str] | None) -> tuple[Verdict, ...]:
        """All verdicts at the scene's moment; ``touched`` are the subjects whose votes changed (None: all of them).

        Returns the very tuple of the last call when nothing can have changed.
        """
        silent = frozenset(vantage for vantage in self.index.patience if scene.silent(vantage))
        if touched is None:
            self._calm.clear()
        elif not touched and self._settled and silent == self._silent:
            return self._last
        for about in touched or ():
            for each in (about, *self.index.services.get(about, ())):
                self._calm.pop(each, None)
        self._silent = silent
        self._last = tuple(self._everything(scene).values())
        self._settled = not any(map(self._open, self._last))
        return self._last

    def _open(self, verdict: Verdict) -> bool:
        """Whether answers that confirm what is known already could still change a verdict."""
        if verdict.doubt or verdict.because.code in (RECOVERING, REPLICATION):
            return True
        return verdict.subject not in self._calm and _contested(verdict)

    def _everything(self, scene: Scene) -> dict[str, Verdict]:
        """The cycle of judgement; every step reads what the steps before it found."""
        estate = self.index.estate
        hosts = {host.id: self._raw(scene, subject.host(host.id), judge_host, host) for host in estate.hosts}
        found = self._centers(scene, hosts)
        self._add_links(scene, found)
        self._add_hosts(scene, hosts, found)
        self._add_services(scene, found)
        self._add_components(scene, found)
        self._add_provinces(scene, found)
        self._add_systems(scene, found)
        self._add_watch(scene, found)
        found[subject.ESTATE] = judge_estate(scene, found)
        return {about: doubted(scene, verdict, found) for about, verdict in found.items()}

    def _raw(self, scene: Scene, about: str, decide: Callable[..., Verdict], *target: object) -> Verdict:
        """A verdict from votes alone; remembered while no vote says down, for then nothing else can sway it."""
        if (known := self._calm.get(about)) is not None:
            return known
        verdict = decide(scene, *target)
        if not _contested(verdict):
            self._calm[about] = verdict
        return verdict

    def _centers(self, scene: Scene, hosts: Mapping[str, Verdict]) -> dict[str, Verdict]:
        ids = [center.id for center in self.index.estate.centers]
        verdicts = {
            center.id: judge_center(scene, center, hosts, tuple(other for other in ids if other != center.id))
            for center in self.index.estate.centers
        }
        return {verdict.subject: verdict for verdict in together(scene, verdicts).values()}

    def _add_links(self, scene: Scene, found: dict[str, Verdict]) -> None:
        for link in self.index.estate.links:
            verdict = judge_link(scene, link, found)
            ends = [found[subject.center(end)] for end in link.between]
            found[verdict.subject] = under_recovered(scene, verdict, ends)

    def _add_hosts(self, scene: Scene, hosts: Mapping[str, Verdict], found: dict[str, Verdict]) -> None:
        estate = self.index.estate
        for host in estate.hosts:
            center = found[subject.center(host.center)]
            verdict = under_center(estate, hosts[host.id], center)
            verdict = under_recovered(scene, verdict, [center])
            found[verdict.subject] = under_link(estate, verdict, host.center, found)

    def _add_components(self, scene: Scene, found: dict[str, Verdict]) -> None:
        for system in self.index.estate.systems:
            for part in system.components:
                for center, placement in part.placement.items():
                    about = subject.component(system.id, part.id, center)
                    raw = self._raw(scene, about, judge_component, system, part, center)
                    verdict = self._under(scene, raw, center, placement.hosts, found)
                    found[about] = under_service(verdict, [found[each] for each in self.index.services.get(about, ())])
            found |= under_replication(scene, system, found)

    def _add_services(self, scene: Scene, found: dict[str, Verdict]) -> None:
        for (host_id, name), users in self.index.shared.items():
            host, about = self.index.estate.host(host_id), subject.service(host_id, name)
            raw = self._raw(scene, about, judge_service, host, name, users)
            found[about] = self._under(scene, raw, host.center, (host_id,), found)

    def _add_provinces(self, scene: Scene, found: dict[str, Verdict]) -> None:
        exchange = self.index.estate.exchange
        for province in exchange.provinces if exchange else ():
            about = subject.province(province.code)
            verdict = self._raw(scene, about, judge_province, province)
            asked = {check.host.id: check.host.center for check in self.index.of(about) if check.host}
            for host, center in asked.items():
                verdict = self._under(scene, verdict, center, (host,), found)
            found[about] = verdict

    def _under(
        self, scene: Scene, verdict: Verdict, center: str, hosts: Iterable[str], found: Mapping[str, Verdict]
    ) -> Verdict:
        """The verdict on something in a center and on machines, with the cause that it suffers from, if any."""
        above = found[subject.center(center)]
        if verdict.status is Status.OK and above.status is not Status.DOWN:
            return verdict
        verdict = under_center(self.index.estate, verdict, above)
        verdict = under_host(verdict, [found[subject.host(host)] for host in hosts])
        for host in hosts if verdict.status in (Status.DOWN, Status.DEGRADED) else ():
            verdict = under_wavering(verdict, host) if wavers(scene, host) else verdict
        verdict = under_recovered(scene, verdict, [above, *(found[subject.host(host)] for host in hosts)])
        return under_link(self.index.estate, verdict, center, found)

    def _add_systems(self, scene: Scene, found: dict[str, Verdict]) -> None:
        systems = self.index.estate.systems
        found |= {subject.system(system.id): judge_system(scene, system, found) for system in systems}
        # One round per step of the longest chain of dependencies: then every cause is the root and not its victim.
        for _ in systems:
            depended = {system.id: depend(scene, found[subject.system(system.id)], system, found) for system in systems}
            moved = {each.subject: each for each in depended.values() if found[each.subject] is not each}
            if not moved:
                break
            found |= moved

    def _add_watch(self, scene: Scene, found: dict[str, Verdict]) -> None:
        for center in self.index.estate.centers:
            verdict = judge_watch(scene, center)
            verdict = under_center(self.index.estate, verdict, found[subject.center(center.id)])
            host = self.index.prober_host.get(center.id)
            machines = [found[subject.host(host)]] if host else []
            verdict = under_host(verdict, machines)
            found[verdict.subject] = under_recovered(scene, verdict, [found[subject.center(center.id)], *machines])


def _contested(verdict: Verdict) -> bool:
    return any(vote.status is Status.DOWN for vote in verdict.votes)
