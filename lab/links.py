"""How packets fare between two places of the lab: delay, jitter, loss, cuts. Pure, and the router's file format."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from lab.topology import PLACES

#: A direction: from a place to a place.
Way = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Link:
    """One direction between two places."""

    delay: float = 0.0  #: seconds, one way
    jitter: float = 0.0  #: seconds; each packet waits up to this much longer, order is kept
    loss: float = 0.0  #: 0 to 1
    cut: bool = False  #: packets vanish without a word

    def worse(self, other: Link) -> Link:
        """Both harms at once: delays add up, losses combine, a cut stays a cut."""
        return replace(
            self,
            delay=self.delay + other.delay,
            jitter=self.jitter + other.jitter,
            loss=1 - (1 - self.loss) * (1 - other.loss),
            cut=self.cut or other.cut,
        )


def healthy() -> dict[Way, Link]:
    """One millisecond within the city, fifteen to the remote center, two to the world outside (one way)."""
    return {(one, other): Link(_delay(one, other)) for one in PLACES for other in PLACES if one != other}


def harmed(harms: Mapping[Way, Link]) -> dict[Way, Link]:
    """The healthy links, each with its harm."""
    return {way: link.worse(harms.get(way, Link())) for way, link in healthy().items()}


def dump(links: Mapping[Way, Link]) -> str:
    """The text of the router's file: ``{"cloud>dr": {"delay": 0.015, ...}, ...}``."""
    return json.dumps({f"{one}>{other}": asdict(link) for (one, other), link in links.items()}, indent=1) + "\n"


def digest(text: str) -> str:
    """A short name for one text of the router's file."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def parse(text: str) -> dict[Way, Link]:
    """What ``dump`` wrote. Raises ValueError, KeyError or TypeError on anything else."""
    document = json.loads(text)
    ways = ((name.partition(">"), values) for name, values in document.items())
    return {(one, other): Link(**values) for (one, _, other), values in ways}


def _delay(one: str, other: str) -> float:
    if "dr" in (one, other):
        return 0.015
    if "outside" in (one, other):
        return 0.002
    return 0.001
