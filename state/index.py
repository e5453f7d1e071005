"""Which checks speak of what, looked up once per estate instead of once per cycle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from checks.check import Check
from inventory import subject
from inventory.model import Center, Estate
from inventory.services import Users, shared
from state.desk import desk_checks
from state.signals import speaks_for

_Table = Mapping[str, tuple[Check, ...]]


@dataclass(frozen=True, slots=True)
class Index:
    """The estate and its checks, by every key that judging needs."""

    estate: Estate
    by_id: Mapping[str, Check]
    by_subject: _Table
    into: _Table  #: center -> checks of hosts, components, systems in it (not of its links)
    on_host: _Table  #: host id -> checks that ask this machine
    links: Mapping[tuple[str, str], tuple[Check, ...]]  #: (vantage, center) -> link checks in that direction
    patience: Mapping[str, float]  #: vantage -> seconds without any answer after which it is silent
    prober_host: Mapping[str, str]  #: center -> the host its prober runs on, where the addresses tell
    hosts_in: Mapping[str, tuple[str, ...]]  #: center -> host ids
    shared: Users  #: services that several components share
    services: Mapping[str, tuple[str, ...]]  #: component -> the shared services it runs on (subjects)

    def of(self, about: str) -> tuple[Check, ...]:
        """The checks that speak of a subject."""
        return self.by_subject.get(about, ())


def index(estate: Estate, checks: Iterable[Check]) -> Index:
    """Every look-up table of one estate; the desk's looks at the centers are added to the checks."""
    everything = (*checks, *desk_checks(estate))
    together = shared(estate)
    return Index(
        estate=estate,
        by_id={check.id: check for check in everything},
        by_subject=_grouped((check.subject, check) for check in everything),
        into=_grouped((check.center, check) for check in everything if check.center and _stands_in_center(check)),
        on_host=_grouped((check.host.id, check) for check in everything if check.host),
        links=_links(everything),
        patience=_patience(everything),
        prober_host=_prober_hosts(estate),
        hosts_in={
            center.id: tuple(host.id for host in estate.hosts if host.center == center.id) for center in estate.centers
        },
        shared=together,
        services=_services(together),
    )


def _services(together: Users) -> dict[str, tuple[str, ...]]:
    pairs = [(user, subject.service(*service)) for service, users in together.items() for user in users]
    return {user: tuple(service for one, service in pairs if one == user) for user, _ in pairs}


def _stands_in_center(check: Check) -> bool:
    return subject.kind(check.subject) in ("host", "component", "system")


def _grouped(pairs: Iterable[tuple[str, Check]]) -> dict[str, tuple[Check, ...]]:
    groups: dict[str, list[Check]] = defaultdict(list)
    for key, check in pairs:
        groups[key].append(check)
    return {key: tuple(group) for key, group in groups.items()}


def _links(checks: Iterable[Check]) -> dict[tuple[str, str], tuple[Check, ...]]:
    groups: dict[tuple[str, str], list[Check]] = defaultdict(list)
    for check in checks:
        if subject.kind(check.subject) == "link" and check.center:
            for vantage in check.vantages:
                groups[vantage, check.center].append(check)
    return {key: tuple(group) for key, group in groups.items()}


def _patience(checks: Iterable[Check]) -> dict[str, float]:
    """The quickest check of a vantage says when its silence is noticed."""
    patience: dict[str, float] = {}
    for check in checks:
        for vantage in check.vantages:
            patience[vantage] = min(patience.get(vantage, speaks_for(check)), speaks_for(check))
    return patience


def _prober_hosts(estate: Estate) -> dict[str, str]:
    by_address = {host.address: host.id for host in estate.hosts}
    found = {center.id: by_address.get(_address(center)) for center in estate.centers}
    return {center: host for center, host in found.items() if host}


def _address(center: Center) -> str:
    try:
        return urlsplit(center.prober or center.prometheus or "").hostname or ""
    except ValueError:
        return ""
