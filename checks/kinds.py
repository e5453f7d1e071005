"""The kinds of check, one line each: their parameters and the function that asks."""

from __future__ import annotations

from dataclasses import dataclass

from checks import baseline, http, logs, plugin, ports, postgres, promql, sftp, ssh, tcp, tls
from checks.check import Probe
from inventory.model import Document


@dataclass(frozen=True, slots=True)
class Kind:
    """What a check of this kind may say, and how it is asked."""

    params: type[Document]
    probe: Probe


KINDS: dict[str, Kind] = {
    "http": Kind(http.Params, http.probe),
    "tcp": Kind(tcp.Params, tcp.probe),
    "tls": Kind(tls.Params, tls.probe),
    "ssh": Kind(ssh.Params, ssh.probe),
    "sftp": Kind(sftp.Params, sftp.probe),
    "postgres": Kind(postgres.Params, postgres.probe),
    "promql": Kind(promql.Params, promql.probe),
    "plugin": Kind(plugin.Params, plugin.probe),
    "baseline": Kind(baseline.Params, baseline.probe),
    "ports": Kind(ports.Params, ports.probe),
    "logs": Kind(logs.Params, logs.probe),
}
