"""The exchange front end's loader."""

from __future__ import annotations

from lab.service import Place, Service
from lab.services.exchange_files import exchange_folder
from lab.services.script import command, program
from lab.topology import PORTS


def service(place: Place) -> Service:
    """Batches from ``data/exchange/<code>`` to the database, through the center's own entry."""
    center, exchange = place.host.center, exchange_folder(place, place.host.id)
    options = (
        *("--exchange", exchange, "--center", center),
        *("--database-host", place.topology.host(f"{center}-entry").address, "--database-port", PORTS["haproxy-pg"]),
        *("--password-file", place.lab / "keys" / "app.password"),
    )
    return Service("ingest", program(place, "exchange_ingest", *options, before=command("mkdir", "-p", exchange)))
