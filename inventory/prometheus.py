"""The configuration of each center's Prometheus and its targets, from the estate; promtool accepts it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import yaml

from inventory.errors import OperatorError
from inventory.estate_rules import PROBER_JOB
from inventory.model import Center, Estate, Host, RawCheck
from inventory.wording import nearest

_FASTEST, _SLOWEST = 1.0, 60.0  #: seconds between two scrapes of a prober
_EXPORTERS = 15.0  #: seconds between two scrapes of an exporter
_TIMEOUT = 10.0  #: seconds; less where the interval is shorter


def render(estate: Estate, center_id: str, interval: float | None = None) -> dict[str, str]:
    """The files of one center's Prometheus by name: ``prometheus.yml`` and ``targets/<job>.yml``.

    ``interval`` is seconds between scrapes of the prober; default: that of the estate's most frequent check, from one
    second to a minute, so that no result is missed. Raises OperatorError when there is no such center.
    """
    center = next((one for one in estate.centers if one.id == center_id), None)
    if center is None:
        names = [one.id for one in estate.centers]
        raise OperatorError(f"`{center_id}` is not a center of {estate.id} — {nearest(center_id, names)}")
    every = _clamped(_shortest(estate) if interval is None else interval)
    jobs = _targets(estate, center)
    configuration = {
        "global": {
            "scrape_interval": _duration(max(every, _EXPORTERS)),
            "scrape_timeout": _duration(min(max(every, _EXPORTERS), _TIMEOUT)),
            "external_labels": {"center": center.id, "estate": estate.id},
        },
        "scrape_configs": [*_prober(center, every), *(_job(job) for job in jobs)],
    }
    files = {f"targets/{job}.yml": _yaml(estate, targets) for job, targets in jobs.items()}
    return {"prometheus.yml": _yaml(estate, configuration), **files}


def _prober(center: Center, every: float) -> Iterator[dict[str, Any]]:
    """The job that scrapes the center's own prober; its labels are kept as they are."""
    if center.prober is None:
        return
    url = urlsplit(center.prober)
    yield {
        "job_name": PROBER_JOB,
        "scheme": url.scheme,
        "metrics_path": f"{url.path}/metrics",
        "honor_labels": True,
        "scrape_interval": _duration(every),
        "scrape_timeout": _duration(min(every, _TIMEOUT)),
        "static_configs": [
            {"targets": [_netloc(url.hostname or "", url.port or (443 if url.scheme == "https" else 80))]}
        ],
    }


def _job(name: str) -> dict[str, Any]:
    return {"job_name": name, "file_sd_configs": [{"files": [f"targets/{name}.yml"]}]}


def _targets(estate: Estate, center: Center) -> dict[str, list[dict[str, Any]]]:
    """The exporters of the center's hosts, by job."""
    jobs: dict[str, list[dict[str, Any]]] = {}
    for host in estate.hosts:
        for job, port in host.exporters.items() if host.center == center.id else ():
            jobs.setdefault(job, []).append(_target(host, port))
    return dict(sorted(jobs.items()))


def _target(host: Host, port: int) -> dict[str, Any]:
    labels = {"host": host.id, "center": host.center, "roles": ",".join(host.roles)}
    return {"targets": [_netloc(host.address, port)], "labels": labels}


def _netloc(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _shortest(estate: Estate) -> float:
    """The interval of the most frequent check."""
    intervals = [check.interval for check in _checks(estate) if check.interval is not None]
    return min([estate.defaults.interval, *intervals])


def _checks(estate: Estate) -> Iterator[RawCheck]:
    for host in estate.hosts:
        yield from host.checks
    for link in estate.links:
        yield from link.checks
    for system in estate.systems:
        yield from system.checks
        for component in system.components:
            yield from component.checks
    if estate.exchange:
        yield from estate.exchange.checks


def _clamped(seconds: float) -> float:
    return min(max(seconds, _FASTEST), _SLOWEST)


def _duration(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


def _yaml(estate: Estate, document: object) -> str:
    head = f"# Written from the estate {estate.id} ({estate.digest[:12]}): change the estate, not this file.\n"
    return head + yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
