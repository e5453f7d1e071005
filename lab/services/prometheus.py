"""Debian's Prometheus, configured from the estate."""

from __future__ import annotations

from lab.service import Place, Service
from lab.services.script import command, python_environment, script
from lab.topology import PORTS


def service(place: Place) -> Service:
    """One center's Prometheus: a short memory, little of the machine's."""
    etc, data = place.folder / "etc" / "prometheus", place.folder / "data" / "prom"
    render = command(
        *(place.python, place.project / "ops.py", "prometheus", "render"),
        *("--estate", place.lab / "estate", "--center", place.host.center, "--out", etc),
    )
    serve = command(
        "prometheus",
        f"--config.file={etc / 'prometheus.yml'}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=1d",
        "--storage.tsdb.retention.size=256MB",
        "--query.timeout=10s",
        f"--web.listen-address={place.host.address}:{PORTS['prometheus']}",
        "--log.level=warn",
    )
    lines = (
        command("mkdir", "-p", etc, data),
        python_environment(place),
        render,
        "export GOMAXPROCS=1 GOMEMLIMIT=96MiB",
        f"exec {serve}",
    )
    return Service("prometheus", script(*lines))
