"""The hosts' public keys as an OpenSSH ``known_hosts`` file, for strict checking by Ansible and paramiko. Pure."""

from __future__ import annotations

from inventory.model import Estate

_SSH = 22  #: the port that goes without saying


def known_hosts(estate: Estate) -> str:
    """One line for each host that has a ``host_key``; the others are not in it, so connections to them are refused."""
    lines = [
        f"{known_as(host.address, host.ssh.port)} {host.ssh.host_key}\n" for host in estate.hosts if host.ssh.host_key
    ]
    return "".join(sorted(lines))


def known_as(address: str, port: int) -> str:
    """The name under which OpenSSH and paramiko look up a host: ``10.77.1.31`` or ``[10.77.1.31]:2222``."""
    return address if port == _SSH else f"[{address}]:{port}"
