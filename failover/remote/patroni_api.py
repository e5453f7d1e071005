"""Patroni's REST interface on this host: asked as the estate's labels say, bounded in time and in bytes."""

from __future__ import annotations

import base64
import json
import select
import ssl
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from failover.remote import server
from failover.remote.task import Refused, Task, Unknown

_MOST = 256 * 1024  #: bytes of an answer
_QUESTION = 5.0  #: seconds for an answer to a question


@dataclass(frozen=True)
class Answer:
    """What came back: the status, the text, and the object that it is, if it is one."""

    status: int
    text: str
    told: dict[str, Any] | None


class Order:
    """An order that was sent. Its answer comes when Patroni is done with it, or has given it up."""

    def __init__(self, line: HTTPConnection) -> None:
        self._line = line

    def answer(self, seconds: float) -> Answer | None:
        """The answer, if it comes in that time; a line that breaks is an answer of status 0."""
        ready, _, _ = select.select([self._line.sock], [], [], seconds)
        if not ready:
            return None
        try:
            return _read(self._line)
        except (OSError, HTTPException) as error:
            return Answer(0, f"the line to Patroni broke: {error}", None)

    def close(self) -> None:
        """Listen no longer; what was ordered goes on."""
        self._line.close()


def ask(task: Task, path: str) -> dict[str, Any]:
    """A question that changes nothing."""
    line = _dial(task, task.left(_QUESTION))
    try:
        line.request("GET", path, headers=_headers(task))
        answer = _read(line)
    except TimeoutError as error:
        raise Unknown("Patroni does not answer in time") from error
    except (OSError, HTTPException) as error:
        raise Unknown(f"Patroni's answer broke off: {error}") from error
    finally:
        line.close()
    if answer.told is None:
        raise Unknown(f"Patroni's answer makes no sense (status {answer.status})")
    return answer.told


def order(task: Task, path: str, body: dict[str, str]) -> Order:
    """Send an order, and do not wait for what comes of it."""
    line = _dial(task, task.left())
    headers = _headers(task) | {"Content-Type": "application/json"}
    try:
        line.request("POST", path, json.dumps(body), headers)
    except (OSError, HTTPException) as error:
        line.close()
        raise Unknown(f"the order to Patroni was not sent whole: {error}") from error
    return Order(line)


def _dial(task: Task, seconds: float) -> HTTPConnection:
    """A line to Patroni; who cannot be reached was surely told nothing."""
    name = f"[{task.address}]" if ":" in task.address else task.address
    url = urlsplit(task.label("patroni-api", f"http://{name}:8008"))
    try:
        if url.scheme not in ("http", "https") or not url.hostname:
            raise Refused("the label patroni-api is no URL of http or https")
        port = url.port or 8008
        line = HTTPConnection(url.hostname, port, timeout=seconds)
        if url.scheme == "https":
            line = HTTPSConnection(url.hostname, port, timeout=seconds, context=_trust(task))
        line.connect()
    except (OSError, ValueError) as error:
        raise Refused(f"Patroni cannot be reached on this host: {error}") from error
    return line


def _trust(task: Task) -> ssl.SSLContext:
    """Whom this host believes, and as whom it comes, when the estate says so."""
    context = ssl.create_default_context(cafile=task.labels.get("patroni-ca"))
    if certificate := task.labels.get("patroni-cert"):
        context.load_cert_chain(certificate, task.labels.get("patroni-key"))
    return context


def _headers(task: Task) -> dict[str, str]:
    user = task.labels.get("patroni-user")
    if user is None:
        return {}
    told = f"{user}:{server.password(task, user)}".encode()
    return {"Authorization": f"Basic {base64.b64encode(told).decode()}"}


def _read(line: HTTPConnection) -> Answer:
    response = line.getresponse()
    data = response.read(_MOST + 1)
    text = " ".join(data[:300].decode(errors="replace").split())
    if len(data) > _MOST:
        return Answer(response.status, "an answer that does not end", None)
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        told = None
    return Answer(response.status, text, told if isinstance(told, dict) else None)
