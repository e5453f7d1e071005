"""Where things lie in the lab's folder, as the desk sees them and as a host sees them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Mode = Literal["namespaces", "loopback"]

#: Where a host in namespaces finds the lab's folder: short, because a unix socket's path ends at 107 bytes.
SHORT = Path("/srv/lab")
#: The machine in the middle: bridges and the router.
WAN = "wan"
#: What each host's folder holds.
HOST_FOLDERS = ("etc", "data", "log", "run", "sv", "root")


@dataclass(frozen=True, slots=True)
class Layout:
    """The lab's folder, absolute and without symbolic links."""

    folder: Path

    @property
    def state(self) -> Path:
        """How the lab was started; see ``lab.state``."""
        return self.folder / "state.json"

    @property
    def faults(self) -> Path:
        """Which faults are active, and since when."""
        return self.folder / "faults.json"

    @property
    def links(self) -> Path:
        """The router's configuration."""
        return self.folder / "links.json"

    @property
    def links_applied(self) -> Path:
        """Where the router says by which configuration it routes: the text's digest."""
        return self.host(WAN) / "run" / "links-applied"

    @property
    def authority(self) -> Path:
        """The certificate authority, and what it issued."""
        return self.folder / "ca"

    @property
    def keys(self) -> Path:
        """SSH keys and passwords; nobody else may enter."""
        return self.folder / "keys"

    @property
    def estate(self) -> Path:
        """The estate that describes this lab."""
        return self.folder / "estate"

    @property
    def control(self) -> Path:
        """What the desk tells programs on the hosts, e.g. which provinces keep silent."""
        return self.folder / "control"

    @property
    def hosts(self) -> Path:
        """The hosts' folders."""
        return self.folder / "hosts"

    def host(self, host: str) -> Path:
        """The folder of one host, or of the wan."""
        return self.hosts / host

    def data(self, host: str) -> Path:
        """The host's data volume."""
        return self.host(host) / "data"

    def service(self, host: str, service: str) -> Path:
        """The runit directory of a service, as the desk sees it."""
        return self.host(host) / "sv" / service

    def pid(self, host: str) -> Path:
        """Holds the host's first process, as ``<pid> <start time in ticks>``."""
        return self.host(host) / "pid"

    def console(self, host: str) -> Path:
        """What the host says before its services have logs of their own."""
        return self.host(host) / "log" / "console.log"

    def inside(self, mode: Mode) -> Layout:
        """The same layout as the hosts' own processes see it."""
        return Layout(SHORT) if mode == "namespaces" else self


def interface(net: str) -> str:
    """The name of the desk's interface: ``tri77`` for the net 10.77."""
    return f"tri{net.partition('.')[2]}"
