"""The seam between the lab's machines and what runs on them: a place in, a service out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.topology import LabHost, Topology


@dataclass(frozen=True, slots=True)
class Place:
    """Where a host lives, with paths as its own processes see them (short: unix sockets allow 107 bytes)."""

    host: LabHost
    topology: Topology
    folder: Path  #: the host's own folder, writable: ``etc/``, ``data/``, ``log/``, ``run/``, ``sv/``
    lab: Path  #: shared by the lab, read-only for hosts: ``ca/``, ``keys/``, ``estate/``
    project: Path  #: the project's source, to run its own programs
    python: Path  #: the interpreter with the project's packages
    user: str | None  #: run servers that refuse root (PostgreSQL) as this user; None: everything runs as one person


@dataclass(frozen=True, slots=True)
class Service:
    """One supervised program of a host."""

    name: str
    run: str  #: text of runit's ``run`` script; ends in ``exec``
    files: Mapping[str, str] = field(
        default_factory=dict
    )  #: path below the host's folder -> text, written before start


#: A service module offers one of these.
Render = Callable[[Place], Service]
