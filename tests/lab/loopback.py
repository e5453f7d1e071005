"""The lab's services as plain supervised processes on loopback addresses: no namespaces, no router."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab import certificates, keys
from lab.service import Place
from lab.services.table import build
from lab.topology import PORTS, LabHost, topology

PROJECT = Path(__file__).parent.parent.parent


class Loopback:
    """Hosts of a lab, each a folder with its services below runsv."""

    def __init__(self, folder: Path, net: str) -> None:
        self.folder = folder
        self.topology = topology(net)
        self.user = "postgres" if os.getuid() == 0 else None
        self._supervisors: dict[tuple[str, str], subprocess.Popen[bytes]] = {}
        folder.mkdir(mode=0o755, exist_ok=True)
        keys.make(folder / "keys", tuple(host.id for host in self.topology.hosts))
        certificates.make_authority(folder / "ca", datetime.now(UTC))
        entries = {host.id: host.address for host in hosts_of(self, "entry")}
        keys.private(folder / "ca" / "entry.pem", certificates.issue(folder / "ca", entries, datetime.now(UTC)))

    def place(self, host_id: str) -> Place:
        return Place(
            host=self.topology.host(host_id),
            topology=self.topology,
            folder=self.folder / "hosts" / host_id,
            lab=self.folder,
            project=PROJECT,
            python=Path(sys.executable),
            user=self.user,
        )

    def start(self, host_id: str, *only: str) -> None:
        """Write and supervise the host's services, or only some of them."""
        place = self.place(host_id)
        for name in ("etc", "data", "log", "run", "sv"):
            (place.folder / name).mkdir(parents=True, exist_ok=True)
        for service in build(place):
            if only and service.name not in only:
                continue
            for path, text in service.files.items():
                (place.folder / path).parent.mkdir(parents=True, exist_ok=True)
                (place.folder / path).write_text(text)
            home = place.folder / "sv" / service.name
            home.mkdir(exist_ok=True)
            (home / "run").write_text(service.run)
            (home / "run").chmod(0o755)
            self.supervise(host_id, service.name)

    def supervise(self, host_id: str, service: str) -> None:
        home = self.place(host_id).folder / "sv" / service
        with (home / "out").open("ab") as out:
            self._supervisors[host_id, service] = subprocess.Popen(["runsv", home], stdout=out, stderr=out)

    def sv(self, word: str, host_id: str, service: str) -> str:
        """``sv down|up|restart|status`` of a service."""
        home = self.place(host_id).folder / "sv" / service
        done = subprocess.run(["sv", "-w", "20", word, home], capture_output=True, text=True, timeout=30, check=False)
        return done.stdout

    def pid(self, host_id: str, service: str) -> int:
        """The process that runit minds; 0 while there is none."""
        return int((self.place(host_id).folder / "sv" / service / "supervise" / "pid").read_text().strip() or 0)

    def power_off(self, host_id: str) -> None:
        """SIGKILL for the host's supervisors and everything below them, at once."""
        mine = [key for key in self._supervisors if key[0] == host_id]
        doomed = [self._supervisors.pop(key) for key in mine]
        family = [pid for supervisor in doomed for pid in _below(supervisor.pid)]
        for pid in (*(supervisor.pid for supervisor in doomed), *family):
            _kill(pid, signal.SIGKILL)
        for supervisor in doomed:
            supervisor.wait()

    def power_on(self, host_id: str) -> None:
        for home in sorted((self.place(host_id).folder / "sv").iterdir()):
            self.supervise(host_id, home.name)

    def freeze(self, host_id: str, number: signal.Signals) -> None:
        """SIGSTOP or SIGCONT for everything the host runs."""
        for (host, _), supervisor in self._supervisors.items():
            for pid in _below(supervisor.pid) if host == host_id else ():
                _kill(pid, number)

    def close(self) -> None:
        for host_id in {host for host, _ in self._supervisors}:
            self.freeze(host_id, signal.SIGCONT)
            for key in [key for key in self._supervisors if key[0] == host_id and key[1] == "postgres"]:
                self.sv("down", *key)  # a killed one would leave its System V segment to the machine
            self.power_off(host_id)
        shutil.rmtree(self.folder)

    def address(self, host_id: str) -> str:
        return self.topology.host(host_id).address

    def get(self, host_id: str, port: str, path: str, body: bytes | None = None) -> tuple[int, dict[str, Any]]:
        """Status and JSON document; (0, {}) when there is no answer."""
        url = f"http://{self.address(host_id)}:{PORTS[port]}{path}"
        try:
            with urllib.request.urlopen(url, data=body, timeout=8) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read()
            return error.code, json.loads(text) if text.startswith(b"{") else {}
        except OSError:
            return 0, {}

    def sql(self, host_id: str, query: str, database: str = "postgres") -> str:
        """What the host's own administrator gets, over the server's socket; empty when it does not answer."""
        folder = str(self.place(host_id).folder / "run" / "pg")
        command = ["psql", "-X", "-At", "-h", folder, "-U", "postgres", "-d", database, "-c", query]
        environment = {**os.environ, "PGCONNECT_TIMEOUT": "3"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False, env=environment)
        return done.stdout.strip()

    def entry(self, host_id: str, command: str) -> str:
        """HAProxy's answer over its admin socket."""
        path = self.place(host_id).folder / "run" / "haproxy.sock"
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(5)
            line.connect(str(path))
            line.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: line.recv(65536), b"")).decode()


def until(true: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not become true"
        time.sleep(0.1)


def hosts_of(lab: Loopback, kind: str) -> list[LabHost]:
    return [host for host in lab.topology.hosts if host.kind == kind]


def _below(parent: int) -> list[int]:
    """The processes below one, deepest last."""
    found = []
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        found += [int(child), *_below(int(child))]
    return found


def _kill(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
