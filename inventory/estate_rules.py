"""What must hold for sites, centers, links, hosts and the exchange. Pure."""

from __future__ import annotations

import re
from difflib import get_close_matches
from zoneinfo import ZoneInfo, available_timezones

from inventory.errors import Problem
from inventory.model import Center, Host, Link, Role
from inventory.node import shown
from inventory.parts import Item, Parts
from inventory.reference import Problems, Rule, twice, unknown

#: the provincial divisions of GB/T 2260
_DIVISION = re.compile(r"(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[12])0000")
PROBER_JOB = "tricenter-prober"  #: the Prometheus job of each center's own prober


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
            for name in twice(names):
                yield Problem(item.mark(what), name, f"is twice in {what} of `{item.id}`", "keep one")
        yield from _exporters(item, item.value)


def _exporters(item: Item[Host], host: Host) -> Problems:
    for port in twice(str(port) for port in host.exporters.values()):
        message = f"is the port of two exporters of `{item.id}`"
        yield Problem(item.mark("exporters"), port, message, "give each exporter its own port")
    if PROBER_JOB in host.exporters:
        message = "is the job of the center's own prober"
        yield Problem(item.mark("exporters", PROBER_JOB), PROBER_JOB, message, "give the exporter another name")


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
    exchange_is_known,
    provinces_exist,
)
