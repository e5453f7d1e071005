"""A conversation with a PostgreSQL server that has one deadline for all of it, however many questions are asked."""

from __future__ import annotations

import time

from failover.remote.pg_wire import Login, Row, Session


class Connection:
    """A session that is open. Every method raises ``WireError``."""

    def __init__(self, login: Login, seconds: float) -> None:
        self.within(seconds)
        self._session = Session.open(login, self._until)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The number of the server's process for this session."""
        return self._session.pid

    def within(self, seconds: float) -> None:
        """A new deadline, from now."""
        self._until = time.monotonic() + seconds

    def ask(self, sql: str, *values: object) -> list[Row]:
        """Rows of a statement, as text; values are sent apart from it, as ``$1``, ``$2``."""
        texts = tuple(None if value is None else str(value) for value in values)
        return [*self._session.ask(sql, texts, until=self._until).rows]

    def close(self) -> None:
        """Hang up."""
        self._session.close()
