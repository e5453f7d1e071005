"""What people are to be told: queued in the transaction of what it tells of, sent afterwards, at least once.

A row is one event of one incident for one channel, and its fingerprint keeps it from being queued twice. Rows are
claimed as a batch. A batch that may have gone out keeps its name and its rows, so that whoever sends it again after a
crash sends the very same notice, and a receiver can tell that it is the same. One that surely did not go out is
dissolved: what happens until the next attempt is told together with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import Connection, Engine, case, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from checks.sentence import clean
from state.database import writing
from state.signals import clean as storable
from state.tables import OUTBOX
from state.verdict import Fault, Incident, Reason

MOST = 20_000  #: rows in one batch: a digest of a whole storm is one mail
LEASE = 120.0  #: seconds after which a batch whose sender was not heard of again is taken up by another
FIRST_PAUSE, LONGEST_PAUSE = 15.0, 900.0  #: seconds between attempts: doubled each time, up to the longest
MOST_ATTEMPTS = 40  #: with these pauses about nine hours
_KEPT = 90 * 86400.0  #: seconds for which what was sent is remembered


@dataclass(frozen=True, slots=True)
class Queued:
    """One event to be told of, with the incident as it was then."""

    id: int
    fingerprint: str
    event: str  #: opened, closed, merged, grade, due
    at: float  #: when it was queued
    incident: Incident
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes out together, under one name."""

    id: str
    channel: str
    attempts: int  #: this one included
    rows: tuple[Queued, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """How a channel stands: how many rows wait, since when, how often the worst of them was tried, and its error."""

    channel: str
    rows: int
    since: float | None  #: None: nothing waits
    attempts: int | None
    error: str
    given_up: int  #: rows that nobody was ever told of


def enqueue(
    connection: Connection,
    channels: Iterable[str],
    incident: Incident,
    event: str,
    at: float,
    facts: Mapping[str, str] | None = None,
    key: str = "",
) -> None:
    """Queue an event of an incident for each channel, inside the caller's transaction; queued before: nothing."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    said = json.dumps({"incident": asdict(incident), "facts": dict(facts or {})}, ensure_ascii=True, allow_nan=False)
    fingerprint = f"incident/{incident.id}/{event}" + (f"/{key}" if key else "")
    for channel in channels:
        row = {
            "channel": channel,
            "fingerprint": storable(fingerprint),
            "incident": incident.id,
            "event": event,
            "at": at,
            "said": said,
            "attempts": 0,
            "due": at,
            "error": "",
        }
        connection.execute(insert(OUTBOX).values(row).on_conflict_do_nothing())


class Outbox:
    """The queue, as a sender sees it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(self, channel: str, now: float, name: str, wait: float = 0.0, pause: float = 0.0) -> Batch | None:
        """Take the next batch of a channel that is due, for ``LEASE`` seconds; None: nothing is due.

        Args:
            channel: its name.
            now: Unix time.
            name: of a new batch; nobody else ever uses it.
            wait: seconds that the first row of a new batch waits for others to join it.
            pause: seconds from the last batch of the channel to the next new one.
        """
        with writing(self._engine, durable=True) as connection:
            left = _unfinished(connection, channel, now)
            if left is None and not _may_begin(connection, channel, now, wait, pause):
                return None
            batch = left or name
            mine = (OUTBOX.c.channel == channel) & _open()
            if left is None:
                ids = select(OUTBOX.c.id).where(mine, OUTBOX.c.batch.is_(None)).order_by(OUTBOX.c.id).limit(MOST)
                chosen = mine & OUTBOX.c.batch.is_(None) & OUTBOX.c.id.in_(ids.scalar_subquery())
            else:
                chosen = mine & (OUTBOX.c.batch == left) & _due(now)
            taken = {"batch": batch, "attempts": OUTBOX.c.attempts + 1, "due": now + LEASE}
            if connection.execute(update(OUTBOX).where(chosen).values(taken)).rowcount == 0:
                return None  # another sender was faster
            rows = connection.execute(
                select(OUTBOX).where(mine, OUTBOX.c.batch == batch).order_by(OUTBOX.c.id)
            ).mappings()
            found = tuple(rows)
        return Batch(batch, channel, max(row["attempts"] for row in found), tuple(map(_queued, found)))

    def sent(self, batch: Batch, now: float, note: str = "") -> None:
        """The batch is out; ``note`` is what there is to remember of it (such as an address that was refused)."""
        self._settle(batch, {"sent": now, "error": clean(note)})

    def failed(self, batch: Batch, now: float, error: str, sure: bool = True) -> int:
        """It did not go out (or, not ``sure``, may have): tried again later. Returns how many rows are given up."""
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (batch.attempts - 1))
        ours = self._of(batch)
        with writing(self._engine, durable=True) as connection:
            tired = ours & (OUTBOX.c.attempts >= MOST_ATTEMPTS)
            lost = connection.execute(update(OUTBOX).where(tired).values(given_up=now, error=clean(error))).rowcount
            again = {"error": clean(error), "due": now + pause} | ({"batch": None} if sure else {})
            connection.execute(update(OUTBOX).where(ours).values(again))
        return lost

    def waiting(self) -> list[Waiting]:
        """How the channels stand that have anything unsent."""
        still = OUTBOX.c.given_up.is_(None)
        columns = (
            OUTBOX.c.channel,
            func.count(case((still, 1))).label("rows"),
            func.min(case((still, OUTBOX.c.at))).label("since"),
            func.max(case((still, OUTBOX.c.attempts))).label("attempts"),
            func.max(OUTBOX.c.error).label("error"),
            func.count(OUTBOX.c.given_up).label("given_up"),
        )
        query = select(*columns).where(OUTBOX.c.sent.is_(None)).group_by(OUTBOX.c.channel).order_by(OUTBOX.c.channel)
        with self._engine.connect() as connection:
            found = connection.execute(query).mappings().all()
        return [Waiting(**row) for row in found]

    def told(self, incident: int) -> list[dict[str, Any]]:
        """What was told or is to be told of an incident: channel, event, at, sent, given_up, attempts, error."""
        names = ("channel", "event", "at", "sent", "given_up", "attempts", "error", "batch")
        query = select(*(OUTBOX.c[name] for name in names)).where(OUTBOX.c.incident == incident)
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query.order_by(OUTBOX.c.id)).mappings()]

    def forget(self, now: float) -> None:
        """Drop what was sent, or given up, long ago."""
        old = func.coalesce(OUTBOX.c.sent, OUTBOX.c.given_up) < now - _KEPT
        with writing(self._engine, durable=False) as connection:
            connection.execute(delete(OUTBOX).where(old))

    def _settle(self, batch: Batch, values: dict[str, Any]) -> None:
        with writing(self._engine, durable=True) as connection:
            connection.execute(update(OUTBOX).where(self._of(batch)).values(values))

    @staticmethod
    def _of(batch: Batch) -> Any:
        return (OUTBOX.c.channel == batch.channel) & (OUTBOX.c.batch == batch.id) & _open()


