"""How a lab stands: its hosts, their services as their supervisors tell, and its active faults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.client import Lab
from lab.faults import Active, active
from lab.layout import Layout, Mode
from lab.machine import processes
from lab.state import Phase, read
from lab.topology import LabHost


@dataclass(frozen=True, slots=True)
class HostStatus:
    """One host of the lab."""

    id: str
    center: str
    address: str
    power: str  #: ``on``, ``off`` or ``frozen``
    services: dict[str, str]  #: service -> ``run``, ``down``, ... as runit says; ``off`` on a host that is off


@dataclass(frozen=True, slots=True)
class Status:
    """A whole lab."""

    folder: Path
    mode: Mode
    net: str
    phase: Phase
    started: float  #: Unix seconds
    hosts: tuple[HostStatus, ...]
    faults: tuple[Active, ...]


def status(folder: Path) -> Status | None:
    """The lab in a folder as it stands now; None when there is none. Raises LabError when its files are damaged."""
    if read(Layout(folder.resolve())) is None:
        return None
    lab = Lab.open(folder)
    hosts = tuple(_host(lab, host) for host in lab.topology.hosts)
    state = lab.state
    return Status(lab.folder, state.mode, state.net, state.phase, state.started, hosts, active(lab))


def _host(lab: Lab, host: LabHost) -> HostStatus:
    first = lab.first(host.id)
    services = {name: _service(lab, host.id, name) if first else "off" for name in host.services}
    return HostStatus(host.id, host.center, host.address, _power(first), services)


def _power(first: processes.Process | None) -> str:
    if first is None:
        return "off"
    return "frozen" if first.state in "Tt" else "on"


def _service(lab: Lab, host: str, service: str) -> str:
    try:
        return (lab.layout.service(host, service) / "supervise" / "stat").read_text().strip()
    except OSError:
        return "not supervised"
