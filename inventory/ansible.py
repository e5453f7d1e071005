"""The estate as an Ansible inventory: a dict for ansible-runner, since Ansible must never read this folder. Pure.

Every text that comes from the estate is marked unsafe, or Ansible would run what looks like a template in it. Groups
are named ``center_cloud``, ``role_db``, ``system_data_hub``, ``site_capital``: ids hold no underscore, so no group can
have the name of a host, nor two of them the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from inventory.model import Estate, Host
from inventory.selector import systems_on_hosts

Inventory = dict[str, Any]


def inventory(estate: Estate, hosts: Collection[Host] | None = None) -> Inventory:
    """The inventory of some hosts (default: all), with groups by center, site, role and system.

    Hosts have ``ansible_host``, ``ansible_port``, ``ansible_user``, ``ansible_ssh_private_key_file`` and, for
    playbooks, ``tricenter_center``, ``_site``, ``_roles``, ``_systems``, ``_services``, ``_services_dir``, ``_labels``.
    """
    chosen = estate.hosts if hosts is None else tuple(hosts)
    systems = systems_on_hosts(estate)
    groups: dict[str, dict[str, Any]] = {}
    for host in chosen:
        for name in _groups(estate, host, systems[host.id]):
            groups.setdefault(name, {"hosts": {}})["hosts"][host.id] = {}
    variables = {host.id: _variables(estate, host, systems[host.id]) for host in chosen}
    return {"all": {"hosts": variables, "children": dict(sorted(groups.items()))}}


def unsafe(value: object) -> Any:
    """A value whose every text is kept as it is: Ansible reads this JSON form as ``!unsafe``."""
    match value:
        case str():
            return {"__ansible_unsafe": str(value)}
        case dict():
            return {key: unsafe(item) for key, item in value.items()}
        case list() | tuple() | set():
            return [unsafe(item) for item in value]
    return value


def _groups(estate: Estate, host: Host, systems: Iterable[str]) -> list[str]:
    named = [("center", host.center), ("site", estate.center(host.center).site)]
    named += [("role", role) for role in host.roles] + [("system", system) for system in sorted(systems)]
    return [f"{kind}_{name.replace('-', '_')}" for kind, name in named]


def _variables(estate: Estate, host: Host, systems: Iterable[str]) -> dict[str, Any]:
    found: dict[str, object] = {
        "ansible_host": host.address,
        "ansible_port": host.ssh.port,
        "ansible_user": host.ssh.user,
        "tricenter_center": host.center,
        "tricenter_site": estate.center(host.center).site,
        "tricenter_roles": host.roles,
        "tricenter_systems": sorted(systems),
        "tricenter_services": host.services,
        "tricenter_labels": host.labels,
    }
    if host.ssh.key:
        found["ansible_ssh_private_key_file"] = host.ssh.key
    if host.services_dir:
        found["tricenter_services_dir"] = host.services_dir
    return {name: unsafe(value) for name, value in found.items()}
