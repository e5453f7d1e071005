"""The estate's files as parts, each with its lines, before they are known to fit together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import Field

from inventory.calendar_model import Drill, Guard, Window
from inventory.document import judged, read
from inventory.errors import Mark, Problem
from inventory.model import (
    Center,
    Channel,
    Defaults,
    Document,
    Exchange,
    Host,
    Identifier,
    Link,
    Name,
    Port,
    Probes,
    RawCheck,
    Seconds,
    Site,
    Ssh,
    System,
    Vantage,
)
from inventory.node import Map, Node, Scalar, Seq, mark_of
from inventory.salvage import salvaged
from inventory.shape import keyed, shaped

D = TypeVar("D", bound=Document)


class EstateFile(Document):
    """``estate.yml``: its own values; sites, centers and links are read one by one."""

    estate: Identifier
    name: Name
    timezone: str
    defaults: Defaults = Defaults()
    sites: dict[str, Any] = Field(min_length=1)
    centers: dict[str, Any] = Field(min_length=1)
    links: dict[str, Any] = Field(default_factory=dict)


class EveryHost(Document):
    """What hosts share, written once; a host's own values win, and so does its own check of the same id."""

    labels: dict[Identifier, str] = Field(default_factory=dict)
    ssh: Ssh = Ssh()
    services_dir: str | None = None
    exporters: dict[Identifier, Port] = Field(default_factory=dict)
    checks: tuple[RawCheck, ...] = ()


class HostsFile(Document):
    """``hosts.yml``."""

    every_host: EveryHost = EveryHost()
    hosts: dict[str, Any] = Field(min_length=1)


class MetersFile(Document):
    """``meters.yml``: its own values; what is asked, where is written and from where are read one by one."""

    probes: dict[str, Any]
    channels: dict[str, Any] = Field(default_factory=dict)
    vantages: dict[str, Any] = Field(min_length=1)
    lease: Seconds = 60.0


class CalendarFile(Document):
    """``calendar.yml``: which almanac it leans on; its entries are read one by one."""

    almanac: str = "china"
    maintenance: dict[str, Any] = Field(default_factory=dict)
    drills: dict[str, Any] = Field(default_factory=dict)
    guard: dict[str, Any] = Field(default_factory=dict)


class SystemFile(System):
    """``systems/*.yml``: a system whose id is written as ``system: marriage``."""

    id: Identifier = Field(alias="system")


@dataclass(frozen=True, slots=True)
class Item(Generic[D]):
    """One thing: its name as written, what it says if that can be read, and the tree it was read from."""

    id: str
    value: D | None
    node: Node
    hurt: frozenset[str] = frozenset()  #: its keys in which something had to be set aside

    def tells(self, key: str) -> bool:
        """Whether what it says under a key, or leaves unsaid, is what was written."""
        return self.value is not None and key not in self.hurt

    def mark(self, *path: str | int) -> Mark:
        """The line of a part of it."""
        return mark_of(self.node, *path)


@dataclass(slots=True)
class Parts:
    """Everything found in the files, sound or not. Names are those written, so that a reference to a thing whose own
    description is wrong is not called dangling."""

    estate: Path  #: the file estate.yml, where a problem of the whole is shown
    head: EstateFile | None = None
    node: Node | None = None  #: the tree of estate.yml
    sites: dict[str, Item[Site]] = field(default_factory=dict)
    centers: dict[str, Item[Center]] = field(default_factory=dict)
    links: dict[str, Item[Link]] = field(default_factory=dict)
    hosts: dict[str, Item[Host]] = field(default_factory=dict)
    systems: dict[str, Item[System]] = field(default_factory=dict)
    exchange: Item[Exchange] | None = None
    meters: MetersFile | None = None
    probes: Item[Probes] | None = None
    channels: dict[str, Item[Channel]] = field(default_factory=dict)
    vantages: dict[str, Item[Vantage]] = field(default_factory=dict)
    calendar: CalendarFile | None = None
    calendar_node: Node | None = None  #: the tree of calendar.yml
    maintenance: dict[str, Item[Window]] = field(default_factory=dict)
    drills: dict[str, Item[Drill]] = field(default_factory=dict)
    guards: dict[str, Item[Guard]] = field(default_factory=dict)

    @property
    def production(self) -> Center | None:
        """The production center, if it can be told."""
        return next((one for one in sound(self.centers) if one.role == "production"), None)

    def mark(self, *path: str | int) -> Mark:
        """A line of estate.yml."""
        return mark_of(self.node, *path) if self.node else Mark(self.estate, 1)

    def calendar_mark(self, *path: str | int) -> Mark:
        """A line of calendar.yml."""
        return mark_of(self.calendar_node, *path) if self.calendar_node else Mark(self.estate, 1)


def sound(items: dict[str, Item[D]]) -> Iterator[D]:
    """The things that could be read."""
    return (item.value for item in items.values() if item.value is not None)


def add_estate(parts: Parts, tree: Map, problems: list[Problem]) -> None:
    """Take in ``estate.yml``."""
    parts.node = tree
    parts.head, _ = salvaged(EstateFile, shaped(tree, EstateFile, problems), problems)
    parts.sites = _each(tree.get("sites"), Site, problems)
    parts.centers = _each(tree.get("centers"), Center, problems)
    parts.links = _each(tree.get("links"), Link, problems)


