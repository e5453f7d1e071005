"""What a PostgreSQL server says of its role and its replication, and what to think of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from checks.result import Measurement, Status
from checks.sentence import clean

_SYNC_COUNT = re.compile(r"^\s*(?:(?:FIRST|ANY)\s+)?(\d+)\s*\(", re.IGNORECASE)
_WAITING_COMMITS = {"on", "remote_write", "remote_apply"}  #: settings of synchronous_commit that wait for standbys
_SERIOUS = [Status.OK, Status.UNKNOWN, Status.DEGRADED, Status.DOWN]


@dataclass(frozen=True, slots=True)
class Sender:
    """A standby as its primary sees it (a row of ``pg_stat_replication``); None: this user may not see it."""

    name: str
    state: str | None
    sync: str | None
    lag_bytes: float | None  #: written here, not yet replayed there
    lag_seconds: float | None  #: None also when nothing was written lately


@dataclass(frozen=True, slots=True)
class Primary:
    """A server that takes writes."""

    senders: tuple[Sender, ...]
    sync_names: str  #: ``synchronous_standby_names``
    commit: str  #: ``synchronous_commit``
    waiting: int  #: commits that wait for a synchronous standby at this moment
    longest: float  #: seconds the oldest of them has waited


@dataclass(frozen=True, slots=True)
class Standby:
    """A server that follows another."""

    lag_bytes: float  #: received, not yet replayed
    lag_seconds: float | None  #: age of the last replayed transaction; 0 when everything received is replayed
    paused: bool
    receiver: str | None  #: status of its WAL receiver; None: there is none


@dataclass(frozen=True, slots=True)
class Expected:
    """What the server should be."""

    role: Literal["primary", "standby", "any"] = "any"
    standbys: tuple[str, ...] = ()
    lag_bytes: int | None = None
    lag_seconds: float | None = None
    commit_wait: float = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be."""

    status: Status
    sentence: str


def judge(server: Primary | Standby, expected: Expected) -> list[Finding]:
    """Everything that is wrong, the worst first."""
    role = "primary" if isinstance(server, Primary) else "standby"
    if expected.role not in ("any", role):
        return [Finding(Status.DOWN, f"is a {role}, expected to be the {expected.role}")]
    found = _primary(server, expected) if isinstance(server, Primary) else _standby(server, expected)
    return sorted(found, key=lambda finding: -_SERIOUS.index(finding.status))


def _primary(server: Primary, expected: Expected) -> list[Finding]:
    found = _commits(server, expected)
    for name in expected.standbys:
        rows = [sender for sender in server.senders if sender.name == name and sender.state != "backup"]
        if not rows:
            found.append(Finding(Status.DEGRADED, f"standby {name} is not connected"))
        elif all(row.state is None for row in rows):
            found.append(Finding(Status.UNKNOWN, f"standby {name} may not be looked at: the user needs pg_monitor"))
        elif all(row.state != "streaming" for row in rows):
            found.append(
                Finding(Status.DEGRADED, f"standby {name} is not streaming but {clean(str(rows[0].state), 30)}")
            )
    for sender in _watched(server, expected):
        found += _lag(f"standby {clean(sender.name, 60)} ", sender.lag_bytes, sender.lag_seconds, expected)
    return found


def _commits(server: Primary, expected: Expected) -> list[Finding]:
    """Commits that hang: everything else about such a server still looks well."""
    needed = sync_needed(server.sync_names) if server.commit in _WAITING_COMMITS else 0
    ready = sum(sender.sync in ("sync", "quorum") and sender.state == "streaming" for sender in server.senders)
    visible = all(sender.state is not None for sender in server.senders)
    if visible and ready < needed:
        names = clean(server.sync_names, 80)
        return [
            Finding(Status.DOWN, f"every commit hangs: {needed} synchronous standbys needed ({names}), {ready} there")
        ]
    if server.waiting and server.longest >= expected.commit_wait:
        hang = f"{server.waiting} commits hang, the longest for {server.longest:.0f} s"
        return [Finding(Status.DOWN, f"{hang}: a synchronous standby is stuck")]
    return []


