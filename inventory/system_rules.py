"""What must hold for systems: where they stand, what they depend on, what they promise. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from inventory.errors import Mark, Problem
from inventory.model import Component, Replication, Role, System
from inventory.parts import Item, Parts, sound, unread
from inventory.reference import Problems, Rule, twice, unknown
from inventory.wording import nearest


def components_are_placed(parts: Parts) -> Problems:
    """Components stand in known centers, on known hosts of that center, and enough of them are active."""
    for item, at, component in _components(parts):
        for center, placement in component.placement.items():
            path = ("components", at, "placement", center)
            yield from unknown(item.mark(*path), center, "a center", parts.centers)
            for spot, host in enumerate(placement.hosts):
                yield from _placed(item.mark(*path, "hosts", spot), host, center, parts)
            for host in twice(placement.hosts):
                yield Problem(item.mark(*path, "hosts"), host, "is placed twice here", "keep one")
        if item.tells("components"):
            yield from _enough(item, at, component)


def _placed(mark: Mark, host: str, center: str, parts: Parts) -> Problems:
    known = parts.hosts.get(host)
    yield from unknown(mark, host, "a host", parts.hosts)
    if known and known.value and known.value.center != center and {center, known.value.center} <= set(parts.centers):
        there = [other.id for other in sound(parts.hosts) if other.center == center]
        message = f"stands in center `{known.value.center}`, not in `{center}`"
        yield Problem(mark, host, message, nearest(host, there) if there else "place it in its own center")


def _enough(item: Item[System], at: int, component: Component) -> Problems:
    active = sum(placement.duty == "active" for placement in component.placement.values())
    if active < component.needs:
        message = f"needs {component.needs} active placement(s) but has {active}: it could never be up"
        yield Problem(
            item.mark("components", at), component.id, message, "give a placement `duty: active`, or lower `needs`"
        )


def systems_are_in_production(parts: Parts) -> Problems:
    """Every system has a component in the production center."""
    production = parts.production
    for item in parts.systems.values():
        if production is None or item.value is None or not item.tells("components") or not item.value.components:
            continue
        if not any(production.id in component.placement for component in item.value.components):
            message = f"has no component in `{production.id}`, the production center"
            yield Problem(item.mark("components"), item.id, message, f"add `{production.id}: {{hosts: [...]}}`")


def names_in_a_system_are_unique(parts: Parts) -> Problems:
    """A system has components, and depends on another system once."""
    for item in parts.systems.values():
        if item.value and item.tells("components") and not item.value.components:
            yield Problem(item.mark("components"), item.id, "has no components", "describe at least one")
        for name in twice(item.value.depends_on) if item.value else []:
            yield Problem(item.mark("depends_on"), name, "is twice in depends_on", "keep one")


def services_exist_on_hosts(parts: Parts) -> Problems:
    """A component's service is one that each of its hosts declares: a runbook may restart no other."""
    for item, at, component in _components(parts):
        for placement in component.placement.values():
            for name in placement.hosts:
                host = parts.hosts[name].value if name in parts.hosts else None
                if host and component.service and component.service not in host.services:
                    message = f"is not a service of host `{name}`"
                    hint = f"add it to `services` of `{name}`, or {nearest(component.service, host.services)}"
                    yield Problem(item.mark("components", at, "service"), component.service, message, hint)


def dependencies_are_known(parts: Parts) -> Problems:
    """A system depends on systems of the estate, and not on itself."""
    for item in parts.systems.values():
        for at, name in enumerate(item.value.depends_on if item.value else ()):
            yield from unknown(item.mark("depends_on", at), name, "a system", parts.systems)
            if name == item.id:
                yield Problem(item.mark("depends_on", at), name, "depends on itself", "remove it")


def dependencies_have_no_cycle(parts: Parts) -> Problems:
    """What depends on what ends somewhere; each cycle is named."""
    graph = {
        item.id: {name for name in item.value.depends_on if name in parts.systems and name != item.id}
        for item in parts.systems.values()
        if item.value
    }
    while cycle := _cycle(graph):
        first = parts.systems[cycle[0]]
        at = first.value.depends_on.index(cycle[1]) if first.value else 0
        message = f"closes a cycle of dependencies: {' → '.join(cycle)}"
        yield Problem(first.mark("depends_on", at), cycle[1], message, "remove one of them")
        graph[cycle[0]].discard(cycle[1])


def _cycle(graph: dict[str, set[str]]) -> list[str]:
    """One cycle in the order of depending, from its first name in the alphabet and back to it."""
    try:
        TopologicalSorter({name: sorted(graph[name]) for name in sorted(graph)}).prepare()
    except CycleError as error:
        ring = error.args[1][:0:-1]
        start = ring.index(min(ring))
        return [*ring[start:], *ring[: start + 1]]
    return []


def replication_joins_centers(parts: Parts) -> Problems:
    """Data goes from a known center to other known centers."""
    for item in parts.systems.values():
        if item.value and item.value.replication:
            yield from _replication(item, item.value.replication, parts)


def _replication(item: Item[System], replication: Replication, parts: Parts) -> Problems:
    yield from unknown(item.mark("replication", "source"), replication.source, "a center", parts.centers)
    for target in replication.to:
        mark = item.mark("replication", "to", target)
        yield from unknown(mark, target, "a center", parts.centers)
        if target == replication.source:
            yield Problem(mark, target, "is the source of the replication", "replicate to another center")


def no_loss_needs_synchronous_copies(parts: Parts) -> Problems:
    """RPO 0 holds only where each write is in another center before it is acknowledged: in the system's own
    replication or, when it keeps no data itself, in that of a system it depends on."""
    for item in parts.systems.values():
        system = item.value
        if system is None or system.targets.rpo > 0:
            continue
        keepers = [item] if system.replication else [item, *_beneath(system, parts)]
        if all(keeper.tells("replication") and not _synchronous(keeper.value) for keeper in keepers):
            message = "promises that nothing is lost, but no center gets the data synchronously"
            yield Problem(item.mark("targets", "rpo"), "rpo", message, _honest(parts))


def _synchronous(system: System | None) -> bool:
    return bool(system and system.replication and "sync" in system.replication.to.values())


def _beneath(system: System, parts: Parts) -> list[Item[System]]:
    """What a system depends on, directly or not."""
    found: dict[str, Item[System]] = {}
    waiting = list(system.depends_on)
    while waiting:
        name = waiting.pop()
        if name not in found:
            item = found[name] = parts.systems.get(name) or unread(name, parts.estate)
            waiting.extend(item.value.depends_on if item.value else ())
    return list(found.values())


def _honest(parts: Parts) -> str:
    metro = next((one.id for one in sound(parts.centers) if one.role is Role.METRO), None)
    return (f"replicate to `{metro}: sync`, or " if metro else "") + "promise what holds, like `rpo: 5m`"


def targets_are_times(parts: Parts) -> Problems:
    """Nothing recovers in no time."""
    for item in parts.systems.values():
        if item.value and item.value.targets.rto == 0:
            yield Problem(item.mark("targets", "rto"), "rto", "is zero", "write the time that recovery may take")


def _components(parts: Parts) -> Iterator[tuple[Item[System], int, Component]]:
    for item in parts.systems.values():
        for at, component in enumerate(item.value.components if item.value else ()):
            yield item, at, component


RULES: tuple[Rule, ...] = (
    components_are_placed,
    systems_are_in_production,
    names_in_a_system_are_unique,
    services_exist_on_hosts,
    dependencies_are_known,
    dependencies_have_no_cycle,
    replication_joins_centers,
    no_loss_needs_synchronous_copies,
    targets_are_times,
)
