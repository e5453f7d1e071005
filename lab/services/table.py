"""Which services a host of the lab runs, besides the ones that every host has."""

from __future__ import annotations

from lab.service import Place, Render, Service
from lab.services import app, deliver, haproxy, ingest, postgres, prober, prometheus, role
from lab.topology import EVERYWHERE

SERVICES: dict[str, Render] = {
    "haproxy": haproxy.service,
    "app": app.app,
    "hub": app.hub,
    "postgres": postgres.service,
    "role": role.service,
    "ingest": ingest.service,
    "prober": prober.service,
    "prometheus": prometheus.service,
    "deliver": deliver.service,
}


def build(place: Place) -> tuple[Service, ...]:
    """The host's own services, in the order its description names them."""
    return tuple(SERVICES[name](place) for name in place.host.services if name not in EVERYWHERE)
