"""The prober: the product's own checks, asked from this center."""

from __future__ import annotations

from lab.service import Place, Service
from lab.services.script import command, python_environment, script
from lab.topology import PORTS


def service(place: Place) -> Service:
    """``ops probe`` for the host's center."""
    line = command(
        *(place.python, place.project / "ops.py", "probe", "--center", place.host.center),
        *("--estate", place.lab / "estate", "--listen", f"{place.host.address}:{PORTS['prober']}"),
    )
    return Service("prober", script(python_environment(place), f"exec {line}"))