def sync_needed(names: str) -> int:
    """How many synchronous standbys ``synchronous_standby_names`` asks for."""
    found = _SYNC_COUNT.match(names)
    return int(found[1]) if found else int(bool(names.strip()))


def _watched(server: Primary, expected: Expected) -> list[Sender]:
    return [sender for sender in server.senders if not expected.standbys or sender.name in expected.standbys]


def _standby(server: Standby, expected: Expected) -> list[Finding]:
    found = []
    if server.receiver is None:
        found.append(Finding(Status.DEGRADED, "receives nothing: no connection to a primary, its lag is not known"))
    elif server.receiver not in ("streaming", ""):
        found.append(Finding(Status.DEGRADED, f"is not streaming but {clean(server.receiver, 30)}"))
    if server.paused:
        found.append(Finding(Status.DEGRADED, "replay is paused"))
    return found + _lag("", server.lag_bytes, server.lag_seconds, expected)


def _lag(who: str, lag_bytes: float | None, lag_seconds: float | None, expected: Expected) -> list[Finding]:
    found = []
    if expected.lag_bytes is not None and (lag_bytes or 0) > expected.lag_bytes:
        found.append(f"{who}is {lag_bytes:.0f} bytes behind (limit {expected.lag_bytes})")
    if expected.lag_seconds is not None and (lag_seconds or 0) > expected.lag_seconds:
        found.append(f"{who}is {lag_seconds:.1f} s behind (limit {expected.lag_seconds:g} s)")
    return [Finding(Status.DEGRADED, sentence) for sentence in found]


def say(server: Primary | Standby, expected: Expected, findings: Sequence[Finding]) -> Measurement:
    """The measurement: the worst lag, in bytes when only bytes are limited, else in seconds."""
    lag_bytes, lag_seconds = _worst_lag(server, expected)
    in_bytes = expected.lag_bytes is not None and expected.lag_seconds is None
    evidence: dict[str, str | float | int | bool] = {"role": "primary" if isinstance(server, Primary) else "standby"}
    if lag_bytes is not None:
        evidence["lag_bytes"] = lag_bytes
    if lag_seconds is not None:
        evidence["lag_seconds"] = lag_seconds
    if isinstance(server, Primary):
        evidence["standbys"] = clean(", ".join(_shown(sender) for sender in server.senders[:10]), 300) or "none"
        evidence["waiting_commits"] = server.waiting
    else:
        evidence["receiver"] = server.receiver if server.receiver is not None else "none"
        evidence["paused"] = server.paused
    status = findings[0].status if findings else Status.OK
    sentence = "; ".join(finding.sentence for finding in findings) or _well(server, lag_bytes)
    value, unit = (lag_bytes, "B") if in_bytes else (lag_seconds, "s")
    return Measurement(status, sentence, value, unit if value is not None else "", evidence)


def _worst_lag(server: Primary | Standby, expected: Expected) -> tuple[float | None, float | None]:
    if isinstance(server, Standby):  # cut off, it has replayed all it got and knows nothing of the rest
        return (server.lag_bytes, server.lag_seconds) if server.receiver is not None else (None, None)
    watched = _watched(server, expected)
    return (
        max((sender.lag_bytes for sender in watched if sender.lag_bytes is not None), default=None),
        max((sender.lag_seconds for sender in watched if sender.lag_seconds is not None), default=None),
    )


def _shown(sender: Sender) -> str:
    return f"{sender.name} {sender.state} {sender.sync}"


def _well(server: Primary | Standby, lag_bytes: float | None) -> str:
    behind = f", at most {lag_bytes:.0f} bytes behind" if lag_bytes is not None else ""
    if isinstance(server, Standby):
        return f"standby, streaming{behind}"
    return f"primary with {len(server.senders)} standbys{behind}"