def _open() -> Any:
    return OUTBOX.c.sent.is_(None) & OUTBOX.c.given_up.is_(None)


def _due(now: float) -> Any:
    """What may be tried again; a time further away than any pause was set by a clock that was wrong."""
    return (OUTBOX.c.due <= now) | (OUTBOX.c.due > now + LONGEST_PAUSE)


def _unfinished(connection: Connection, channel: str, now: float) -> str | None:
    """A batch that was begun and is due again: its sender died, or it failed."""
    begun = (OUTBOX.c.channel == channel) & _open() & OUTBOX.c.batch.is_not(None) & _due(now)
    return connection.execute(select(OUTBOX.c.batch).where(begun).order_by(OUTBOX.c.id).limit(1)).scalar()


def _may_begin(connection: Connection, channel: str, now: float, wait: float, pause: float) -> bool:
    fresh = (OUTBOX.c.channel == channel) & _open() & OUTBOX.c.batch.is_(None)
    resting = func.max(case((OUTBOX.c.attempts > 0, OUTBOX.c.due)))  #: until when a channel that failed is left alone
    first, rested = connection.execute(select(func.min(OUTBOX.c.at), resting).where(fresh)).one()
    if first is None or _before(first + wait, now, wait) or _before(rested, now, LONGEST_PAUSE):
        return False
    last = connection.execute(select(func.max(OUTBOX.c.sent)).where(OUTBOX.c.channel == channel)).scalar()
    return not _before(None if last is None else last + pause, now, pause)


def _before(end: float | None, now: float, longest: float) -> bool:
    """Whether a pause that lasts ``longest`` goes on; one that ends later than it can was begun on another clock."""
    return end is not None and now < end <= now + longest


def _queued(row: Any) -> Queued:
    said = json.loads(row["said"])
    return Queued(row["id"], row["fingerprint"], row["event"], row["at"], _incident(said["incident"]), said["facts"])


def _incident(said: Mapping[str, Any]) -> Incident:
    """An incident from its JSON; keys that a later version added are ignored."""
    values = {field.name: said[field.name] for field in fields(Incident) if field.name in said}
    values |= {"fault": Fault(said["fault"]), "because": Reason(**said["because"]), "affects": tuple(said["affects"])}
    return Incident(**values)
