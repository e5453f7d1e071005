"""What a primary last said of its copies, kept when it says nothing any more. Pure.

The newest answer of a check is all that the store holds otherwise; of a writer that is lost that is "no answer".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from checks.result import Result, Status

KIND = "primary-heard"  #: of the store's records; their key is the check
_ACKNOWLEDGES = (Status.OK, Status.DEGRADED)
_KINDS = frozenset({"sync", "quorum", "potential", "async"})
_MOST = 10  #: copies that an answer names; with so many there may be more


def kept(results: Iterable[Result]) -> list[dict[str, Any]]:
    """The answers worth keeping: of a primary that acknowledges. One whose commits hang acknowledges nothing new."""
    return [
        {"check": one.check, "vantage": one.vantage, "at": one.at, "standbys": str(one.evidence.get("standbys", ""))}
        for one in results
        if one.evidence.get("role") == "primary" and one.status in _ACKNOWLEDGES
    ]


def synchronous(record: Mapping[str, Any]) -> frozenset[str] | None:
    """The copies that it waited for; None when its answer is cut short or makes no sense."""
    said = str(record.get("standbys", ""))
    if said == "none":
        return frozenset()
    words = [part.split() for part in said.split(", ")]
    if not 0 < len(words) < _MOST or any(len(each) != 3 or each[2] not in _KINDS for each in words):
        return None
    return frozenset(name for name, state, how in words if state == "streaming" and how in ("sync", "quorum"))
