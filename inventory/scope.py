"""Which subjects a selector such as ``center:dr`` means: the thing itself and all that it holds. Pure.

A center holds its hosts, what stands on them and its prober; a host its services; a component is held when all its
hosts are; a system holds its components. A component never holds its system: what people see is named by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from inventory import subject as subjects
from inventory.model import Component, Estate
from inventory.services import users


def everything(estate: Estate) -> frozenset[str]:
    """Every subject of the estate."""
    partners = estate.exchange.provinces if estate.exchange else ()
    return frozenset(
        (
            subjects.ESTATE,
            *(subjects.center(one.id) for one in estate.centers),
            *(subjects.watch(one.id) for one in estate.centers),
            *(subjects.host(one.id) for one in estate.hosts),
            *(subjects.service(host, name) for host, name in users(estate)),
            *(subjects.system(one.id) for one in estate.systems),
            *(subject for subject, _, _ in _placed(estate)),
            *(subjects.link(one.id) for one in estate.links),
            *(subjects.province(one.code) for one in partners),
        )
    )


def covered(estate: Estate, selectors: Iterable[str]) -> frozenset[str]:
    """All subjects that the selectors mean."""
    every = everything(estate)
    named = {subject for subject in every for one in selectors if fnmatchcase(subject, one)}
    return every if subjects.ESTATE in named else frozenset(named | set(_held(estate, named)))


def _held(estate: Estate, named: set[str]) -> Iterator[str]:
    hosts = {one.id for one in estate.hosts if {subjects.host(one.id), subjects.center(one.center)} & named}
    yield from (subjects.host(one) for one in hosts)
    yield from (subjects.service(host, name) for host, name in users(estate) if host in hosts)
    yield from (subjects.watch(one.id) for one in estate.centers if subjects.center(one.id) in named)
    for subject, system, (part, center) in _placed(estate):
        on = part.placement[center].hosts
        if subjects.system(system) in named or hosts.issuperset(on):
            yield subject


def _placed(estate: Estate) -> Iterator[tuple[str, str, tuple[Component, str]]]:
    """Every component at every place: subject, system, and the component with its center."""
    for system in estate.systems:
        for part in system.components:
            for center in part.placement:
                yield subjects.component(system.id, part.id, center), system.id, (part, center)
