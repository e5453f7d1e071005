"""The application: two programs of one source, one for most systems, one for the data hub."""

from __future__ import annotations

from lab.service import Place, Service
from lab.services import systems
from lab.services.script import program
from lab.topology import PORTS


def app(place: Place) -> Service:
    """Most systems, on port 8000."""
    return _service(place, "app", systems.APP)


def hub(place: Place) -> Service:
    """The data hub and the business platform beside it, on port 8001."""
    return _service(place, "hub", systems.HUB)


def _service(place: Place, name: str, served: tuple[str, ...]) -> Service:
    center = place.host.center
    options = (
        *("--address", place.host.address, "--port", PORTS[name], "--center", center),
        *("--systems", ",".join(served)),
        *("--database-host", place.topology.host(f"{center}-entry").address, "--database-port", PORTS["haproxy-pg"]),
        *("--password-file", place.lab / "keys" / "app.password"),
    )
    return Service(name, program(place, "civil_app", *options))
