"""Brings a lab up: packages, keys, hosts, network, services, and waits until they answer."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from lab import certificates, down, estate_copy, keys, links, lock, mode, packages, ready, shelter, state
from lab.client import Lab
from lab.errors import LabError
from lab.layout import WAN, Layout, Mode, interface
from lab.machine import base_services, fitting, network, power, processes, volumes
from lab.service import Place, Service
from lab.services import table
from lab.state import State
from lab.topology import LabHost, Topology, topology

NETS: dict[Mode, str] = {"namespaces": "10.77", "loopback": "127.77"}
_ANSWER_SECONDS = 60.0


def up(
    folder: Path,
    progress: Callable[[str], None],
    *,
    net: str | None = None,
    wanted: Mode | None = None,
    patience: float = _ANSWER_SECONDS,
) -> Lab:
    """Bring a lab up in a folder, on a net (``10.77``), and return it when all its servers answer.

    Without ``wanted`` the lab takes namespaces when this machine allows them, else loopback addresses. A lab that is up
    stays as it is; one that an earlier command left half way is removed first. Raises LabError with what is missing or
    does not answer; in the last case the lab is left standing to be looked at.
    """
    with lock.held(down.named(folder), "life"):
        layout = Layout(folder.resolve())
        found = state.read(layout)
        if found is not None and _stands(layout, found, net):
            progress("the lab is up already")
            return Lab.open(layout.folder)
        if found is not None:
            progress("removing what an interrupted command left")
            down.take_down(layout, progress, keep=False)
        packages.require(progress)
        chosen = _choose(wanted, progress)
        begun = State(chosen, net or NETS[chosen], "starting", time.time())
        if chosen == "loopback":
            layout = shelter.settle(folder)
        _refuse_in_vain(layout, begun)
        _build(layout, begun, progress)
        _await_answers(layout, begun, patience, progress)
        state.write(layout, replace(begun, phase="up"))
        return Lab.open(layout.folder)


def _stands(layout: Layout, found: State, net: str | None) -> bool:
    machines = (WAN,) if found.mode == "namespaces" else tuple(host.id for host in topology(found.net).hosts)
    if found.phase != "up" or not any(processes.recall(layout.pid(one)) for one in machines):
        return False
    if net not in (None, found.net):
        raise LabError(f"a lab on the net {found.net} stands in {layout.folder}; take it down first")
    return True


def _choose(wanted: Mode | None, progress: Callable[[str], None]) -> Mode:
    if wanted == "loopback":
        return wanted
    possible, reason = mode.detect()
    if possible == "loopback":
        if wanted == "namespaces":
            raise LabError(f"this machine does not allow namespaces: {reason}")
        progress(f"on loopback addresses, because {reason}: links cannot be cut and disks cannot be filled here")
    return possible


def _refuse_in_vain(layout: Layout, begun: State) -> None:
    """Say before anything is made what would fail later. Raises LabError."""
    if layout.folder.is_dir() and any(layout.folder.iterdir()) and not layout.hosts.is_dir():
        raise LabError(f"{layout.folder} holds other things than a lab; choose an empty folder or a new one")
    if begun.mode == "namespaces":
        if network.exists(interface(begun.net)):
            raise LabError(f"a lab on the net {begun.net} is up already; it has the interface {interface(begun.net)}")
        if route := network.overlapping_route(begun.net):
            raise LabError(f"the net {begun.net} is in use on this machine ({route}); choose another")


def _build(layout: Layout, begun: State, progress: Callable[[str], None]) -> None:
    plan = topology(begun.net)
    layout.folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    state.write(layout, begun)
    progress("making keys, certificates and the estate")
    _write_shared(layout, begun, plan)
    progress(f"fitting out {len(plan.hosts)} hosts")
    for host in plan.hosts:
        fitting.fit(layout, begun.mode, host.id, services(layout, begun, host))
        if begun.mode == "namespaces":
            volumes.attach(layout, host)
    if begun.mode == "namespaces":
        _lay_network(layout, begun, plan, progress)
    else:
        _make_run_sshd(layout)
    progress("starting the hosts")
    for host in plan.hosts:
        power.switch_on(layout, begun.mode, host.id)
    power.await_on(layout, tuple(host.id for host in plan.hosts))


def services(layout: Layout, begun: State, host: LabHost) -> tuple[Service, ...]:
    """All that runs on a host."""
    seen = layout.inside(begun.mode)
    place = Place(
        host=host,
        topology=topology(begun.net),
        folder=seen.host(host.id),
        lab=seen.folder,
        project=power.PROJECT,
        python=Path(sys.executable),
        user="postgres" if os.geteuid() == 0 else None,
    )
    base = (base_services.sshd(place, str(layout.folder)), base_services.node_exporter(place))
    return (*base, *table.build(place))


def _write_shared(layout: Layout, begun: State, plan: Topology) -> None:
    now = datetime.now(UTC)
    keys.make(layout.keys, tuple(host.id for host in plan.hosts))
    certificates.make_authority(layout.authority, now)
    entries = {host.id: host.address for host in plan.hosts if host.kind == "entry"}
    keys.private(layout.authority / "entry.pem", certificates.issue(layout.authority, entries, now))
    layout.control.mkdir(exist_ok=True)
    layout.faults.unlink(missing_ok=True)
    state.replace(layout.links, links.dump(links.healthy()))
    estate_copy.write(layout, begun.mode, begun.net)


def _lay_network(layout: Layout, begun: State, plan: Topology, progress: Callable[[str], None]) -> None:
    progress("laying the network")
    router = base_services.router(layout, begun.mode, begun.net, str(power.PROJECT), sys.executable)
    fitting.fit(layout, begun.mode, WAN, (router,))
    power.switch_on(layout, begun.mode, WAN)
    power.await_on(layout, (WAN,))
    wan = processes.recall(layout.pid(WAN))
    if wan is None:
        raise LabError(f"the wan has stopped: {power.console(layout, WAN)}")
    network.plug_desk(interface(begun.net), plan, wan.pid)


def _make_run_sshd(layout: Layout) -> None:
    """sshd as root insists on this empty folder; in namespaces each host has its own."""
    if os.geteuid() == 0 and not Path("/run/sshd").exists():
        (layout.folder / "made-run-sshd").touch()
        Path("/run/sshd").mkdir(mode=0o755)


def _await_answers(layout: Layout, begun: State, patience: float, progress: Callable[[str], None]) -> None:
    asked = ready.questions(topology(begun.net), lambda host: host.services)
    silent = ready.wait(asked, patience, progress)
    if silent:
        state.write(layout, replace(begun, phase="up"))
        lines = [f"{one.host}: {one.service} on port {one.port}{one.path}" for one in silent]
        raise LabError("the lab stands, but these do not answer: " + "; ".join(lines) + f". See {layout.hosts}/*/log")
