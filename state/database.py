"""Opening the database: SQLite by default, PostgreSQL by URL; the two differ here and nowhere else.

SQLite runs in WAL mode. A killed process loses nothing that was committed, whatever ``synchronous`` says; a power cut
may take the last commits with it in NORMAL, never the order or the integrity. Heartbeats can bear that and are written
in NORMAL, without an fsync each. What people and runbooks act upon (changes, incidents, records) is written in FULL: a
notice must not be out in the world while its change is forgotten.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import StaticPool

from inventory.errors import OperatorError
from state.migrate import upgrade

_BUSY = 15.0  #: seconds a writer waits for another one
_AGAIN = 0.01  #: seconds until a switch to WAL that was refused is tried again


def connect(address: str) -> Engine:
    """Open a database and bring its schema up to date.

    Args:
        address: ``sqlite:///path``, ``sqlite://`` (memory) or ``postgresql://user@host/name``.

    Raises:
        OperatorError: it cannot be opened, is damaged, or was written by a newer version.
    """
    engine = _engine(address)
    try:
        with writing(engine, durable=True) as connection:
            upgrade(connection)
    except DBAPIError as error:
        engine.dispose()
        shown = engine.url.render_as_string(hide_password=True)
        raise OperatorError(f"cannot open the store {shown}: {error.orig}") from error
    except OperatorError:
        engine.dispose()
        raise
    return engine


@contextmanager
def writing(engine: Engine, durable: bool) -> Iterator[Connection]:
    """One write transaction; nobody else writes meanwhile in SQLite. ``durable``: it survives a power cut."""
    synchronous = "FULL" if durable else "NORMAL"
    with engine.connect() as connection, connection.execution_options(synchronous=synchronous).begin():
        yield connection


def size(engine: Engine) -> float:
    """How many bytes the database takes on disk, by its own account."""
    asked = {
        "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
        "postgresql": "SELECT pg_database_size(current_database())",
    }
    with engine.connect() as connection:
        return float(connection.execute(text(asked[engine.dialect.name])).scalar_one())


def _engine(address: str) -> Engine:
    try:
        url = make_url(address)
    except ArgumentError as error:
        raise OperatorError(
            f"`{address}` is no database address: write sqlite:///path or postgresql://user@host/name"
        ) from error
    if url.get_backend_name() == "sqlite":
        return _sqlite(url)
    if url.get_backend_name() == "postgresql":
        return create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    raise OperatorError(f"`{url.get_backend_name()}` is not supported: use sqlite or postgresql")


def _sqlite(url: URL) -> Engine:
    options: dict[str, Any] = {"connect_args": {"timeout": _BUSY, "check_same_thread": False}}
    if url.database in (None, "", ":memory:"):
        options["poolclass"] = StaticPool
    else:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, **options)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: object) -> None:
    """Transactions are ours to begin (the driver would begin them too late); WAL lets readers go on meanwhile."""
    connection.isolation_level = None
    _into_wal(connection)
    connection.execute("PRAGMA synchronous = NORMAL")


def _into_wal(connection: Any) -> None:
    """Switch to WAL. For this alone SQLite does not wait: of two that open a new file at once one is refused."""
    limit = time.monotonic() + _BUSY
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > limit:
                raise
        time.sleep(_AGAIN)


def _begin(connection: Connection) -> None:
    """Writers take their lock at once: two that read first and write later could only deadlock."""
    synchronous = connection.get_execution_options().get("synchronous")
    raw: Any = connection.connection.driver_connection
    if synchronous:
        raw.execute(f"PRAGMA synchronous = {synchronous}")  # refused inside a transaction, hence here
    raw.execute("BEGIN IMMEDIATE" if synchronous else "BEGIN")
