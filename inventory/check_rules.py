"""What must hold for every check, whoever owns it and whatever its kind. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from inventory.errors import Problem
from inventory.model import Defaults, RawCheck
from inventory.node import Node, Seq, below, mark_of
from inventory.parts import Item, Parts
from inventory.reference import Problems, Rule, unknown

#: vantages that are not center ids: seen from the target
RELATIVE = ("all", "own", "others")

_BEFORE_NEXT = "answers must be in before the next question is sent"

Written = tuple[RawCheck, Node]


def default_times_fit(parts: Parts) -> Problems:
    """A check that says nothing of times can be answered in time."""
    defaults = parts.head.defaults if parts.head else Defaults()
    if defaults.timeout > defaults.interval:
        message = "is longer than the default interval"
        yield Problem(parts.mark("defaults"), "timeout", message, _BEFORE_NEXT)


def checks_have_names_of_their_own(parts: Parts) -> Problems:
    """No two checks of one owner have the same id."""
    for checks in _owners(parts):
        first: dict[str, int] = {}
        for check, node in checks:
            line = mark_of(node, "id").line
            if check.id in first:
                message = f"is the id of two checks here, first on line {first[check.id]}"
                yield Problem(mark_of(node, "id"), check.id, message, "give each its own id")
            first.setdefault(check.id, line)


def checks_refer_to_what_is_there(parts: Parts) -> Problems:
    """Vantages are centers, and the hosts asked are hosts."""
    for checks in _owners(parts):
        for check, node in checks:
            yield from _references(check, node, parts)


def checks_are_answered_in_time(parts: Parts) -> Problems:
    """No time is zero, and no timeout longer than the interval."""
    defaults = parts.head.defaults if parts.head else Defaults()
    for checks in _owners(parts):
        for check, node in checks:
            yield from _times(check, node, defaults)


def _owners(parts: Parts) -> Iterator[list[Written]]:
    """The checks of each thing that has checks."""
    for host in parts.hosts.values():
        yield _written(host, host.value.checks if host.value else None)
    for link in parts.links.values():
        yield _written(link, link.value.checks if link.value else None)
    for system in parts.systems.values():
        yield _written(system, system.value.checks if system.value else None)
        for at, component in enumerate(system.value.components if system.value else ()):
            yield _written(system, component.checks, "components", at)
    if parts.exchange:
        yield _written(parts.exchange, parts.exchange.value.checks if parts.exchange.value else None)


def _written(item: Item[Any], checks: tuple[RawCheck, ...] | None, *path: str | int) -> list[Written]:
    """Each check with the tree it was read from; none when their owner could not be read."""
    node = below(item.node, *path, "checks")
    return list(zip(checks, node.items, strict=True)) if checks is not None and isinstance(node, Seq) else []


def _references(check: RawCheck, node: Node, parts: Parts) -> Problems:
    for at, vantage in enumerate(check.vantage):
        known = [*parts.centers, *RELATIVE] if parts.centers else []
        yield from unknown(mark_of(node, "vantage", at), vantage, "a center", known)
    for at, host in enumerate(check.on):
        yield from unknown(mark_of(node, "on", at), host, "a host", parts.hosts)


def _times(check: RawCheck, node: Node, defaults: Defaults) -> Problems:
    interval = defaults.interval if check.interval is None else check.interval
    timeout = defaults.timeout if check.timeout is None else check.timeout
    for name, seconds in (("interval", interval), ("timeout", timeout)):
        if seconds == 0:
            yield Problem(mark_of(node, name), name, "is zero", "write a time like 5s")
    if check.timeout is not None and check.timeout > interval > 0:
        message = f"of {timeout:g} s is longer than the interval of {interval:g} s"
        yield Problem(mark_of(node, "timeout"), "timeout", message, _BEFORE_NEXT)


RULES: tuple[Rule, ...] = (
    default_times_fit,
    checks_have_names_of_their_own,
    checks_refer_to_what_is_there,
    checks_are_answered_in_time,
)
