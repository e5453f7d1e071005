"""Real web servers that a test turns on and off, and an estate whose checks ask them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fakes.http_server import Peer, page, serving


@dataclass
class Target:
    """A server that works, or says that it does not."""

    name: str
    up: bool = True
    url: str = ""
    _answers: dict[bool, Any] = field(default_factory=lambda: {True: page(), False: page(status="503 Broken")})

    async def __call__(self, peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request as things are now."""
        await self._answers[self.up](peer, reader, writer)


@contextmanager
def targets(*names: str) -> Iterator[dict[str, Target]]:
    """Serve these targets, by name, from a thread of their own while the block runs."""
    found = {name: Target(name) for name in names}
    begun = threading.Event()
    loop = asyncio.new_event_loop()
    end = asyncio.Event()

    async def serve() -> None:
        async with AsyncExitStack() as stack:
            for target in found.values():
                target.url = (await stack.enter_async_context(serving(target))).url
            begun.set()
            await end.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert begun.wait(10)
    try:
        yield found
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(10)
        loop.close()


def check(target: Target, interval: str, confirm: str) -> dict[str, Any]:
    """A check of a target that has as much time as there is until the next."""
    return {
        "id": "health",
        "kind": "http",
        "url": target.url,
        "interval": interval,
        "timeout": interval,
        "confirm": confirm,
    }


def name(text: str) -> dict[str, str]:
    return {"zh": text, "en": text}


def write_estate(folder: Path, hosts: Mapping[str, Any], components: Mapping[str, Sequence[dict[str, Any]]]) -> Path:
    """An estate of one center that works: ``hosts`` by id, and the system ``desk``, components by id with their checks.

    All components stand on the host ``box``; one that is named like a service of that host can be restarted.
    """
    centers = {
        "main": {"name": name("main"), "site": "here", "role": "production"},
        "spare": {"name": name("spare"), "site": "here", "role": "metro"},
    }
    estate = {
        "estate": "small",
        "name": name("small"),
        "timezone": "Asia/Shanghai",
        "defaults": {"interval": "1s", "timeout": "1s", "confirm": "1/1"},
        "sites": {"here": {"name": name("here")}},
        "centers": centers,
    }
    services = hosts["box"].get("services", [])
    system = {
        "system": "desk",
        "name": name("desk"),
        "summary": name("desk"),
        "owner": {"unit": name("unit")},
        "grade": {"mlps": 2, "critical": False, "data": "general"},
        "targets": {"availability": "99%", "rto": "1h", "rpo": "1h"},
        "components": {
            part: {"placement": {"main": {"hosts": ["box"]}}, "checks": list(checks)}
            | ({"service": part} if part in services else {})
            for part, checks in components.items()
        },
    }
    (folder / "systems").mkdir(parents=True)
    written = {"estate.yml": estate, "hosts.yml": {"hosts": hosts}, "systems/desk.yml": system}
    for file, content in written.items():
        (folder / file).write_text(json.dumps(content))  # JSON is YAML
    return folder
