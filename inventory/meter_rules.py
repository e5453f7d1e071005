"""What must hold for the meters: known vantages, enough of them, and probes that measure something. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inventory.errors import Mark, Problem
from inventory.parts import Item, Parts
from inventory.reference import Problems, Rule, twice, unknown

MOST_ADDRESSES = 8  #: that clients may have to try one after another

_SHORTEST, _LONGEST = 0.02, 30.0  #: seconds between probes; seconds until one is given up


def vantages_are_known(parts: Parts) -> Problems:
    """Each is a host of the estate or a machine outside, never both, and never twice the same."""
    first: dict[str, str] = {}
    for item in parts.vantages.values():
        vantage = item.value
        if vantage is None:
            continue
        if (vantage.host is None) == (vantage.address is None):
            message = "is neither a host nor an address" if vantage.host is None else "is a host and an address"
            hint = "give `host` for a host of the estate, `address` for a machine outside"
            yield Problem(item.mark(), vantage.id, message, hint)
        if vantage.host is not None:
            yield from unknown(item.mark("host"), vantage.host, "a host", parts.hosts)
        where = vantage.host or vantage.address or ""
        if where and where in first:
            yield Problem(item.mark(), vantage.id, f"is the same machine as `{first[where]}`", "keep one of the two")
        first.setdefault(where, vantage.id)


def something_is_asked(parts: Parts) -> Problems:
    """There are addresses, a few, and times that are neither a load for the service nor blind."""
    if parts.probes and (probes := parts.probes.value):
        yield from _addresses(parts.probes, "urls", probes.urls)
        yield from _timings("probes", probes.period, probes.timeout, parts.probes.mark())
    for item in parts.channels.values():
        if channel := item.value:
            yield from _addresses(item, "entries", channel.entries)
            yield from _timings(channel.id, channel.period, channel.timeout, item.mark())


def _addresses(item: Item[Any], key: str, addresses: Sequence[str]) -> Problems:
    if not item.tells(key):
        return
    if not 0 < len(addresses) <= MOST_ADDRESSES:
        yield Problem(item.mark(key), key, f"has {len(addresses)} addresses", f"write between 1 and {MOST_ADDRESSES}")
    for address in twice(addresses):
        yield Problem(item.mark(key), address, f"is twice in {key}", "keep one")


def _timings(name: str, period: float, timeout: float, mark: Mark) -> Problems:
    if period < _SHORTEST:
        yield Problem(mark, name, f"asks every {period * 1000:g} ms", "write a period of at least 20ms")
    if not 0 < timeout <= _LONGEST:
        yield Problem(mark, name, f"waits {timeout:g} s for an answer", "write a timeout of at most 30s")


RULES: tuple[Rule, ...] = (vantages_are_known, something_is_asked)
