"""What must hold for the meters: known vantages, enough of them, and probes that measure something. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inventory.errors import Mark, Problem
from inventory.model import Channel, Inbox
from inventory.parts import Item, Parts
from inventory.reference import Problems, Rule, twice, unknown

MOST_ADDRESSES = 8  #: that clients may have to try one after another

_SHORTEST, _LONGEST = 0.02, 30.0  #: seconds between probes; seconds until one is given up
_DELIVERY = 0.5  #: seconds between envelopes, at least: front ends are the partners'


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


def envelopes_stay_apart(parts: Parts) -> Problems:
    """They come from a known vantage to known hosts whose keys are known, seldom, and into no partner's folder."""
    provinces = parts.exchange.value.provinces if parts.exchange and parts.exchange.value else ()
    codes = {one.code for one in provinces}
    for item in parts.channels.values():
        channel = item.value
        if channel is None or channel.inbox is None:
            continue
        inbox, where = channel.inbox, item.mark("inbox")
        yield from unknown(item.mark("inbox", "vantage"), inbox.vantage, "a vantage", parts.vantages)
        yield from _fronts(item, inbox, parts)
        if codes & set(inbox.folder.split("/")):
            message, instead = "is where a partner delivers", "give envelopes a folder that no partner has"
            yield Problem(item.mark("inbox", "folder"), inbox.folder, message, instead)
        if channel.period < _DELIVERY:
            message = f"delivers every {channel.period * 1000:g} ms"
            yield Problem(where, channel.id, message, "write a period of at least 500ms")


def _fronts(item: Item[Channel], inbox: Inbox, parts: Parts) -> Problems:
    mark = item.mark("inbox", "fronts")
    if not 0 < len(inbox.fronts) <= MOST_ADDRESSES:
        message = f"has {len(inbox.fronts)} front ends"
        yield Problem(mark, "fronts", message, f"write between 1 and {MOST_ADDRESSES}")
    for name in twice(inbox.fronts):
        yield Problem(mark, name, "is twice in fronts", "keep one")
    for name in inbox.fronts:
        yield from unknown(mark, name, "a host", parts.hosts)
        host = parts.hosts[name].value if name in parts.hosts else None
        if host and not host.ssh.host_key:
            yield Problem(mark, name, "has no host_key, so nothing is delivered to it", "add ssh.host_key to the host")


RULES: tuple[Rule, ...] = (vantages_are_known, something_is_asked, envelopes_stay_apart)
