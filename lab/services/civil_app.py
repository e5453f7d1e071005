"""One small application that plays many systems, with real reads and writes."""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from lab.services.http_answers import Answer, Request, serve
from lab.services.pg_pool import Pool, Unavailable, conninfo

LIMIT = 1.5  #: seconds a person waits for the database before being told no
BODY_LETTERS = 1000

READ = """SELECT marker, (SELECT max(id) FROM record WHERE record.system = system.id) FROM system WHERE id = %s"""
WRITE = """INSERT INTO record (system, body) VALUES (%s, %s) RETURNING id"""


@dataclass(frozen=True, slots=True)
class App:
    """Writers have connections of their own: writes that wait for a lost replica must not stop the readers."""

    center: str
    systems: frozenset[str]
    readers: Pool
    writers: Pool

    async def answer(self, request: Request) -> Answer:
        """Route ``/<system>/health|read|write``."""
        system, _, action = request.path.removeprefix("/").partition("/")
        if system not in self.systems:
            return _refuse(HTTPStatus.NOT_FOUND, "no such system here")
        match request.method, action:
            case "GET" | "HEAD", "health":
                return self._ok(system, {})
            case "GET", "read":
                return await self._database(system, self._read(system))
            case "POST", "write":
                return await self._database(system, self._write(system, request.body))
        return _refuse(HTTPStatus.NOT_FOUND, "GET health, GET read and POST write are what there is")

    def _ok(self, system: str, more: dict[str, object]) -> Answer:
        return Answer(HTTPStatus.OK, {"ok": True, "system": system, "center": self.center, **more})

    async def _read(self, system: str) -> dict[str, object]:
        rows = await self.readers.ask(READ, (system,))
        if not rows:
            raise Unavailable("the database does not know this system")
        return {"marker": rows[0][0], "newest": rows[0][1]}

    async def _write(self, system: str, body: bytes) -> dict[str, object]:
        ((number,),) = await self.writers.ask(WRITE, (system, _text(body)))
        return {"id": number}

    async def _database(self, system: str, work: Awaitable[dict[str, object]]) -> Answer:
        try:
            return self._ok(system, await work)
        except Unavailable as error:
            return _refuse(HTTPStatus.SERVICE_UNAVAILABLE, str(error), system=system, center=self.center)


def _refuse(status: HTTPStatus, reason: str, **more: object) -> Answer:
    return Answer(status, {"ok": False, "reason": reason, **more})


def _text(body: bytes) -> str:
    """Any bytes as text that PostgreSQL can keep."""
    return body.decode("utf-8", "replace").replace("\0", "�")[:BODY_LETTERS]


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--center", required=True)
    parser.add_argument("--systems", required=True, help="comma-separated")
    parser.add_argument("--database-host", required=True)
    parser.add_argument("--database-port", type=int, required=True)
    parser.add_argument("--password-file", type=Path, required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    words = conninfo(
        options.database_host,
        options.database_port,
        "civil",
        "app",
        options.password_file,
        application_name=f"{options.center}-app",
        target_session_attrs="read-write",
        options="-c statement_timeout=1200",
    )

    async def serving() -> None:
        systems = frozenset(options.systems.split(","))
        app = App(options.center, systems, Pool(words, 2, LIMIT), Pool(words, 4, LIMIT))
        await serve(options.address, options.port, app.answer)

    asyncio.run(serving())


if __name__ == "__main__":
    main()
