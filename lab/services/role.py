"""The role endpoint beside each database."""

from __future__ import annotations

from lab.service import Place, Service
from lab.services.script import program
from lab.topology import PORTS


def service(place: Place) -> Service:
    """``/primary``, ``/standby`` and ``/health`` on port 8008, for load balancers."""
    options = (
        *("--address", place.host.address, "--port", PORTS["role"], "--database-port", PORTS["postgres"]),
        *("--password-file", place.lab / "keys" / "watcher.password"),
    )
    return Service("role", program(place, "role_endpoint", *options))
