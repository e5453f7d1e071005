"""The lab's hosts are hosts: their own view of the world, real distances between them, no way to the machine below."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

import pytest

from lab.client import Lab
from lab.keys import host_key
from lab.layout import interface
from lab.status import status
from lab.topology import PORTS
from lab.up import up

pytestmark = pytest.mark.lab

_CONNECT = """
import socket, sys, time
best = 9.0
for _ in range(5):
    began = time.perf_counter()
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 5).close()
    best = min(best, time.perf_counter() - began)
print(best)
"""


def said(lab: Lab, host: str, *argv: str) -> str:
    done = lab.run(host, argv)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def round_trip(lab: Lab, host: str, peer: str) -> float:
    """Seconds of the quickest TCP handshake of five."""
    port = str(PORTS["sshd"])
    return float(said(lab, host, "/usr/bin/python3", "-c", _CONNECT, lab.address(peer), port))


def test_every_host_is_on_and_every_service_runs(healthy: Lab) -> None:
    found = status(healthy.folder)
    assert found is not None
    assert found.phase == "up"
    states = {(host.id, name): is_ for host in found.hosts for name, is_ in host.services.items()}
    assert set(states.values()) == {"run"}, states
    assert {host.power for host in found.hosts} == {"on"}


def test_up_again_changes_nothing(lab: Lab) -> None:
    lines: list[str] = []
    before = {host: lab.first(host) for host in lab.hosts()}
    again = up(lab.folder, lines.append)
    assert lines == ["the lab is up already"]
    assert {host: again.first(host) for host in again.hosts()} == before


def test_a_host_has_its_own_name_processes_and_neighbours(lab: Lab) -> None:
    assert said(lab, "dr-db", "hostname") == "dr-db"
    assert said(lab, "dr-db", "ps", "-o", "comm=", "-p", "1") == "runsvdir"
    assert said(lab, "dr-db", "getent", "hosts", "cloud-app").split() == [lab.address("cloud-app"), "cloud-app"]
    assert "prometheus" not in said(lab, "dr-db", "ps", "-eo", "comm=").split()


@pytest.mark.parametrize(
    "argv",
    [
        ("date", "-s", "2020-01-01"),
        ("touch", "/usr/owned"),
        ("touch", "/root/owned"),
        ("mount", "-o", "remount,rw", "/"),
        ("mknod", "/tmp/disk", "b", "254", "0"),
        ("sh", "-c", "echo b >/proc/sysrq-trigger"),
        ("sh", "-c", "echo 1 >/proc/sys/kernel/panic"),
        ("sh", "-c", "echo owned >/srv/lab/keys/authorized_keys"),
    ],
)
def test_root_on_a_host_cannot_touch_the_machine(lab: Lab, argv: tuple[str, ...]) -> None:
    assert lab.run("cloud-app", argv).returncode != 0


def test_a_host_sees_no_disk_and_no_other_host_s_volume(lab: Lab) -> None:
    assert not any(
        name.startswith(("sd", "vd", "nvme", "loop")) for name in said(lab, "cloud-app", "ls", "/dev").split()
    )
    sources = [line.split()[0] for line in said(lab, "cloud-app", "cat", "/proc/mounts").splitlines()]
    assert [source for source in sources if source.startswith("tricenter-")] == ["tricenter-cloud-app"]


def test_services_have_no_power_over_the_clock(lab: Lab) -> None:
    """Ask the running supervisor itself, not a program that the test started."""
    lines = said(lab, "cloud-db", "cat", "/proc/1/status").splitlines()
    bounding = next(int(line.split()[1], 16) for line in lines if line.startswith("CapBnd"))
    assert not bounding & (1 << 25)  # CAP_SYS_TIME


@pytest.mark.parametrize(
    ("host", "peer", "seconds"), [("cloud-app", "dr-app", 0.030), ("cloud-app", "bigdata-app", 0.002)]
)
def test_distance_between_centers_is_felt(healthy: Lab, host: str, peer: str, seconds: float) -> None:
    assert round_trip(healthy, host, peer) >= seconds


def test_the_operator_logs_in_with_strict_host_keys(lab: Lab, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    port = PORTS["sshd"]
    known.write_text(
        "".join(f"[{lab.address(host)}]:{port} {host_key(lab.layout.keys, host)}\n" for host in lab.hosts())
    )
    options = ["BatchMode=yes", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={known}"]
    words = [word for option in options for word in ("-o", option)]
    for host in ("cloud-entry", "dr-ops", "provinces"):
        command = [
            "ssh",
            "-F",
            "none",
            "-i",
            str(lab.operator_key),
            "-p",
            str(port),
            *words,
            f"root@{lab.address(host)}",
        ]
        done = subprocess.run([*command, "hostname"], capture_output=True, text=True, check=False)
        assert done.stdout.strip() == host, done.stderr


def test_the_desk_has_one_interface_with_a_route_to_the_lab(lab: Lab) -> None:
    shown = subprocess.run(
        ["ip", "-json", "route", "get", lab.address("dr-db")], capture_output=True, text=True, check=True
    )
    (route,) = json.loads(shown.stdout)
    assert (route["dev"], route["gateway"]) == (interface(lab.state.net), lab.topology.gateway("outside"))


def test_the_node_exporter_tells_of_the_host_s_own_volume(lab: Lab) -> None:
    with socket.create_connection((lab.address("cloud-xchg"), PORTS["node-exporter"]), 5) as connection:
        connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        text = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    sizes = [line for line in text.splitlines() if line.startswith("node_filesystem_size_bytes")]
    assert len(sizes) == 1, sizes
    assert 'mountpoint="/srv/lab/hosts/cloud-xchg/data"' in sizes[0]
