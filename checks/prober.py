"""The engine of one center: asks what is to be asked from there, keeps the newest answers, and shows them.

It judges nothing and remembers nothing else; the center's Prometheus scrapes ``/metrics`` and is the memory.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict

import uvloop

from checks import metrics
from checks.check import Check
from checks.engine import Paced
from checks.expand import expand, of_vantage
from checks.haste import at_pace
from checks.result import Result
from checks.serving import Page, Query, Route, serving
from checks.systemd import Notifier, signs_of_life
from inventory.errors import OperatorError
from inventory.model import Estate
from inventory.wording import nearest

Ready = Callable[[str, int], None]


def run(center: str, estate: Estate, listen: str, ready: Ready | None = None) -> None:
    """Be the prober of a center until SIGTERM or SIGINT. ``listen`` is ``address:port``; see :func:`serve`."""
    allow_many_sockets()
    uvloop.run(serve(center, estate, listen, ready=ready))


async def serve(
    center: str,
    estate: Estate,
    listen: str,
    *,
    now: Callable[[], float] = time.time,
    stop: asyncio.Event | None = None,
    ready: Ready | None = None,
) -> None:
    """Ask and serve until ``stop`` is set or SIGTERM or SIGINT comes. ``ready`` is told the address that was bound.

    Raises InvalidEstate for mistakes in the checks, OperatorError for an unknown center or an unusable address.
    """
    if center not in (known := [one.id for one in estate.centers]):
        raise OperatorError(f"`{center}` is not a center of this estate: {nearest(center, known)}")
    checks = of_vantage(expand(estate), center)
    stop = stop or asyncio.Event()
    _stop_on_signals(stop)
    latest: dict[str, Result] = {}
    engine = Paced(center, now, lambda result: latest.__setitem__(result.check, result))
    gc.freeze()  # the checks live as long as the process; no need to walk over them again and again
    try:
        async with serving(*address(listen), _routes(center, checks, latest, engine, now)) as bound:
            if ready is not None:
                ready(*bound)
            async with signs_of_life(Notifier.from_environment(os.environ), f"asking {len(checks)} checks"):
                await at_pace(engine, checks, estate.calendar, stop, now)
    except OSError as error:
        raise OperatorError(f"cannot serve on {listen}: {error.strerror or error}") from error


def allow_many_sockets() -> None:
    """Every check under way holds a socket; the usual soft limit of 1,024 would make healthy targets look unasked."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


def address(listen: str) -> tuple[str, int]:
    """Address and port to listen on, from text; raises OperatorError."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise OperatorError(f"`{listen}` is not an address to listen on: write it like 10.77.1.51:9300")
    return host.strip("[]"), int(port)


def _routes(
    center: str, checks: Sequence[Check], latest: dict[str, Result], engine: Paced, now: Callable[[], float]
) -> dict[str, Route]:
    """The pages. Text is made in a thread from a snapshot, so that the probes need not wait for it."""
    labels = {check.id: metrics.labels(check, center) for check in checks}
    subjects = {check.id: check.subject for check in checks}
    itself = metrics.registry(engine, len(checks))

    async def health(_query: Query) -> Page:
        return Page(b"ok\n")

    async def samples(_query: Query) -> Page:
        seen = tuple(latest.values())
        text = await asyncio.to_thread(lambda: metrics.exposition(seen, labels) + metrics.own(itself))
        return Page(text.encode(), metrics.TYPE)

    async def results(query: Query) -> Page:
        wanted = query.get("check")
        seen = tuple(latest.values()) if wanted is None else tuple(latest[one] for one in wanted if one in latest)
        body = await asyncio.to_thread(_document, center, now(), seen, subjects)
        return Page(body, "application/json")

    return {"/healthz": health, "/metrics": samples, "/results": results}


def _document(center: str, now: float, results: Iterable[Result], subjects: dict[str, str]) -> bytes:
    """The answers with their sentences and evidence, as JSON."""
    rows = [{**asdict(result), "subject": subjects[result.check]} for result in results]
    return json.dumps({"center": center, "now": now, "results": rows}, ensure_ascii=False).encode()
