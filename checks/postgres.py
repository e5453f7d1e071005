"""Kind ``postgres``: is the server what it should be, and does replication keep up."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
from pathlib import Path
from typing import Any, Literal, LiteralString

import psycopg
from pydantic import Field

from checks.check import Check
from checks.deadline import Deadline
from checks.postgres_facts import Expected, Primary, Sender, Standby, judge, say
from checks.result import Measurement, Status
from checks.sentence import clean
from inventory.model import Document, Host, Seconds

_ROLE: LiteralString = "SELECT pg_is_in_recovery()"
_SENDERS: LiteralString = """
    SELECT application_name, state, sync_state,
           greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), 0)::float8,
           extract(epoch FROM replay_lag)::float8
      FROM pg_stat_replication ORDER BY application_name LIMIT 100
"""
_COMMITS: LiteralString = """
    SELECT current_setting('synchronous_standby_names'), current_setting('synchronous_commit'),
           count(*) FILTER (WHERE wait_event = 'SyncRep'),
           coalesce(max(extract(epoch FROM clock_timestamp() - query_start))
                    FILTER (WHERE wait_event = 'SyncRep'), 0)::float8
      FROM pg_stat_activity
"""
# Everything received and replayed is no lag, however long ago the last transaction was: the primary was idle.
_STANDBY: LiteralString = """
    SELECT coalesce(greatest(pg_wal_lsn_diff(received, replayed), 0), 0)::float8,
           CASE WHEN received <= replayed THEN 0
                ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END::float8,
           pg_is_wal_replay_paused(),
           (SELECT coalesce(status, '') FROM pg_stat_wal_receiver)
      FROM (SELECT pg_last_wal_receive_lsn() AS received, pg_last_wal_replay_lsn() AS replayed) AS position
"""
_NOT_LET_IN = re.compile(r"password authentication failed|no pg_hba\.conf entry|role \".*\" does not exist|no password")


class Params(Document):
    """How to ask the server, and what it should be."""

    port: int = Field(default=5432, ge=1, le=65535)
    database: str = Field(default="postgres", min_length=1, max_length=63)
    user: str = Field(min_length=1, max_length=63)
    password_file: str | None = None  #: its first line is the password; None: the server asks for none
    expect: Literal["primary", "standby", "any"] = "any"
    lag_bytes: int | None = Field(default=None, ge=0)  #: more: degraded
    lag_seconds: Seconds | None = None  #: more: degraded
    standbys: tuple[str, ...] = ()  #: application names that the primary must see streaming
    commit_wait: Seconds = 5.0  #: a commit that has waited this long for a standby hangs


class _Barred(Exception):
    """We were not let in; says nothing about the database."""


async def probe(check: Check) -> Measurement:
    """Connect, ask, judge; over by the deadline even if the server is frozen in the middle of a sentence."""
    params = check.params
    assert isinstance(params, Params)
    if check.host is None:
        return Measurement(Status.UNKNOWN, "a postgres check needs a host")
    where, deadline = f"PostgreSQL at {check.host.address}:{params.port}", Deadline.after(check.timeout)
    expected = Expected(params.expect, params.standbys, params.lag_bytes, params.lag_seconds, params.commit_wait)
    try:
        server = await measure(check.host, params, deadline)
    except _Barred as why:
        return Measurement(Status.UNKNOWN, f"{where}: {why}")
    except (psycopg.Error, OSError) as error:
        if deadline.passed or isinstance(error, TimeoutError):
            return Measurement(Status.DOWN, f"{where} gave no answer within {check.timeout:g} s: it may be frozen")
        return Measurement(Status.DOWN, f"{where}: {_said(error)}")
    return say(server, expected, judge(server, expected))


async def measure(host: Host, params: Params, deadline: Deadline) -> Primary | Standby:
    """What the server says of itself. Raises psycopg.Error, TimeoutError."""
    connection = await _connect(host, params, deadline)
    loop = asyncio.get_running_loop()
    with socket.socket(fileno=os.dup(connection.fileno())) as sock:
        # Cancelling a query of psycopg asks the server to end it and waits: a frozen one never answers. So hang up.
        alarm = loop.call_later(deadline.left(), _hang_up, sock)
        try:
            return await _ask(connection)
        except psycopg.errors.QueryCanceled as error:
            raise TimeoutError from error
        finally:
            alarm.cancel()
            await connection.close()


async def _connect(host: Host, params: Params, deadline: Deadline) -> psycopg.AsyncConnection[Any]:
    password = _password(params.password_file)
    patience = max(1, int(deadline.left() * 1000))  # so that the server, too, ends what nobody waits for any more
    try:
        async with asyncio.timeout(deadline.left()):
            return await psycopg.AsyncConnection.connect(
                host=host.address,
                port=params.port,
                dbname=params.database,
                user=params.user,
                password=password,
                passfile=os.devnull,  # not the watching person's own passwords
                gssencmode="disable",
                application_name="tricenter-check",
                options=f"-c statement_timeout={patience} -c default_transaction_read_only=on",
                autocommit=True,
            )
    except psycopg.OperationalError as error:
        if _NOT_LET_IN.search(str(error)):
            raise _Barred(f"user {clean(params.user, 63)} is not let in: {_said(error)}") from error
        raise


async def _ask(connection: psycopg.AsyncConnection[Any]) -> Primary | Standby:
    (in_recovery,) = await _row(connection, _ROLE)
    if in_recovery:
        lag_bytes, lag_seconds, paused, receiver = await _row(connection, _STANDBY)
        return Standby(lag_bytes, lag_seconds, paused, receiver)
    senders = await (await connection.execute(_SENDERS)).fetchall()
    names, commit, waiting, longest = await _row(connection, _COMMITS)
    return Primary(tuple(Sender(*row) for row in senders), names, commit, waiting, longest)


async def _row(connection: psycopg.AsyncConnection[Any], query: LiteralString) -> tuple[Any, ...]:
    row = await (await connection.execute(query)).fetchone()
    if row is None:
        raise psycopg.DataError("the server answered without a row")
    return tuple(row)


def _password(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        with Path(path).open(encoding="utf-8") as file:
            return file.readline(1000).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise _Barred(f"the password file {path} cannot be read: {getattr(error, 'strerror', 'not UTF-8')}") from error


def _said(error: BaseException) -> str:
    return clean(str(error), 200) or type(error).__name__


def _hang_up(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
