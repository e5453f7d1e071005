"""The checks of the security watch: on each host the baseline, ports, logs and clock; a strict look at every TLS port.

Where the estate asks such a question itself (another path, another level), its own check is taken. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from urllib.parse import urlsplit

from checks import baseline, http, logs, ports, ssh, tls
from checks.check import Check
from inventory import subject
from inventory.model import Confirm, Document, Estate, Host

TIMEOUT = 20.0  #: seconds; several files are read, and nobody waits for these answers
LEAST = 2  #: level that is taken for a host of no system
_DAY = 86400.0


def security_checks(estate: Estate, checks: Collection[Check], hosts: Collection[Host], vantage: str) -> list[Check]:
    """What is asked about these hosts from ``vantage``; ``checks`` are the estate's own."""
    own = {(check.host.id, rule): check for check in checks if check.host and (rule := rule_of(check))}
    found = []
    for host in hosts:
        for kind, params in _questions(estate, checks, host):
            made = _check(subject.host(host.id), kind, params, host)
            rule = rule_of(made)
            assert rule is not None
            found.append(own.get((host.id, rule), made))
    found += _strict(checks, {host.id for host in hosts})
    return [replace(check, vantages=(vantage,)) for check in found]


def rule_of(check: Check) -> str | None:
    """The rule of the security watch that a check belongs to; None: it is about something else."""
    if isinstance(check.params, logs.Params):
        return "retention" if check.params.ask == "retention" else "failed-logins"
    if isinstance(check.params, ssh.Params):
        return "clock" if check.params.ask == "clock" else None
    return check.kind if check.kind in ("baseline", "ports", "tls") else None


def level_of(estate: Estate, host: Host) -> int:
    """The MLPS level that counts on a host: that of the most important system on it."""
    levels = [
        system.grade.mlps
        for system in estate.systems
        for part in system.components
        for placement in part.placement.values()
        if host.id in placement.hosts
    ]
    return min(max(levels, default=LEAST), 4)


def known_ports(estate: Estate, checks: Iterable[Check], host: Host) -> set[int]:
    """Every port of a host that the estate speaks of: log-in, exporters, what is checked, and the watch's own."""
    found = {host.ssh.port, *host.exporters.values()}
    for check in checks:
        if check.host and check.host.id == host.id and (port := _port(check)):
            found.add(port)
    for center in estate.centers:
        for url in (center.prober, center.prometheus):
            if url and urlsplit(url).hostname == host.address:
                found.add(_port_of(url))
    return found


def _questions(estate: Estate, checks: Collection[Check], host: Host) -> Iterator[tuple[str, Document]]:
    yield "baseline", baseline.Params(level=level_of(estate, host))
    yield "ports", ports.Params(expected=tuple(sorted(known_ports(estate, checks, host))))
    yield "logs", logs.Params(ask="retention")
    yield "logs", logs.Params(ask="failed-logins")
    yield "ssh", ssh.Params(ask="clock", degraded="1s")


def _check(about: str, kind: str, params: Document, host: Host) -> Check:
    name = f"{params.ask}" if isinstance(params, logs.Params | ssh.Params) else kind
    once = Confirm(m=1, n=1)
    return Check(f"security/{host.id}/{name}", about, kind, params, (), _DAY, TIMEOUT, once, host, host.center)


def _strict(checks: Iterable[Check], hosts: Collection[str]) -> list[Check]:
    """One strict look at each TLS port that the estate's checks speak of, however many of them do."""
    found: dict[tuple[str, int, str | None], Check] = {}
    for check in checks:
        if check.host is None or check.host.id not in hosts:
            continue
        params = _tls(check)
        if params is not None:
            key = (params.address, params.port, params.server_name)
            name = f"security/{check.host.id}/tls/{params.server_name or params.address}:{params.port}"
            made = _check(subject.host(check.host.id), "tls", params, check.host)
            found.setdefault(key, replace(made, id=name))
    return list(found.values())


def _tls(check: Check) -> tls.Params | None:
    """The strict form of a check that speaks TLS; None if it does not."""
    if isinstance(check.params, tls.Params):
        return check.params.model_copy(update={"strict": True})
    if not isinstance(check.params, http.Params) or not check.params.url.startswith("https://"):
        return None
    given = check.params
    return tls.Params(
        port=_port_of(given.url),
        address=urlsplit(given.url).hostname or "",
        server_name=given.server_name,
        ca=given.ca,
        certificate_days=given.certificate_days,
        strict=True,
    )


def _port(check: Check) -> int | None:
    if isinstance(check.params, http.Params):
        same = check.host is not None and urlsplit(check.params.url).hostname == check.host.address
        return _port_of(check.params.url) if same else None
    port = getattr(check.params, "port", None)
    return port if isinstance(port, int) else None


def _port_of(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)
