"""What the desk tells a meter to do, checked again where it is done: nothing beyond the bounds is ever started."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from failover.meter.agent.clock import NS

_MS = NS // 1000
#: seconds or counts that no meter goes beyond, whatever it is told
SHORTEST_PERIOD, LONGEST_TIMEOUT, LONGEST_LEASE, LONGEST_LIFE = 20 * _MS, 30 * NS, 600 * NS, 24 * 3600 * NS
MOST_ENTRIES, MOST_CHANNELS = 8, 4
SHORTEST_DELIVERY = 500 * _MS  #: between two envelopes: front ends are the partners'
_TABLE = re.compile(r"[a-z_][a-z0-9_]{0,62}(\.[a-z_][a-z0-9_]{0,62})?")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")
_LOGIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
_PLACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]{0,252}")
_PATH = re.compile(r"(/[A-Za-z0-9._@+-]{1,200}){1,40}")
_KEY = re.compile(r"[a-z0-9@.-]{1,60} [A-Za-z0-9+/=]{1,2000}")


class Unfit(Exception):
    """The settings are not such that a meter may run with them."""


@dataclass(frozen=True, slots=True)
class Probing:
    """What the probes ask: the addresses of the service in the order in which clients try them."""

    urls: tuple[str, ...]
    marker: str  #: what a right answer contains
    answered_by: str = ""  #: pattern whose first group names who answered
    period: int = 100 * _MS  #: ns
    timeout: int = 500 * _MS  #: ns
    authority: str = ""  #: certificates (PEM) to trust besides the machine's own
    stable_count: int = 5
    stable_over: int = 2 * NS


@dataclass(frozen=True, slots=True)
class Front:
    """An exchange front end, and its folder for envelopes."""

    id: str
    host: str
    port: int
    folder: str
    host_key: str  #: its public key; no other is spoken to
    lost: bool = False  #: the run takes it for lost: what lies there, nobody who serves has


@dataclass(frozen=True, slots=True)
class Inbox:
    """Where numbered envelopes are delivered over SFTP: front ends in the order in which partners try them."""

    fronts: tuple[Front, ...]
    user: str
    key: str  #: path of the private key, here


@dataclass(frozen=True, slots=True)
class Channel:
    """Where numbered writes go: a table, reached through the entries in order.

    With an inbox they are delivered there, and the table is where the exchange's loader puts them.
    """

    name: str
    entries: tuple[tuple[str, int], ...]
    database: str
    user: str
    table: str
    password: str = field(default="", repr=False)
    period: int = 200 * _MS  #: ns
    timeout: int = 1000 * _MS  #: ns
    inbox: Inbox | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a meter is told."""

    run: str
    vantage: str
    epoch: int
    probing: Probing
    channels: tuple[Channel, ...]
    center: str = ""  #: where the vantage stands; empty: outside of all centers
    lease: int = 60 * NS  #: ns; not renewed for so long, the meter ends
    life: int = 4 * 3600 * NS  #: ns; it ends anyway


def settings(text: str) -> Settings:
    """From the desk's JSON. Raises Unfit."""
    try:
        told = json.loads(text)
        found = _settings(told)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Unfit(f"the settings cannot be read: {str(error)[:200]}") from error
    wrong = [what for what, fits in _demands(found).items() if not fits]
    if wrong:
        raise Unfit("; ".join(wrong))
    return found


def _settings(told: Mapping[str, Any]) -> Settings:
    probing = {**told["probing"], "urls": tuple(told["probing"]["urls"])}
    channels = [_channel(one) for one in told["channels"]]
    return Settings(**{**told, "probing": Probing(**probing), "channels": tuple(channels)})


def _channel(told: Mapping[str, Any]) -> Channel:
    inbox = told.get("inbox")
    if inbox is not None:
        inbox = Inbox(**{**inbox, "fronts": tuple(Front(**front) for front in inbox["fronts"])})
    entries = tuple((str(host), int(port)) for host, port in told["entries"])
    return Channel(**{**told, "entries": entries, "inbox": inbox})


def _demands(found: Settings) -> dict[str, bool]:
    probing = found.probing
    timings = [(probing.period, probing.timeout), *((one.period, one.timeout) for one in found.channels)]
    return {
        "run and vantage are plain names": bool(_WORD.fullmatch(found.run) and _WORD.fullmatch(found.vantage)),
        f"between 1 and {MOST_ENTRIES} http addresses": 0 < len(probing.urls) <= MOST_ENTRIES
        and all(_is_http(url) for url in probing.urls),
        "a marker": bool(probing.marker),
        "answered_by is a pattern": _is_pattern(probing.answered_by),
        "a period of at least 20 ms": all(period >= SHORTEST_PERIOD for period, _ in timings),
        "a time-out of at most 30 s": all(0 < timeout <= LONGEST_TIMEOUT for _, timeout in timings),
        f"at most {MOST_CHANNELS} channels": len(found.channels) <= MOST_CHANNELS,
        "each channel has entries, a plain name and a plain table": all(
            0 < len(one.entries) <= MOST_ENTRIES and _WORD.fullmatch(one.name) and _TABLE.fullmatch(one.table)
            for one in found.channels
        ),
        "each inbox has front ends, plain paths and names, and a period of at least 500 ms": all(
            _is_inbox(one.inbox) and one.period >= SHORTEST_DELIVERY for one in found.channels if one.inbox
        ),
        "a lease of at most 600 s": 0 < found.lease <= LONGEST_LEASE,
        "a life of at most a day": 0 < found.life <= LONGEST_LIFE,
    }


def _is_inbox(inbox: Inbox) -> bool:
    fronts = inbox.fronts
    return bool(
        0 < len(fronts) <= MOST_ENTRIES and _LOGIN.fullmatch(inbox.user) and _PATH.fullmatch(inbox.key)
    ) and all(
        _WORD.fullmatch(one.id)
        and _PLACE.fullmatch(one.host)
        and 0 < one.port <= 65535
        and _PATH.fullmatch(one.folder)
        and _KEY.fullmatch(one.host_key)
        for one in fronts
    )


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0 and url.isprintable()
    except ValueError:
        return False


def _is_pattern(text: str) -> bool:
    try:
        return not text or re.compile(text).groups == 1
    except re.error:
        return False
