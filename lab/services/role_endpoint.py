"""Answers which role the database beside it has, in the way a load balancer asks."""

from __future__ import annotations

import argparse
import asyncio
import logging
from http import HTTPStatus
from pathlib import Path

from lab.services.http_answers import Answer, Request, serve
from lab.services.pg_pool import Pool, Unavailable, conninfo

LIMIT = 0.9  #: seconds; below the second a load balancer waits


def decide(path: str, role: str | None, reason: str) -> Answer:
    """``/primary`` and ``/standby`` are 200 only in that role, ``/health`` in either. ``role`` None: not known."""
    wanted = {"/primary": {"primary"}, "/standby": {"standby"}, "/health": {"primary", "standby"}}.get(path)
    if wanted is None:
        return Answer(HTTPStatus.NOT_FOUND, {"ok": False, "reason": "ask /primary, /standby or /health"})
    status = HTTPStatus.OK if role in wanted else HTTPStatus.SERVICE_UNAVAILABLE
    return Answer(status, {"ok": status is HTTPStatus.OK, "role": role or "unknown", "reason": reason})


async def role_of(pool: Pool) -> tuple[str | None, str]:
    """``primary`` or ``standby`` as the server says itself, or None and why."""
    try:
        ((recovering,),) = await pool.ask("SELECT pg_is_in_recovery()")
    except Unavailable as error:
        return None, str(error)
    return ("standby" if recovering else "primary"), ""


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database-port", type=int, required=True)
    parser.add_argument("--password-file", type=Path, required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    words = conninfo(options.address, options.database_port, "postgres", "watcher", options.password_file)

    async def serving() -> None:
        pool = Pool(words, size=2, limit=LIMIT)

        async def answer(request: Request) -> Answer:
            return decide(request.path, *await role_of(pool))

        await serve(options.address, options.port, answer)

    asyncio.run(serving())


if __name__ == "__main__":
    main()
