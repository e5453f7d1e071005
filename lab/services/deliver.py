"""The provinces, outside of all centers."""

from __future__ import annotations

from lab.service import Place, Service
from lab.services.exchange_files import FRONT, exchange_folder
from lab.services.script import program
from lab.topology import PORTS


def service(place: Place) -> Service:
    """Batches of all provinces for the production center's exchange."""
    options = (
        *("--address", place.topology.host(FRONT).address, "--port", PORTS["sshd"]),
        *("--key", place.lab / "keys" / "province", "--host-key", place.lab / "keys" / "hosts" / f"{FRONT}.pub"),
        *("--exchange", exchange_folder(place, FRONT), "--estate", place.lab / "estate"),
        *("--stopped", place.lab / "control" / "provinces-stopped"),
    )
    return Service("deliver", program(place, "province_delivery", *options))
