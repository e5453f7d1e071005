"""Who is asked: every owner of checks in the estate, once per place where it is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from inventory import subject
from inventory.errors import Mark, Problem
from inventory.model import Center, Estate, Exchange, Host, Link, RawCheck, System
from inventory.wording import nearest


@dataclass(frozen=True, slots=True)
class Target:
    """One check as written, and one place where it is asked."""

    raw: RawCheck
    prefix: str  #: what comes before the check's own id
    subject: str
    host: Host | None
    center: str | None  #: where the target stands
    names: Mapping[str, str] = field(default_factory=dict)  #: the placeholders it can fill
    vantage: str | None = None  #: the only center that can ask, where that is given by the target


def targets(estate: Estate, problems: list[Problem]) -> Iterator[Target]:
    """Every check of the estate at every place where it is asked; what cannot be placed goes to ``problems``."""
    finder = _Finder(estate, problems)
    for system in estate.systems:
        yield from _of_components(finder, system)
        yield from _of_journeys(finder, system)
    for host in estate.hosts:
        yield from _of_host(finder, host)
    for link in estate.links:
        yield from _of_link(finder, link)
    if estate.exchange is not None:
        yield from _of_provinces(finder, estate.exchange)


@dataclass(frozen=True, slots=True)
class _Finder:
    """Looks things up by id; names the mistake when they are not there."""

    estate: Estate
    problems: list[Problem]

    def hosts(self, raw: RawCheck, otherwise: tuple[str, ...], among: tuple[str, ...] | None = None) -> list[Host]:
        """The hosts of ``on`` (``otherwise`` when it is empty); each must be one of ``among``, if given."""
        allowed = [host.id for host in self.estate.hosts if among is None or host.id in among]
        for wrong in sorted(set(raw.on) - set(allowed)):
            self.problem(raw, "on", wrong, "is not a host that this check can be asked on", nearest(wrong, allowed))
        wanted = raw.on or otherwise
        return [host for host in self.estate.hosts if host.id in wanted and host.id in allowed]

    def names(self, host: Host | None, **more: str) -> dict[str, str]:
        """The placeholders of a host, and more of them."""
        if host is None:
            return more
        own = {"address": host.address, "host": host.id, "center": host.center}
        return own | self.prober(self.estate.center(host.center)) | more

    def prober(self, center: Center) -> dict[str, str]:
        return {"prober": center.prober.rstrip("/")} if center.prober else {}

    def problem(self, raw: RawCheck, key: str, text: str, message: str, instead: str) -> None:
        mark = Mark(raw.mark.file, raw.lines.get(key, raw.mark.line))
        self.problems.append(Problem(mark, text, message, instead))


def _of_components(finder: _Finder, system: System) -> Iterator[Target]:
    for part in system.components:
        everywhere = tuple(host for placement in part.placement.values() for host in placement.hosts)
        for raw in part.checks:
            asked = {host.id for host in finder.hosts(raw, everywhere, among=everywhere)}
            for center, placement in part.placement.items():
                for host in (finder.estate.host(name) for name in placement.hosts if name in asked):
                    yield Target(
                        raw,
                        f"{system.id}/{part.id}@{center}/{host.id}",
                        subject.component(system.id, part.id, center),
                        host,
                        center,
                        finder.names(host, system=system.id, component=part.id, center=center),
                    )


def _of_journeys(finder: _Finder, system: System) -> Iterator[Target]:
    for raw in system.checks:
        about = subject.system(system.id)
        if not raw.on:
            yield Target(raw, f"system/{system.id}", about, None, None, {"system": system.id})
        for host in finder.hosts(raw, ()):
            names = finder.names(host, system=system.id)
            yield Target(raw, f"system/{system.id}/{host.id}", about, host, host.center, names)


def _of_host(finder: _Finder, host: Host) -> Iterator[Target]:
    for raw in host.checks:
        for one in finder.hosts(raw, (host.id,), among=(host.id,)):
            yield Target(raw, f"host/{one.id}", subject.host(one.id), one, one.center, finder.names(one))


def _of_link(finder: _Finder, link: Link) -> Iterator[Target]:
    for raw in link.checks:
        if raw.vantage != ("all",):
            text = ", ".join(raw.vantage)
            finder.problem(raw, "vantage", text, "has no use here: a link is asked from its ends", "remove it")
        if raw.on:
            finder.problem(raw, "on", ", ".join(raw.on), "has no use here: a link has no hosts", "remove it")
        for near, far in (link.between, link.between[::-1]):
            names = {"center": far} | _of_prober(finder, finder.estate.center(far))
            yield Target(raw, f"link/{link.id}/{near}>{far}", subject.link(link.id), None, far, names, near)


def _of_prober(finder: _Finder, center: Center) -> dict[str, str]:
    """The placeholders of the far end of a link: its prober, and where that stands."""
    names = finder.prober(center)
    address = urlsplit(names.get("prober", "")).hostname
    return names | ({"address": address} if address else {})


def _of_provinces(finder: _Finder, exchange: Exchange) -> Iterator[Target]:
    for raw in exchange.checks:
        hosts = finder.hosts(raw, exchange.hosts, among=exchange.hosts)
        for province in exchange.provinces:
            for host in hosts:
                yield Target(
                    raw,
                    f"province/{province.code}/{host.id}",
                    subject.province(province.code),
                    host,
                    host.center,
                    finder.names(host, system=exchange.system, code=province.code),
                )
