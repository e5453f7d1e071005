"""What a check, a verdict or a change speaks of, as one readable string: ``component:marriage/app@cloud``.

A string and not a class because it is also a metric label, a database key and what operators type.
"""

from __future__ import annotations

ESTATE = "estate"


def component(system: str, part: str, center: str) -> str:
    """One part of a system in one center."""
    return f"component:{system}/{part}@{center}"


def system(system_id: str) -> str:
    """A system as its users see it."""
    return f"system:{system_id}"


def host(host_id: str) -> str:
    """A machine."""
    return f"host:{host_id}"


def service(host_id: str, name: str) -> str:
    """A program on a host that several components share."""
    return f"service:{host_id}/{name}"


def center(center_id: str) -> str:
    """A data center."""
    return f"center:{center_id}"


def link(link_id: str) -> str:
    """A path between two centers."""
    return f"link:{link_id}"


def province(code: str) -> str:
    """A provincial exchange partner."""
    return f"province:{code}"


def watch(center_id: str) -> str:
    """The prober of a center: the watch itself."""
    return f"watch:{center_id}"


def notices() -> str:
    """The path on which people are told: a part of the watch itself."""
    return "watch:notices"


def kind(subject: str) -> str:
    """``component``, ``service``, ``system``, ``host``, ``center``, ``link``, ``province``, ``watch`` or ``estate``."""
    return subject.partition(":")[0]


def name(subject: str) -> str:
    """The part after the kind."""
    return subject.partition(":")[2]
