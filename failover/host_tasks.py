"""A call as the JSON that a host gets: what the estate says of it and of the databases, nothing else. Pure."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from failover import remote
from failover.actions import ACTIONS, Type
from failover.concrete import Call, Value
from failover.ports import Token
from inventory.model import Estate, Host

_FITS: Mapping[Type, tuple[type, ...]] = {
    "host": (str,),
    "hosts": (tuple, list),
    "text": (str,),
    "integer": (int,),
    "number": (int, float),
    "flag": (bool,),
}


def sources() -> dict[str, str]:
    """The programs of the hosts, by module name; packages are empty, as nothing of theirs is needed there."""
    folder = Path(remote.__file__).parent
    texts = {f"failover.remote.{file.stem}": file.read_text() for file in sorted(folder.glob("*.py"))}
    del texts["failover.remote.__init__"]
    return {"failover": "", "failover.remote": "", **texts}


def shipment(start: str) -> str:
    """What ``failover/remote/boot.py`` reads first: the programs, and which of them goes on."""
    packed = base64.b64encode(zlib.compress(json.dumps(sources()).encode())).decode()
    text = json.dumps({"start": start, "sources": packed})
    return f"{len(text):08d}{text}"


def boot() -> str:
    """The first words on a host, for ``python3 -I -c``."""
    return (Path(remote.__file__).parent / "boot.py").read_text()


def mistakes(call: Call, give: Mapping[str, Value], estate: Estate) -> list[str]:
    """Why the call cannot be made, by the action's card and the estate."""
    card = ACTIONS.get(call.action)
    if card is None:
        return [f"there is no action {call.action}"]
    wanted = {**card.needs, **card.may}
    known = {host.id for host in estate.hosts}
    found = [f"{call.action} needs {key}" for key in card.needs if key not in give]
    found += [f"{call.action} takes no {key}" for key in give if key not in wanted]
    found += [f"the estate has no host {call.host}"] if call.host not in known else []
    for key in wanted.keys() & give.keys():
        found += [f"{key}: {why}" for why in _misfits(wanted[key], give[key], known)]
    return found


def _misfits(wanted: Type, value: Value, known: set[str]) -> list[str]:
    if not isinstance(value, _FITS[wanted]) or (wanted != "flag" and isinstance(value, bool)):
        return [f"is not of type {wanted}"]
    named = [value] if wanted == "host" else list(value) if wanted == "hosts" else []  # type: ignore[arg-type]
    return [f"the estate has no host {name}" for name in named if name not in known]


def task(call: Call, give: Mapping[str, Value], token: Token, estate: Estate) -> dict[str, Any]:
    """What ``failover/remote/task.py`` reads."""
    host = estate.host(call.host)
    return {**_about(host), "action": call.action, "peers": _peers(estate), "give": dict(give), **_who(token)}


def greeting(host: Host) -> dict[str, Any]:
    """A task without an action: enough to ask the host which epoch it obeys."""
    return {**_about(host), "action": "", "peers": {}, "give": {}, **_who(Token("", 0))}


def _who(token: Token) -> dict[str, Any]:
    return {"run": token.run, "epoch": token.epoch, "act": token.act}


def _about(host: Host) -> dict[str, Any]:
    said = {"host": host.id, "address": host.address, "services_dir": host.services_dir or ""}
    return {**said, "labels": dict(host.labels)}


def _peers(estate: Estate) -> dict[str, dict[str, str]]:
    """Every database: hosts whose label ``pg-data`` says that one is there."""
    databases = [host for host in estate.hosts if "pg-data" in host.labels]
    return {host.id: {"address": host.address, "port": host.labels.get("pg-port", "5432")} for host in databases}


def changing() -> frozenset[str]:
    """The actions that change something."""
    return frozenset(name for name, card in ACTIONS.items() if card.changes)
