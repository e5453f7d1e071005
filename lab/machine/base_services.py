"""What runs on every host: sshd and the node exporter; and on the wan, the router. Pure."""

from __future__ import annotations

from shlex import join

from lab.layout import Layout, Mode
from lab.packages import program
from lab.service import Place, Service
from lab.topology import PORTS

_SSHD = """\
Port {port}
ListenAddress {address}
HostKey {lab}/keys/hosts/{host}
AuthorizedKeysFile {lab}/keys/authorized_keys
StrictModes no
PidFile none
UsePAM no
UseDNS no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AllowTcpForwarding no
X11Forwarding no
PrintMotd no
MaxStartups 200
MaxSessions 100
LoginGraceTime 10
Subsystem sftp internal-sftp
# The start-up files of the person who runs the lab are no part of it: they may be slow, or wait for each other.
SetEnv TRICENTER_LAB={marker} "HOME={home}"
"""

#: What a lab host has to tell; the other collectors would describe the machine below it.
_COLLECTORS = ("cpu", "filesystem", "loadavg", "meminfo", "netdev", "stat", "time", "uname")
_OTHER_FILE_SYSTEMS = "^(9p|btrfs|cgroup2?|dev.*|ext.|fuse.*|mqueue|nsfs|overlay|proc|sysfs|virtiofs|xfs|zfs)$"
_OTHER_FOLDERS = "^/(dev|mnt|proc|run|sys|tmp|var)($|/)|^/srv$"


def sshd(place: Place, marker: str) -> Service:
    """OpenSSH's server, with the host's own key; only the lab's keys may log in."""
    text = _SSHD.format(
        port=PORTS["sshd"],
        address=place.host.address,
        lab=place.lab,
        host=place.host.id,
        marker=marker,
        home=place.folder / "root",
    )
    command = [program("sshd"), "-D", "-e", "-f", str(place.folder / "etc" / "sshd_config")]
    return Service("sshd", _run(command), {"etc/sshd_config": text})


def node_exporter(place: Place) -> Service:
    """Prometheus' node exporter with the collectors that make sense here."""
    command = [
        program("prometheus-node-exporter"),
        f"--web.listen-address={place.host.address}:{PORTS['node-exporter']}",
        "--web.disable-exporter-metrics",
        "--collector.disable-defaults",
        f"--collector.filesystem.fs-types-exclude={_OTHER_FILE_SYSTEMS}",
        f"--collector.filesystem.mount-points-exclude={_OTHER_FOLDERS}",
        "--log.level=warn",
        *(f"--collector.{name}" for name in _COLLECTORS),
    ]
    return Service("node-exporter", _run(command, "export GOMAXPROCS=1"))


def router(layout: Layout, mode: Mode, net: str, project: str, python: str) -> Service:
    """The router between the places, on the wan."""
    seen = layout.inside(mode)
    command = [python, "-P", "-m", "lab.router", str(seen.links), net, str(seen.links_applied)]
    return Service("router", _run(command, f"export PYTHONPATH={join([project])} PYTHONDONTWRITEBYTECODE=1"))


def _run(command: list[str], *before: str) -> str:
    return "\n".join(("#!/bin/sh", "exec 2>&1", "set -eu", *before, f"exec {join(command)}")) + "\n"
