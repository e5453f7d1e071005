"""What must hold between the parts of an estate. Pure; RULES is the table of contents.

Each rule yields all its problems. What could not be read is left out: its own problem is enough.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from zoneinfo import ZoneInfo, available_timezones

from inventory.errors import Mark, Problem
from inventory.model import Center, Component, Host, Link, Replication, Role, System
from inventory.parts import Item, Parts, sound, unread
from inventory.tree import shown
from inventory.wording import nearest

#: the provincial divisions of GB/T 2260
_DIVISION = re.compile(r"(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[12])0000")
PROBER_JOB = "tricenter-prober"  #: the Prometheus job of each center's own prober

Problems = Iterator[Problem]
Rule = Callable[[Parts], Problems]


def unknown(mark: Mark, name: str, noun: str, known: Collection[str]) -> Problems:
    """A name that nothing in the estate bears; nothing is known when the file that would tell could not be read."""
    if known and name not in known:
        yield Problem(mark, shown(name), f"is not {noun} of this estate", nearest(name, known))


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def timezone_exists(parts: Parts) -> Problems:
    """Reports speak of days and weeks: the zone must be one that the machine knows."""
    if parts.head is None:
        return
    try:
        ZoneInfo(parts.head.timezone)
    except (ValueError, OSError, KeyError):
        close = get_close_matches(parts.head.timezone[:64], available_timezones(), n=1, cutoff=0.8)
        hint = f"did you mean `{close[0]}`?" if close else "write it like Asia/Shanghai"
        yield Problem(parts.mark("timezone"), shown(parts.head.timezone), "is not a time zone", hint)


def center_stands_in_a_site(parts: Parts) -> Problems:
    """Every center is in a site that is described."""
    for item in parts.centers.values():
        if item.value:
            yield from unknown(item.mark("site"), item.value.site, "a site", parts.sites)


def one_production_center(parts: Parts) -> Problems:
    """Exactly one center serves people; at least one other stands ready."""
    serving = [item for item in parts.centers.values() if item.value and item.value.role is Role.PRODUCTION]
    for item in serving[1:]:
        message = f"is a second production center, besides `{serving[0].id}`"
        yield Problem(item.mark("role"), item.id, message, "give it the role metro or remote")
    all_read = bool(parts.centers) and all(item.value for item in parts.centers.values())
    if all_read and not serving:
        yield Problem(parts.mark("centers"), "centers", "has no production center", "give one the role production")
    if all_read and len(parts.centers) == 1:
        yield Problem(parts.mark("centers"), "centers", "has only one center", "add the center that takes over from it")


def roles_fit_sites(parts: Parts) -> Problems:
    """Metro means the same city as production, remote another one."""
    production = parts.production
    if production is None:
        return
    for item in parts.centers.values():
        center = item.value
        if center and center.role is Role.METRO and center.site != production.site:
            yield _misplaced(item, f"is metro but not in `{production.site}`, the site of `{production.id}`", "remote")
        if center and center.role is Role.REMOTE and center.site == production.site:
            yield _misplaced(item, f"is remote but in `{production.site}`, the site of `{production.id}`", "metro")


def _misplaced(item: Item[Center], message: str, role: str) -> Problem:
    return Problem(item.mark("role"), item.id, message, f"write another site, or role: {role}")


def watchers_are_apart(parts: Parts) -> Problems:
    """Each center has its own Prometheus and its own prober: a shared one cannot say who lost sight of whom."""
    for what in ("prometheus", "prober"):
        first: dict[str, str] = {}
        for item in parts.centers.values():
            url = getattr(item.value, what, None)
            if url and url in first:
                message = f"is already the {what} of `{first[url]}`"
                yield Problem(item.mark(what), url, message, "give each center its own")
            elif url:
                first[url] = item.id


def links_join_two_centers(parts: Parts) -> Problems:
    """A link has two known and different ends."""
    for item in parts.links.values():
        if item.value:
            yield from _ends(item, item.value, parts)


def _ends(item: Item[Link], link: Link, parts: Parts) -> Problems:
    for at, end in enumerate(link.between):
        yield from unknown(item.mark("between", at), end, "a center", parts.centers)
    if link.between[0] == link.between[1]:
        message = "joins a center with itself"
        yield Problem(item.mark("between"), link.between[0], message, "write two different centers")


def hosts_stand_in_a_center(parts: Parts) -> Problems:
    """Every host is in a center that is described."""
    for item in parts.hosts.values():
        if item.value:
            yield from unknown(item.mark("center"), item.value.center, "a center", parts.centers)


def addresses_are_unique(parts: Parts) -> Problems:
    """Two hosts cannot be reached at one address and SSH port."""
    first: dict[tuple[str, int], Item[Host]] = {}
    for item in parts.hosts.values():
        if not item.value:
            continue
        place = (item.value.address, item.value.ssh.port)
        taken = first.setdefault(place, item)
        if taken is not item:
            message = f"is the address of `{taken.id}` too, with the same SSH port (line {taken.mark('address').line})"
            yield Problem(
                item.mark("address"), item.value.address, message, "give each host its own address or ssh port"
            )


def hosts_name_things_once(parts: Parts) -> Problems:
    """Roles, services and exporter ports of one host do not repeat."""
    for item in parts.hosts.values():
        if not item.value:
            continue
        for what, names in (("roles", item.value.roles), ("services", item.value.services)):
            for name in _twice(names):
                yield Problem(item.mark(what), name, f"is twice in {what} of `{item.id}`", "keep one")
        yield from _exporters(item, item.value)


def _exporters(item: Item[Host], host: Host) -> Problems:
    for port in _twice(str(port) for port in host.exporters.values()):
        message = f"is the port of two exporters of `{item.id}`"
        yield Problem(item.mark("exporters"), port, message, "give each exporter its own port")
    if PROBER_JOB in host.exporters:
        message = "is the job of the center's own prober"
        yield Problem(item.mark("exporters", PROBER_JOB), PROBER_JOB, message, "give the exporter another name")


def components_are_placed(parts: Parts) -> Problems:
    """Components stand in known centers, on known hosts of that center, and enough of them are active."""
    for item, at, component in _components(parts):
        for center, placement in component.placement.items():
            path = ("components", at, "placement", center)
            yield from unknown(item.mark(*path), center, "a center", parts.centers)
            for spot, host in enumerate(placement.hosts):
                yield from _placed(item.mark(*path, "hosts", spot), host, center, parts)
            for host in _twice(placement.hosts):
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
        for name in _twice(item.value.depends_on) if item.value else []:
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


def exchange_is_known(parts: Parts) -> Problems:
    """The exchange belongs to a known system and known hosts."""
    item = parts.exchange
    if item is None or item.value is None:
        return
    yield from unknown(item.mark("system"), item.value.system, "a system", parts.systems)
    for at, host in enumerate(item.value.hosts):
        yield from unknown(item.mark("hosts", at), host, "a host", parts.hosts)


def provinces_exist(parts: Parts) -> Problems:
    """Codes are those of provincial divisions."""
    for province in parts.exchange.value.provinces if parts.exchange and parts.exchange.value else ():
        code = province.code
        if not _DIVISION.fullmatch(code):
            message = "is not the code of a provincial division"
            yield Problem(province.mark, code, message, 'write that of GB/T 2260, like "110000" for Beijing')


def _components(parts: Parts) -> Iterator[tuple[Item[System], int, Component]]:
    for item in parts.systems.values():
        for at, component in enumerate(item.value.components if item.value else ()):
            yield item, at, component


RULES: tuple[Rule, ...] = (
    timezone_exists,
    center_stands_in_a_site,
    one_production_center,
    roles_fit_sites,
    watchers_are_apart,
    links_join_two_centers,
    hosts_stand_in_a_center,
    addresses_are_unique,
    hosts_name_things_once,
    components_are_placed,
    systems_are_in_production,
    names_in_a_system_are_unique,
    services_exist_on_hosts,
    dependencies_are_known,
    dependencies_have_no_cycle,
    replication_joins_centers,
    no_loss_needs_synchronous_copies,
    targets_are_times,
    exchange_is_known,
    provinces_exist,
)


def broken(parts: Parts) -> Problems:
    """Every problem of every rule."""
    for rule in RULES:
        yield from rule(parts)
