"""Whether the lab's servers answer: a TCP connection to each port, and the application through each entry."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from lab.topology import PORTS, LabHost, Topology

_CONNECT = 1.0


@dataclass(frozen=True, slots=True)
class Question:
    """Something that must be true before the lab is called up."""

    host: str
    service: str
    address: str
    port: int
    path: str = ""  #: ask over HTTP and want 200; empty: a connection is enough


#: What a service says when it can serve, beyond having opened its port.
_PATHS = {
    "haproxy-web": "/operations/health",
    "role": "/health",
    "prometheus": "/-/ready",
    "prober": "/healthz",
    "app": "/operations/health",
    "hub": "/data-hub/health",
}


def questions(plan: Topology, services: Callable[[LabHost], tuple[str, ...]]) -> list[Question]:
    """One question for each port of each service that runs on a host."""
    return [
        Question(host.id, service, host.address, number, _PATHS.get(port, ""))
        for host in plan.hosts
        for service in services(host)
        for port, number in PORTS.items()
        if port == service or port.startswith(f"{service}-")
        if port != "haproxy-pg"  # opens with the others; behind it is the database, which is asked itself
    ]


def wait(asked: list[Question], patience: float, progress: Callable[[str], None]) -> list[Question]:
    """Ask until all answer or ``patience`` seconds have passed; the questions without an answer."""
    limit = time.monotonic() + patience
    waiting, said = asked, len(asked)
    while waiting and time.monotonic() < limit:
        waiting = [question for question in waiting if not answers(question)]
        if len(waiting) < said:
            said = len(waiting)
            progress(f"{len(asked) - said} of {len(asked)} ports answer")
        if waiting:
            time.sleep(0.1)
    return waiting


def answers(question: Question) -> bool:
    """Whether the server behind a question gives the answer that is wanted, now."""
    if not question.path:
        try:
            socket.create_connection((question.address, question.port), _CONNECT).close()
        except OSError:
            return False
        return True
    connection = http.client.HTTPConnection(question.address, question.port, timeout=_CONNECT)
    try:
        connection.request("GET", question.path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
