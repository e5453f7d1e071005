"""What a fault does to the lab, as data: faults that overlap add up, and undoing one leaves the others. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from lab.links import Link, Way


class Kind(Enum):
    """The ways in which a part of the lab can be harmed."""

    OFF = "off"  #: a host without power
    FROZEN = "frozen"  #: a host whose processes all stand still
    STOPPED = "stopped"  #: a service taken down in good order
    KILLED = "killed"  #: a service that died by SIGKILL and was not started again
    FULL = "full"  #: a data volume without a free byte
    STALLED = "stalled"  #: a standby that receives and does not replay
    EXPIRED = "expired"  #: an entry whose certificate is of the past
    SILENT = "silent"  #: a province that delivers nothing
    LINK = "link"  #: one direction between two places

    @property
    def needs_namespaces(self) -> bool:
        """Whether loopback addresses cannot show it: there is no line to cut and no volume to fill."""
        return self in (Kind.LINK, Kind.FULL)


@dataclass(frozen=True, slots=True)
class Effect:
    """One harm to one part."""

    kind: Kind
    subject: str  #: a host's id, a province's code, or a direction as ``cloud>dr``
    service: str = ""  #: for STOPPED and KILLED
    harm: Link | None = None  #: for LINK

    @property
    def way(self) -> Way:
        """The direction of a LINK."""
        one, _, other = self.subject.partition(">")
        return one, other


Effects = frozenset[Effect]


def link(ways: Iterable[Way], harm: Link) -> Effects:
    """The same harm to several directions."""
    return frozenset(Effect(Kind.LINK, f"{one}>{other}", harm=harm) for one, other in ways)


def harms(effects: Effects) -> dict[Way, Link]:
    """What all link effects together do to each direction."""
    total: dict[Way, Link] = {}
    for effect in effects:
        if effect.kind is Kind.LINK and effect.harm is not None:
            total[effect.way] = total.get(effect.way, Link()).worse(effect.harm)
    return total


def change(before: Effects, after: Effects) -> tuple[Effects, Effects]:
    """What must stop and what must begin.

    A host that gets its power back has forgotten its other harms: those that still hold begin anew.
    """
    ended = before - after
    revived = {effect.subject for effect in ended if effect.kind is Kind.OFF}
    again = {effect for effect in after if effect.subject in revived}
    return ended, frozenset((after - before) | again)
