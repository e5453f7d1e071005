"""Cables and switches: a bridge for each place in the wan's namespace, and a veth from each host to its bridge."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from lab.errors import LabError
from lab.packages import program
from lab.topology import PLACES, LabHost, Topology

TABLE = 100  #: the routing table for packets that go from one place to another
_SECONDS = 20


def build_wan(topology: Topology) -> None:
    """Inside the wan's new network namespace: bridges with the gateways' addresses; the router forwards."""
    lines = ["link set lo up"]
    for place in PLACES:
        lines += [
            f"link add name br-{place} type bridge",
            f"addr add {topology.gateway(place)}/24 dev br-{place}",
            f"link set br-{place} up",
            f"rule add iif br-{place} to {topology.net}.0.0/16 lookup {TABLE}",
        ]
    # Without a router nothing passes: else the kernel would join the places itself, without distance or cuts.
    lines.append(f"route add blackhole default table {TABLE} metric 1000")
    _sysctl("net/ipv4/ip_forward", "1")
    for scope in ("all", "default"):
        _sysctl(f"net/ipv4/conf/{scope}/rp_filter", "0")
        _sysctl(f"net/ipv4/conf/{scope}/send_redirects", "0")
    _ip(lines)


def plug_in(host: LabHost, topology: Topology, wan: int) -> None:
    """Inside a host's new network namespace: its interface, cabled to its place's bridge. ``wan`` is the wan's process.

    The hardware address follows from the IP address, so that neighbours find a host that was powered off and on.
    """
    port = _port(host)
    _ip(
        [
            "link set lo up",
            f"link add name eth0 address {hardware_address(host.address)} type veth"
            f" peer name {port} netns /proc/{wan}/ns/net",
            f"addr add {host.address}/24 dev eth0",
            "link set eth0 up",
            f"route add default via {topology.gateway(host.center)}",
        ]
    )
    _ip([f"link set {port} master br-{host.center}", f"link set {port} up"], wan)


def unplug(hosts: Sequence[LabHost], wan: int) -> None:
    """Silence hosts: their ports on the bridges go down, so that nothing of their end is heard, not even a FIN."""
    _ip([f"link set {_port(host)} down" for host in hosts], wan, may_fail=True)


def remove_ports(hosts: Sequence[LabHost], wan: int) -> None:
    """Remove the ports of hosts that are off: the kernel does so by itself, but in its own time."""
    _ip([f"link del {_port(host)}" for host in hosts], wan, may_fail=True)


def plug_desk(name: str, topology: Topology, wan: int) -> None:
    """On the machine itself: one interface into the place outside, and a route to the whole lab."""
    _ip(
        [
            f"link add name {name} address {hardware_address(topology.desk)} type veth"
            f" peer name desk netns /proc/{wan}/ns/net",
            f"addr add {topology.desk}/24 dev {name}",
            f"link set {name} up",
            f"route add {topology.net}.0.0/16 via {topology.gateway('outside')}",
        ]
    )
    _ip(["link set desk master br-outside", "link set desk up"], wan)


def unplug_desk(name: str) -> None:
    """Remove the desk's interface, when it is there."""
    if exists(name):
        subprocess.run(  # a namespace that ends at this moment takes the interface with it
            [program("ip"), "link", "del", "dev", name], capture_output=True, timeout=_SECONDS, check=False
        )


def exists(name: str) -> bool:
    """Whether the machine has an interface of that name."""
    return Path("/sys/class/net", name).exists()


def overlapping_route(net: str) -> str | None:
    """The machine's own route that overlaps the net (``10.77``), or None."""
    shown = subprocess.run(
        [program("ip"), "-4", "-json", "route", "show"], capture_output=True, text=True, timeout=_SECONDS, check=True
    )
    lab = IPv4Network(f"{net}.0.0/16")
    for route in json.loads(shown.stdout or "[]"):
        destination = route["dst"]
        if destination != "default" and IPv4Network(destination, strict=False).overlaps(lab):
            return f"{destination} dev {route.get('dev', '?')}"
    return None


def hardware_address(address: str) -> str:
    """A locally administered MAC address that holds the IP address."""
    return "02:00:" + ":".join(f"{byte:02x}" for byte in IPv4Address(address).packed)


def _port(host: LabHost) -> str:
    """The name of the host's port on its bridge; an interface's name ends at 15 letters."""
    return "v" + "-".join(host.address.split(".")[2:])


def _ip(lines: list[str], namespace_of: int | None = None, *, may_fail: bool = False) -> None:
    """Run the lines; ``may_fail`` goes on after a line that fails, because what it removes may be gone already."""
    enter = [program("nsenter"), f"--net=/proc/{namespace_of}/ns/net"] if namespace_of else []
    done = subprocess.run(
        [*enter, program("ip"), *(["-force"] if may_fail else []), "-batch", "-"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode != 0 and not may_fail:
        raise LabError(f"the network could not be built: {done.stderr.strip()[:500]}")


def _sysctl(name: str, value: str) -> None:
    """Set a value of the calling process's own network namespace."""
    Path("/proc/sys", name).write_text(value)
