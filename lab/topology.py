"""Which hosts the lab has, where they stand and what runs on them. Pure: no process, no file."""

from __future__ import annotations

from dataclasses import dataclass

CENTERS = ("cloud", "bigdata", "dr")  #: production, metro, remote
PLACES = (*CENTERS, "outside")  #: where hosts stand; the provinces and the operations desk are outside
_SUBNET = {"cloud": 1, "bigdata": 2, "dr": 3, "outside": 9}
_MACHINE = {"entry": 11, "app": 21, "db": 31, "xchg": 41, "ops": 51}

#: what runs on each kind of host besides sshd and node-exporter
SERVICES = {
    "entry": ("haproxy",),
    "app": ("app", "hub"),
    "db": ("postgres", "role"),
    "xchg": ("ingest",),
    "ops": ("prober", "prometheus"),
    "provinces": ("deliver",),
}
EVERYWHERE = ("sshd", "node-exporter")

#: TCP ports, the same in every center
PORTS = {
    "sshd": 2222,
    "node-exporter": 9100,
    "haproxy-web": 8080,
    "haproxy-tls": 8443,
    "haproxy-pg": 6432,
    "haproxy-stats": 8404,
    "app": 8000,
    "hub": 8001,
    "postgres": 5432,
    "role": 8008,
    "prometheus": 9090,
    "prober": 9300,
}


@dataclass(frozen=True, slots=True)
class LabHost:
    """One machine of the lab."""

    id: str  #: ``cloud-db``
    center: str  #: ``cloud``, ``bigdata``, ``dr`` or ``outside``
    kind: str  #: ``entry``, ``app``, ``db``, ``xchg``, ``ops`` or ``provinces``
    address: str
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Topology:
    """The lab on one network: ``net`` is the first two octets, ``10.77`` (namespaces) or ``127.77`` (loopback)."""

    net: str
    hosts: tuple[LabHost, ...]

    def host(self, host_id: str) -> LabHost:
        """The host of that id."""
        return next(host for host in self.hosts if host.id == host_id)

    def gateway(self, place: str) -> str:
        """The router's address in a center, or ``outside``."""
        return f"{self.net}.{_SUBNET[place]}.1"

    @property
    def desk(self) -> str:
        """The address of the operations desk: the machine the lab runs on."""
        return f"{self.net}.9.2"


def topology(net: str = "10.77") -> Topology:
    """Three centers of five hosts each, and one host outside that plays the 31 provinces."""
    inside = [
        LabHost(f"{center}-{kind}", center, kind, f"{net}.{_SUBNET[center]}.{number}", EVERYWHERE + SERVICES[kind])
        for center in CENTERS
        for kind, number in _MACHINE.items()
    ]
    outside = LabHost("provinces", "outside", "provinces", f"{net}.9.20", EVERYWHERE + SERVICES["provinces"])
    return Topology(net, (*inside, outside))
