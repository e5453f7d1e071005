"""Which components run in which service: one program on one host often serves many systems."""

from __future__ import annotations

from collections import defaultdict

from inventory import subject
from inventory.model import Estate

#: (host id, service) -> the components that run in it
Users = dict[tuple[str, str], tuple[str, ...]]


def users(estate: Estate) -> Users:
    """Every service that components name, with those components."""
    found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for system in estate.systems:
        for part in system.components:
            for center, placement in part.placement.items() if part.service else ():
                for host in placement.hosts:
                    found[host, str(part.service)].append(subject.component(system.id, part.id, center))
    return {service: tuple(components) for service, components in found.items()}


def shared(estate: Estate) -> Users:
    """The services in which more than one component runs."""
    return {service: components for service, components in users(estate).items() if len(components) > 1}
