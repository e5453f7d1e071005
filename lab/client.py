"""A lab that stands, as tests, the demo and the faults use it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.layout import Layout, Mode
from lab.machine import power, processes
from lab.machine.capabilities import confined
from lab.packages import program
from lab.state import State, read
from lab.topology import Topology, topology

_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab in a folder. Every answer is asked afresh; nothing is remembered but where things are."""

    layout: Layout
    state: State

    @classmethod
    def open(cls, folder: Path) -> Lab:
        """The lab in that folder. Raises LabError when none stands there."""
        layout = Layout(folder.resolve())
        state = read(layout)
        if state is None:
            raise LabError(f"no lab stands in {layout.folder}; start one with: ops lab up")
        return cls(layout, state)

    @property
    def folder(self) -> Path:
        """The lab's folder on the desk."""
        return self.layout.folder

    @property
    def mode(self) -> Mode:
        """Namespaces or loopback."""
        return self.state.mode

    @property
    def topology(self) -> Topology:
        """Which hosts there are, and where."""
        return topology(self.state.net)

    @property
    def estate_folder(self) -> Path:
        """The estate that describes this lab, ready for ``ops``."""
        return self.layout.estate

    @property
    def operator_key(self) -> Path:
        """The private key that opens every host's sshd."""
        return self.layout.keys / "operator"

    @property
    def authority(self) -> Path:
        """The certificate by which the entries' certificates are verified."""
        return self.layout.authority / "ca.pem"

    def hosts(self) -> tuple[str, ...]:
        """The ids of all hosts."""
        return tuple(host.id for host in self.topology.hosts)

    def address(self, host: str) -> str:
        """A host's IP address. Raises LabError for a host that the lab does not have."""
        self.known(host)
        return self.topology.host(host).address

    def known(self, host: str) -> str:
        """The host's id again. Raises LabError for a host that the lab does not have."""
        if host not in self.hosts():
            raise LabError(f"the lab has no host {host!r}; it has {', '.join(self.hosts())}")
        return host

    def alive(self, host: str) -> bool:
        """Whether the host is on (a frozen host is)."""
        return self.first(host) is not None

    def first(self, host: str) -> processes.Process | None:
        """The host's first process; None when the host is off."""
        return processes.recall(self.layout.pid(host))

    def password(self, role: str) -> str:
        """The password of a database role: admin, app, watcher, replication or canary."""
        return (self.layout.keys / f"{role}.password").read_text().strip()

    def inside(self, host: str) -> Path:
        """The host's own folder as its processes see it."""
        return self.layout.inside(self.mode).host(host)

    def run(
        self, host: str, argv: Sequence[str], *, text: str | None = None, timeout: float = _SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on a host, with ``text`` as its input, and wait for it.

        Raises LabError when the host is off or the program does not end within ``timeout`` seconds.
        """
        try:
            return subprocess.run(
                [*self._enter(host), *argv],
                input=text if text is not None else "",
                env=power.environment(self.layout) | {"HOME": str(self.inside(host) / "root")},
                capture_output=True,
                check=False,
                text=True,
                errors="replace",
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as error:
            raise LabError(f"{argv[0]} on {host} did not end in {timeout:g} seconds") from error

    def _enter(self, host: str) -> list[str]:
        first = self.first(self.known(host))
        if first is None:
            raise LabError(f"{host} is off")
        if self.mode == "loopback":
            return []
        spaces = ("--net", "--mount", "--uts", "--ipc", "--pid")
        return [program("nsenter"), f"--target={first.pid}", *spaces, *confined()]
