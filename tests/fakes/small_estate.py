"""A small estate in values: two application hosts and two database hosts in two centers, one system on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from checks.check import Check
from inventory import subject as subjects
from inventory.model import Confirm, Estate

_MARK = {"file": str(Path("estate.yml")), "line": 1}
_NAME = {"zh": "名", "en": "name"}
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5vdEFSZWFsS2V5Tm90QVJlYWxLZXlOb3RBUmVhbEtl"


def host(host_id: str, center: str, **more: Any) -> dict[str, Any]:
    """A host as a document; ``more`` overrides."""
    ssh = {"user": "root", "host_key": HOST_KEY}
    written = {"id": host_id, "center": center, "address": "127.0.0.1", "ssh": ssh, "services": ["app"], "mark": _MARK}
    return written | more


def _placed(hosts: list[str], duty: str = "active") -> dict[str, Any]:
    return {"hosts": hosts, "duty": duty}


def _component(part: str, placement: dict[str, Any], service: str) -> dict[str, Any]:
    return {"id": part, "service": service, "placement": placement, "mark": _MARK}


def estate(hosts: list[dict[str, Any]] | None = None, **more: Any) -> Estate:
    """The estate; the marriage register's app has two members in cloud and a standby in dr."""
    app = {"cloud": _placed(["app1", "app2"]), "dr": _placed(["dr-app"], "standby")}
    db = {"cloud": _placed(["db1"]), "dr": _placed(["dr-db"], "standby")}
    system = {
        "id": "marriage",
        "name": _NAME,
        "summary": _NAME,
        "owner": {"unit": _NAME},
        "grade": {"mlps": 3, "critical": True, "data": "important"},
        "targets": {"availability": "99.95%", "rto": "30m", "rpo": 0},
        "components": [_component("app", app, "app"), _component("db", db, "postgres")],
        "mark": _MARK,
    }
    centers = [
        {"id": "cloud", "name": _NAME, "site": "capital", "role": "production", "mark": _MARK},
        {"id": "dr", "name": _NAME, "site": "north", "role": "remote", "mark": _MARK},
    ]
    written = {
        "id": "test",
        "name": _NAME,
        "timezone": "Asia/Shanghai",
        "defaults": {},
        "sites": [{"id": "capital", "name": _NAME}, {"id": "north", "name": _NAME}],
        "centers": centers,
        "links": [],
        "hosts": hosts
        or [
            host("app1", "cloud", labels={"scratch": "/srv/scratch"}),
            host("app2", "cloud"),
            host("db1", "cloud", services=["postgres"]),
            host("dr-app", "dr"),
            host("dr-db", "dr", services=["postgres"], labels={"pg-socket": "/srv/pg"}),
        ],
        "systems": [system],
        "folder": "",
        "digest": "",
    }
    return Estate.model_validate(written | more)


class Params(BaseModel):
    """Parameters of any kind of check, as far as a trigger looks at them."""

    ask: str | None = None
    expect: str | None = None
    port: int | None = None


def check(check_id: str, subject: str, kind: str, of: Estate, host_id: str, **params: Any) -> Check:
    """A check of a subject that asks one host."""
    asked = of.host(host_id)
    return Check(
        id=check_id,
        subject=subject,
        kind=kind,
        params=Params(**params),
        vantages=("cloud", "dr"),
        interval=2.0,
        timeout=1.0,
        confirm=Confirm(m=2, n=3),
        host=asked,
        center=asked.center,
    )


APP = subjects.component("marriage", "app", "cloud")
STANDBY_DB = subjects.component("marriage", "db", "dr")


def checks(of: Estate) -> list[Check]:
    """What is asked about the estate's hosts and components."""
    found = [check(f"marriage/app@cloud/{one}/http", APP, "http", of, one) for one in ("app1", "app2")]
    found += [check(f"host/{one.id}/ssh", subjects.host(one.id), "ssh", of, one.id, ask="login") for one in of.hosts]
    found += [check(f"host/{one.id}/disk", subjects.host(one.id), "ssh", of, one.id, ask="disk") for one in of.hosts]
    database = check("marriage/db@dr/dr-db/pg", STANDBY_DB, "postgres", of, "dr-db", expect="standby", port=5432)
    standby = subjects.component("marriage", "app", "dr")
    return [*found, database, check("marriage/app@dr/dr-app/http", standby, "http", of, "dr-app")]
