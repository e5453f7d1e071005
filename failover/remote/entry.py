"""HAProxy's way to the database, through its admin socket: which servers get sessions."""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass
from typing import Any

from failover.remote import memory
from failover.remote.task import Done, Facts, Failed, Refused, Task, Unknown

_MOST = 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60}")
_RUNNING = 2


@dataclass(frozen=True)
class Server:
    """One server of the backend."""

    name: str
    up: bool
    maintenance: bool  #: set by an administrator, not by a check

    @property
    def takes(self) -> bool:
        """Whether it gets sessions."""
        return self.up and not self.maintenance


def state(task: Task) -> Done:
    """Action ``entry-state``."""
    facts = _facts(_servers(task))
    return Done(f"sessions go to {', '.join(facts['active']) or 'nobody'}", facts)


def point(task: Task) -> Done:
    """Action ``entry-point``: one line of commands, so that no session slips between them."""
    wanted, backend = str(task.give["primary"]), _backend(task)
    before = _servers(task)
    if wanted not in {one.name for one in before}:
        raise Refused(f"the entry knows no server {wanted[:60]}: nothing was done")
    words = [f"set server {backend}/{wanted} state ready", f"set server {backend}/{wanted} health up"]
    for other in before:
        if other.name != wanted:
            words += [
                f"set server {backend}/{other.name} state maint",
                f"shutdown sessions server {backend}/{other.name}",
            ]
    active = memory.first(task, _facts(before)["active"])
    _say(task, "; ".join(words))
    facts = _facts(_servers(task)) | {"before": active}
    if facts["active"] != [wanted]:
        raise Failed(f"sessions go to {', '.join(facts['active']) or 'nobody'}, not to {wanted}", facts)
    return Done(f"sessions go to {wanted}", facts)


def auto(task: Task) -> Done:
    """Action ``entry-auto``. Who was kept out starts as down, until a check of the entry's own says otherwise."""
    backend = _backend(task)
    words = []
    for one in _servers(task):
        words.append(f"set server {backend}/{one.name} state ready")
        if one.maintenance:
            words.append(f"set server {backend}/{one.name} health down")
    _say(task, "; ".join(words))
    end = time.monotonic() + task.left(5.0, keep=0.2)
    while not (facts := _facts(_servers(task)))["active"] and time.monotonic() < end:
        time.sleep(0.05)
    if any(one["forced"] for one in facts["servers"].values()):
        raise Failed("a server is still kept out by hand", facts)
    return Done("the entry's own checks decide", facts)


def _facts(servers: list[Server]) -> Facts:
    told: dict[str, Any] = {one.name: {"up": one.up, "forced": one.maintenance} for one in servers}
    return {"servers": told, "active": [one.name for one in servers if one.takes]}


def _backend(task: Task) -> str:
    name = task.label("entry-backend", "pg")
    if not _NAME.fullmatch(name):
        raise Refused(f"the label entry-backend is no name: {name[:60]}")
    return name


def _servers(task: Task) -> list[Server]:
    backend = _backend(task)
    lines = [line.split() for line in _say(task, f"show servers state {backend}").splitlines()]
    head = next((line[1:] for line in lines if line[:1] == ["#"]), None)
    rows = [line for line in lines if len(line) > 6 and line[0] != "#"]
    if head is None or not rows:
        raise Refused(f"the entry knows no backend {backend}")
    found = []
    for row in rows:
        said = dict(zip(head, row, strict=False))
        if not _NAME.fullmatch(said["srv_name"]):
            raise Unknown("the entry's answer makes no sense")
        maintenance = int(said["srv_admin_state"]) & 0b111 != 0
        found.append(Server(said["srv_name"], int(said["srv_op_state"]) == _RUNNING, maintenance))
    return found


def _say(task: Task, words: str) -> str:
    """One line to the admin socket. A word of complaint is a failure: HAProxy says nothing when all went well."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(task.left(5.0))
            sock.connect(task.label("entry-socket"))
            sock.sendall(words.encode() + b"\n")
            data = b""
            while more := sock.recv(65536):
                data += more
                if len(data) > _MOST or task.over:
                    raise Unknown("the entry's answer does not end")
    except TimeoutError as error:
        raise Unknown("the entry does not answer") from error
    except OSError as error:
        if isinstance(error, ConnectionRefusedError | FileNotFoundError):
            raise Refused(f"the entry does not run: {error.strerror}") from error
        raise Unknown(f"the entry broke off: {error.strerror or error}") from error
    said = data.decode(errors="replace").strip()
    if not words.startswith("show") and said:
        raise Failed(f"the entry says: {' '.join(said.split())[:200]}")
    return said
