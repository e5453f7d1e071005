"""Where a plan's places are in an estate: which center each side is, and which hosts stand for each part. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from failover.plan import EVERYWHERE, Plan
from inventory.model import Estate, Host, Role, System

#: parts that the system's own component of that name tells, and the role of hosts that stand in for each part
_COMPONENT = {"database": "database", "app": "app", "exchange": "exchange"}
_ROLE = {"entry": "entry", "ops": "ops"}


@dataclass(frozen=True, slots=True)
class Places:
    """The hosts of every place of one plan in one estate."""

    centers: Mapping[str, str]  #: ``from``, ``to``, ``third`` and center roles -> center id
    hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  #: place -> host ids
    lost: frozenset[str] = frozenset()  #: ids of centers that are taken for gone

    def of(self, place: str) -> tuple[str, ...]:
        """The hosts of a place; empty when there are none."""
        return self.hosts.get(place, ())


def places(plan: Plan, estate: Estate) -> Places:
    """All that can be told; what is missing is refused where it is needed (``bind.py``)."""
    centers = _centers(plan, estate)
    system = next((one for one in estate.systems if one.id == plan.system), None)
    hosts = {
        f"{side}.{part}": _standing(part, center, estate, system)
        for side, center in centers.items()
        for part in (*_COMPONENT, *_ROLE)
    }
    lost = frozenset(centers[role] for role in plan.lost if role in centers)
    live = [center.id for center in estate.centers if center.id not in lost]
    for word, part in zip(EVERYWHERE, ("entry", "database"), strict=True):
        hosts[word] = tuple(host for center in live for host in _standing(part, center, estate, system))
    return Places(centers, hosts, lost)


def _centers(plan: Plan, estate: Estate) -> dict[str, str]:
    by_role: dict[str, str] = {}
    for center in estate.centers:
        by_role.setdefault(center.role.value, center.id)
    sides = {"from": by_role.get(plan.source), "to": by_role.get(plan.target)}
    rest = [role for role in Role if role not in (plan.source, plan.target)]
    if len(rest) == 1:  # the writer stays: there is no *the* third center, its role says which is meant
        sides["third"] = by_role.get(rest[0])
    return {**{side: center for side, center in sides.items() if center}, **by_role}


def _standing(part: str, center: str, estate: Estate, system: System | None) -> tuple[str, ...]:
    if part in _ROLE:
        return tuple(host.id for host in estate.hosts if host.center == center and _ROLE[part] in host.roles)
    component = next((one for one in system.components if one.id == _COMPONENT[part]), None) if system else None
    placement = component.placement.get(center) if component else None
    return placement.hosts if placement else ()


def keyless(estate: Estate, hosts: tuple[str, ...]) -> list[Host]:
    """The hosts whose own key is not known: a connection could reach another machine at that address."""
    return [host for host in estate.hosts if host.id in hosts and not host.ssh.host_key]
