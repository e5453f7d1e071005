"""A real host for runbooks: OpenSSH on loopback, perhaps with supervised services; the estate calls it ``app1``."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checks.result import Status
from inventory.model import Estate
from runbooks.catalogue import load
from runbooks.run import run
from runbooks.run_record import Run
from tests.fakes import small_estate
from tests.fakes.sshd import Sshd


@dataclass
class LoopbackHost:
    """The host, and where its runs keep their artifacts."""

    server: Sshd
    var: Path
    services: Path | None = None  #: runit's folder
    names: tuple[str, ...] = ("web",)
    labels: dict[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)  #: of the estate

    def estate(self) -> Estate:
        """The estate in which the host is the only one that can be reached."""
        s = self.server
        ssh = {"user": s.user, "port": s.port, "key": str(s.key), "host_key": s.host_key}
        where = {"services_dir": str(self.services)} if self.services else {}
        own = small_estate.host("app1", "cloud", ssh=ssh, services=list(self.names), labels=self.labels, **where)
        others = [small_estate.host(name, "cloud") for name in ("app2", "db1")]
        away = [small_estate.host(name, "dr") for name in ("dr-app", "dr-db")]
        return small_estate.estate([own, *others, *away], **self.more)

    def run(self, name: str, given: dict[str, str], verify: Callable[[], Status], *, check_mode: bool = False) -> Run:
        """One of our runbooks on the host. A verify that fails is not waited for; a slow machine is."""
        card = load()[name]
        quick = card.verify.model_copy(update={"within": 3.0, "settle": 0.0})
        card = card.model_copy(update={"verify": quick, "timeout": max(400.0, card.timeout)})
        inputs = {"host": "app1", **given}
        return run(card, inputs, self.estate(), verify=verify, now=time.time, folder=self.var, check_mode=check_mode)
