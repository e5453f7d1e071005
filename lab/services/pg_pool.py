"""A few connections to PostgreSQL, asked with bounded patience: whatever hangs, the asker gets an answer in time."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo


class Unavailable(Exception):
    """The database gave no answer; the text says why."""


def conninfo(host: str, port: int, database: str, user: str, password_file: Path, **more: str) -> str:
    """Connection words that notice a peer which vanished without a word within about five seconds."""
    return make_conninfo(
        host=host,
        port=port,
        dbname=database,
        user=user,
        password=password_file.read_text().strip(),
        sslmode="disable",  # each question that is not asked saves a round trip to a far center
        gssencmode="disable",
        connect_timeout=2,
        keepalives_idle=2,
        keepalives_interval=1,
        keepalives_count=3,
        tcp_user_timeout=5000,
        **more,
    )


class Pool:
    """At most ``size`` connections, opened when first needed.

    A query that outlives ``limit`` seconds is left to finish alone and keeps its connection. Cancelling it would be
    wrong (a cancelled synchronous commit reports success without its replica), and closing it would leave a waiting
    server process behind each time, until the server has none left.
    """

    def __init__(self, conninfo: str, size: int, limit: float) -> None:
        self._conninfo = conninfo
        self._limit = limit
        self._free: asyncio.LifoQueue[psycopg.AsyncConnection[Any] | None] = asyncio.LifoQueue()
        for _ in range(size):
            self._free.put_nowait(None)
        self._running: set[asyncio.Task[list[tuple[Any, ...]]]] = set()

    async def ask(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The rows of one statement in a transaction of its own; raises Unavailable within the limit."""
        deadline = asyncio.get_running_loop().time() + self._limit
        try:
            async with asyncio.timeout_at(deadline):
                connection = await self._free.get()
        except TimeoutError:
            raise Unavailable(f"all connections have waited longer than {self._limit:g} s") from None
        task = asyncio.create_task(self._run(connection, query, values))
        self._running.add(task)
        task.add_done_callback(self._forget)
        try:
            async with asyncio.timeout_at(deadline):
                return await asyncio.shield(task)
        except TimeoutError:
            raise Unavailable(f"no answer from the database within {self._limit:g} s") from None
        except psycopg.Error as error:
            raise Unavailable(_sentence(error)) from error

    async def _run(
        self, connection: psycopg.AsyncConnection[Any] | None, query: str, values: Sequence[object]
    ) -> list[tuple[Any, ...]]:
        try:
            if connection is None or not _alive(connection):
                connection = None
                connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
            cursor = await connection.execute(query.encode(), values)
            return await cursor.fetchall()
        except psycopg.OperationalError:
            if connection is not None:
                await connection.close()
                connection = None
            raise
        finally:
            self._free.put_nowait(connection)

    def _forget(self, task: asyncio.Task[list[tuple[Any, ...]]]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen by the asker, or by nobody after the limit


def _alive(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Whether an idle connection is still good: a server that hangs up or complains makes its socket readable."""
    return not connection.closed and not select.select([connection.fileno()], [], [], 0)[0]


def _sentence(error: psycopg.Error) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