def add_hosts(parts: Parts, tree: Map, problems: list[Problem]) -> None:
    """Take in ``hosts.yml``; what every host has is merged into each."""
    read(HostsFile, tree, problems)
    every, hosts = tree.get("every_host"), tree.get("hosts")
    if isinstance(hosts, Map) and isinstance(every, Map):
        merged = {name: _merged(host, every) if isinstance(host, Map) else host for name, host in hosts.entries.items()}
        hosts = replace(hosts, entries=merged)
    parts.hosts = _each(hosts, Host, problems)


def add_system(parts: Parts, tree: Map, problems: list[Problem]) -> None:
    """Take in a file of ``systems/``."""
    whole = shaped(tree, SystemFile, problems)
    found, node = salvaged(SystemFile, whole, problems)
    name = tree.get("system")
    if not isinstance(name, Scalar):
        add_unread_system(parts, tree.mark.file)
        return
    if first := parts.systems.get(name.text):
        where = f"{first.mark('system')}"
        problems.append(
            Problem(name.mark, name.text, f"is described twice, first in {where}", "give each its own name")
        )
        return
    system = System.model_validate(dict(found)) if found else None
    parts.systems[name.text] = Item(name.text, system, node, _hurt(whole, node))


def unread(name: str, file: Path) -> Item[Any]:
    """A thing of which no more than its name is known."""
    return Item(name, None, Scalar("", None, Mark(file, 1)))


def add_unread_system(parts: Parts, file: Path) -> None:
    """Remember a file of ``systems/`` that could not be understood: references to its system do not dangle."""
    parts.systems.setdefault(file.stem, unread(file.stem, file))


def add_exchange(parts: Parts, tree: Map, problems: list[Problem]) -> None:
    """Take in ``exchange.yml``."""
    found, node = salvaged(Exchange, shaped(tree, Exchange, problems), problems)
    parts.exchange = Item("exchange", found, node)


def add_meters(parts: Parts, tree: Map, problems: list[Problem]) -> None:
    """Take in ``meters.yml``."""
    parts.meters, _ = salvaged(MetersFile, shaped(tree, MetersFile, problems), problems)
    if isinstance(probes := tree.get("probes"), Map):
        whole = shaped(probes, Probes, problems)
        found, node = salvaged(Probes, whole, problems)
        parts.probes = Item("probes", found, node, _hurt(whole, node))
    parts.channels = _each(tree.get("channels"), Channel, problems)
    parts.vantages = _each(tree.get("vantages"), Vantage, problems)


def add_calendar(parts: Parts, tree: Map, problems: list[Problem]) -> None:
    """Take in ``calendar.yml``."""
    parts.calendar_node = tree
    parts.calendar, _ = salvaged(CalendarFile, shaped(tree, CalendarFile, problems), problems)
    parts.maintenance = _each(tree.get("maintenance"), Window, problems)
    parts.drills = _each(tree.get("drills"), Drill, problems)
    parts.guards = _each(tree.get("guard"), Guard, problems)


def _each(node: Node | None, model: type[D], problems: list[Problem]) -> dict[str, Item[D]]:
    if not isinstance(node, Map):
        return {}  # the file's own model has complained
    things = zip(node.entries, keyed(node, model, problems), strict=True)
    return {name: _one(name, model, thing, node.keys[name], problems) for name, thing in things}


def _one(name: str, model: type[D], thing: Node, mark: Mark, problems: list[Problem]) -> Item[D]:
    if not isinstance(thing, Map):
        return Item(name, judged(model, replace(thing, mark=mark), problems), thing)
    value, node = salvaged(model, thing, problems)
    return Item(name, value, node, _hurt(thing, node))


def _hurt(written: Node, left: Node) -> frozenset[str]:
    """The keys under which what is left is no longer what was written."""
    if not isinstance(written, Map) or not isinstance(left, Map):
        return frozenset()
    keys = {*written.entries, *left.entries}
    return frozenset(key for key in keys if written.get(key) is not left.get(key))


def _merged(host: Map, every: Map) -> Map:
    """A host with what every host has; its own values win."""
    for key, shared in every.entries.items():
        own = host.get(key)
        if own is None:
            host = host.with_entry(key, shared)
        elif isinstance(own, Map) and isinstance(shared, Map):
            host = host.with_entry(key, Map({**shared.entries, **own.entries}, {**shared.keys, **own.keys}, own.mark))
        elif isinstance(own, Seq) and isinstance(shared, Seq):
            host = host.with_entry(key, Seq((*own.items, *_others(own, shared)), own.mark))
    return host


def _others(own: Seq, shared: Seq) -> list[Node]:
    """The shared checks that the host has no check of its own for."""
    taken = {_id(item) for item in own.items}
    return [item for item in shared.items if _id(item) is None or _id(item) not in taken]


def _id(check: Node) -> str | None:
    name = check.get("id") if isinstance(check, Map) else None
    return name.text if isinstance(name, Scalar) else None
