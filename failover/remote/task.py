"""What a host is told to do, and how that can end: the nouns of the programs on the hosts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Facts = dict[str, Any]


class Ended(Exception):
    """An action's end other than done; ``outcome`` is a value of ``failover.ports.Outcome``."""

    outcome = "unknown"

    def __init__(self, says: str, facts: Mapping[str, Any] | None = None) -> None:
        super().__init__(says)
        self.facts = dict(facts or {})


class Refused(Ended):
    """Surely nothing was done."""

    outcome = "refused"


class Failed(Ended):
    """It was tried and is not so."""

    outcome = "failed"


class Unknown(Ended):
    """It may or may not have happened."""

    outcome = "unknown"


@dataclass(frozen=True)
class Done:
    """It is so now."""

    says: str
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True)
class Peer:
    """Another database host, as this one reaches it."""

    address: str
    port: int


@dataclass(frozen=True)
class Task:
    """One call of an action on this host."""

    action: str
    host: str  #: this host's id in the estate
    address: str  #: and its address
    services_dir: str  #: runit's folder of services; empty: systemd
    labels: Mapping[str, str]  #: what the estate says of this host
    peers: Mapping[str, Peer]
    give: Mapping[str, Any]
    run: str
    epoch: int
    act: str  #: which act of the run: the same when it is asked again; empty: nobody will ask again
    end: float  #: on this host's monotonic clock, seconds

    @classmethod
    def read(cls, given: Mapping[str, Any], end: float) -> Task:
        """From the desk's JSON."""
        peers = {name: Peer(str(one["address"]), int(one["port"])) for name, one in given["peers"].items()}
        plain = {key: str(given[key]) for key in ("action", "host", "address", "services_dir", "run")}
        return cls(
            **plain,
            labels=given["labels"],
            peers=peers,
            give=given["give"],
            epoch=int(given["epoch"]),
            act=str(given.get("act", "")),
            end=end,
        )

    def label(self, name: str, default: str | None = None) -> str:
        """What the estate says, or the default; without either there is no way to act."""
        said = self.labels.get(name, default)
        if said is None:
            raise Refused(f"the estate does not say {name} of {self.host}: add the label")
        return said

    def peer(self, name: str) -> Peer:
        """Another database of the estate."""
        if name not in self.peers:
            raise Refused(f"the estate knows no database on {name}")
        return self.peers[name]

    def left(self, most: float = 1e9, *, keep: float = 0.0) -> float:
        """Seconds that may still be used, ``keep`` held back, at most ``most``; never less than a moment."""
        return max(0.01, min(most, self.end - time.monotonic() - keep))

    @property
    def over(self) -> bool:
        """Whether its time is up."""
        return time.monotonic() >= self.end


def lsn_text(lsn: int) -> str:
    """A place in the log as PostgreSQL writes it."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def lsn_number(text: str) -> int:
    """A place in the log as a number of bytes."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) | int(low, 16)
