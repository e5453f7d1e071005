"""One input of a call: what was written becomes a value, a host's id, or a fact that will have been found. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from failover.actions import ACTIONS
from failover.concrete import Found, Value
from failover.plan import PARTS, SIDES

REFERENCE = re.compile(r"\$([a-z0-9][a-z0-9-]{0,40})\.([a-z0-9_]{1,40})")


def reference(written: object) -> tuple[str, str] | None:
    """``$step.fact`` or ``$side.part`` as its two names; None for anything else."""
    found = REFERENCE.fullmatch(written) if isinstance(written, str) else None
    return (found[1], found[2]) if found else None


def is_place(names: tuple[str, str]) -> bool:
    """Whether a reference means hosts; otherwise it means what a step found."""
    return names[0] in SIDES and names[1] in PARTS


def bound(action: str, key: str, written: Any, hosts: Mapping[str, tuple[str, ...]]) -> Value | Found | None:
    """The value for the action's card; None when a place that is meant has no host (refused by ``bind.py``)."""
    card = ACTIONS[action]
    wanted = card.needs.get(key) or card.may.get(key)
    names = reference(written)
    if names and not is_place(names):
        return Found(*names)
    if wanted == "hosts":
        return tuple(host for one in _listed(written) for host in _hosts(one, hosts))
    if names:
        found = _hosts(written, hosts)
        return found[0] if found else None
    return tuple(written) if isinstance(written, list) else written


def _listed(written: Any) -> list[Any]:
    return written if isinstance(written, list) else [written]


def _hosts(written: Any, hosts: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    names = reference(written)
    return hosts.get(".".join(names), ()) if names else (str(written),)
