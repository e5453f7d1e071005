"""The store: everything of one cycle in one transaction, and what others read back.

The invariant, kept by the database and not by luck: per subject the changes form a chain, ``old`` being the ``new``
before. A change is written only by the one whose ``UPDATE ... WHERE status = old`` changed a row, so a second watch on
the same store, or a repeated cycle after a crash, records nothing twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from checks.result import Result, Status
from state import heard, rows
from state.database import connect, size, writing
from state.incidents import ledger
from state.outbox import enqueue
from state.signals import Signal
from state.tables import CHANGES, ESTATES, INCIDENTS, RECORDS, SIGNALS, SPANS, VERDICTS
from state.verdict import Change, Incident, Verdict

_SAID = ("status", "fault", "because", "cause", "doubt")  #: what makes a verdict another one
_PAUSE = 75.0  #: seconds without a cycle after which the watch counts as away


class Store:
    """What we know, on disk. Every method is one transaction; safe to share between processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._upsert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        self.channels: tuple[str, ...] = ()  #: through which people are told of incidents; none: nothing is queued

    @classmethod
    def open(cls, url: str) -> Store:
        """Open (and create or upgrade) a store: ``sqlite:///path``, ``sqlite://`` or ``postgresql://...``.

        Raises:
            OperatorError: it cannot be opened, is damaged, or was written by a newer version.
        """
        return cls(connect(url))

    @property
    def engine(self) -> Engine:
        """The database, for those who keep other things in it: ``state/incident_book.py``, ``state/outbox.py``."""
        return self._engine

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def settle(
        self, signals: Sequence[Signal], verdicts: Iterable[Verdict], at: float, pause: float = _PAUSE
    ) -> list[Change]:
        """Write one cycle: answers, verdicts, the changes among them, incidents, and that the watch lived at ``at``.

        Args:
            signals: those that moved on in this cycle; the others stay as they are.
            verdicts: those that may differ from what is stored; the others stay as they are.
            at: Unix time of the cycle.
            pause: seconds since the last cycle up to which the watch counts as never away.

        Returns:
            The changes that this call, and nobody before it, recorded.
        """
        judged = list(verdicts)
        with writing(self._engine, durable=bool(judged)) as connection:
            self._keep_signals(connection, signals)
            self._keep_heard(connection, signals)
            changes = self._settle_verdicts(connection, judged, at)
            if judged:
                self._settle_incidents(connection, at)
            _beat(connection, at, pause)
        return changes

    def verdicts(self) -> list[Verdict]:
        """The current verdict on every subject, with the votes that were behind it when it last changed."""
        return [rows.to_verdict(row) for row in self._rows(select(VERDICTS).order_by(VERDICTS.c.subject))]

    def signals(self) -> list[Signal]:
        """The confirmation window and newest answer of every check from every vantage."""
        return [rows.to_signal(row) for row in self._rows(select(SIGNALS))]

    def latest(self) -> list[Result]:
        """The newest answer to every check from every vantage."""
        return [signal.latest for signal in self.signals()]

    def changes(
        self, start: float = float("-inf"), end: float = float("inf"), subject: str | None = None
    ) -> list[Change]:
        """Changes that began in ``[start, end)``, in the order in which they were recorded."""
        query = select(CHANGES).where(*_between(CHANGES.c.since, start, end)).order_by(CHANGES.c.id)
        if subject is not None:
            query = query.where(CHANGES.c.subject == subject)
        return [rows.to_change(row) for row in self._rows(query)]

    def before(self, subject: str, moment: float) -> Change | None:
        """The last change of a subject that began before ``moment``, or None: the state a timeline starts in."""
        query = select(CHANGES).where(CHANGES.c.subject == subject, CHANGES.c.since < moment)
        found = self._rows(query.order_by(CHANGES.c.id.desc()).limit(1))
        return rows.to_change(found[0]) if found else None

    def incidents(
        self, start: float = float("-inf"), end: float = float("inf"), open_only: bool = False
    ) -> list[Incident]:
        """Incidents that were open at some time in ``[start, end)``, oldest first; merged ones among them."""
        query = select(INCIDENTS).order_by(INCIDENTS.c.opened, INCIDENTS.c.id)
        query = query.where(*_between(INCIDENTS.c.opened, float("-inf"), end))
        if open_only:
            query = query.where(INCIDENTS.c.closed.is_(None))
        if start != float("-inf"):
            query = query.where(or_(INCIDENTS.c.closed.is_(None), INCIDENTS.c.closed >= start))
        return [rows.to_incident(row) for row in self._rows(query)]

    def repaired(self, incident: int, run: str) -> None:
        """Remember which run of a runbook repaired an incident; the first one stays."""
        mine = (INCIDENTS.c.id == incident) & INCIDENTS.c.repaired_by.is_(None)
        with writing(self._engine, durable=True) as connection:
            connection.execute(update(INCIDENTS).where(mine).values(repaired_by=run))

    def watched(self, start: float = float("-inf"), end: float = float("inf")) -> list[tuple[float, float]]:
        """The stretches ``(began, ended)`` in which the watch lived, clipped to ``[start, end)``."""
        query = select(SPANS.c.began, SPANS.c.ended).order_by(SPANS.c.began)
        spans = [(max(row["began"], start), min(row["ended"], end)) for row in self._rows(query)]
        return [(began, ended) for began, ended in spans if began < ended]

    def put_record(self, kind: str, key: str, at: float, payload: Mapping[str, Any]) -> None:
        """Keep a JSON record (a run, a drill) under its kind and key, replacing an earlier one of that key."""
        row = {"kind": kind, "key": key, "at": at, "payload": json.dumps(payload, ensure_ascii=True, allow_nan=False)}
        statement = self._upsert(RECORDS).values(row)
        changed = {"at": statement.excluded.at, "payload": statement.excluded.payload}
        with writing(self._engine, durable=True) as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["kind", "key"], set_=changed))

    def records(self, kind: str, start: float = float("-inf"), end: float = float("inf")) -> list[dict[str, Any]]:
        """The payloads of one kind with ``at`` in ``[start, end)``, oldest first."""
        query = select(RECORDS).where(RECORDS.c.kind == kind, *_between(RECORDS.c.at, start, end))
        return [json.loads(row["payload"]) for row in self._rows(query.order_by(RECORDS.c.at, RECORDS.c.key))]

    def saw_estate(self, digest: str, folder: str, at: float) -> None:
        """Remember that this version of the estate files was watched at ``at``."""
        row = {"digest": digest, "folder": folder, "first_at": at, "last_at": at}
        statement = self._upsert(ESTATES).values(row)
        changed = {"last_at": statement.excluded.last_at, "folder": statement.excluded.folder}
        with writing(self._engine, durable=False) as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["digest"], set_=changed))

    def estates(self) -> list[dict[str, Any]]:
        """Every version of the estate that was watched: digest, folder, first_at, last_at."""
        return [dict(row) for row in self._rows(select(ESTATES).order_by(ESTATES.c.first_at))]

    def size(self) -> float:
        """How many bytes it takes on disk."""
        return size(self._engine)

    def _rows(self, query: Any) -> Sequence[Any]:
        with self._engine.connect() as connection:
            return connection.execute(query).mappings().all()

    def _keep_signals(self, connection: Connection, signals: Sequence[Signal]) -> None:
        if not signals:
            return
        statement = self._upsert(SIGNALS)
        keys = ("check_id", "vantage")
        changed = {column.name: statement.excluded[column.name] for column in SIGNALS.c if column.name not in keys}
        newer = statement.excluded.at >= SIGNALS.c.at
        statement = statement.on_conflict_do_update(index_elements=keys, set_=changed, where=newer)
        connection.execute(statement, [rows.from_signal(signal) for signal in signals])

    def _keep_heard(self, connection: Connection, signals: Sequence[Signal]) -> None:
        """What primaries said of their copies, one row a check: the newest, from whichever vantage."""
        found = {one["check"]: one for one in sorted(heard.kept(each.latest for each in signals), key=_asked)}
        if not found:
            return
        statement = self._upsert(RECORDS)
        changed = {"at": statement.excluded.at, "payload": statement.excluded.payload}
        newer = statement.excluded.at >= RECORDS.c.at
        statement = statement.on_conflict_do_update(index_elements=["kind", "key"], set_=changed, where=newer)
        values = [
            {"kind": heard.KIND, "key": key, "at": _asked(one), "payload": json.dumps(one)}
            for key, one in found.items()
        ]
        connection.execute(statement, values)

    def _settle_verdicts(self, connection: Connection, judged: list[Verdict], at: float) -> list[Change]:
        stored = _stored(connection, judged)
        changes = []
        for verdict in judged:
            row, known = rows.from_verdict(verdict), stored.get(verdict.subject)
            if known is None or any(row[name] != known[name] for name in _SAID):
                changes.append(self._settle_one(connection, row, known, at))
        return [change for change in changes if change]

    def _settle_one(
        self, connection: Connection, row: dict[str, Any], known: rows.Row | None, at: float
    ) -> Change | None:
        """Compare and set: the change exists only if this call moved the row from its old status.

        Dates never run backwards: what is dated back before the last change begins with it.
        """
        row["since"] = min(at, row["since"])
        if known is None:
            statement: Any = self._upsert(VERDICTS).values(row).on_conflict_do_nothing()
        else:
            same = known["status"] == row["status"]
            row["since"] = known["since"] if same else max(known["since"], row["since"])
            mine = (VERDICTS.c.subject == row["subject"]) & (VERDICTS.c.status == known["status"])
            statement = update(VERDICTS).where(mine).values(row)
        won = connection.execute(statement.returning(VERDICTS.c.subject)).all()
        old = Status(known["status"]) if known else Status.UNKNOWN
        if not won or old.value == row["status"]:
            return None
        return _record(connection, rows.to_verdict(row), old, at)

    def _settle_incidents(self, connection: Connection, at: float) -> None:
        """Incidents follow from the stored verdicts alone, so that any cycle of any watch brings them up to date."""
        open_rows = connection.execute(select(INCIDENTS).where(INCIDENTS.c.closed.is_(None))).mappings().all()
        open_now = [rows.to_incident(row) for row in open_rows]
        named = VERDICTS.c.subject.in_([incident.subject for incident in open_now])
        wanted = select(VERDICTS).where(or_(VERDICTS.c.status != Status.OK.value, named))
        current = (rows.to_verdict(row) for row in connection.execute(wanted).mappings())
        todo = ledger(open_now, {verdict.subject: verdict for verdict in current}, at, _waived(connection))
        ids = {incident.subject: incident.id for incident in open_now}
        for incident in todo.opened:
            row = self._upsert(INCIDENTS).values(_incident_row(incident)).on_conflict_do_nothing()
            new = connection.execute(row.returning(INCIDENTS.c.id)).all()
            still_open = (INCIDENTS.c.subject == incident.subject) & INCIDENTS.c.closed.is_(None)
            ids[incident.subject] = connection.execute(select(INCIDENTS.c.id).where(still_open)).scalar_one()
            if new:
                enqueue(connection, self.channels, replace(incident, id=ids[incident.subject]), "opened", at)
        for incident in todo.updated:
            connection.execute(update(INCIDENTS).where(INCIDENTS.c.id == incident.id).values(_incident_row(incident)))
            if incident.closed is not None:
                enqueue(connection, self.channels, incident, "closed", at)
        for merged, root in todo.merged.items():
            values = {"closed": at, "merged": ids[root]}
            connection.execute(update(INCIDENTS).where(INCIDENTS.c.id == merged).values(values))
            known = next(incident for incident in open_now if incident.id == merged)
            enqueue(connection, self.channels, replace(known, closed=at, merged=ids[root]), "merged", at)
        _take_up_again(connection, todo.over)


def _waived(connection: Connection) -> dict[str, Status]:
    """Subject -> its status when a person closed its incident by force, and it was never well since."""
    query = select(INCIDENTS.c.subject, INCIDENTS.c.waived).where(INCIDENTS.c.waived.is_not(None))
    return {subject: Status(waived) for subject, waived in connection.execute(query.order_by(INCIDENTS.c.id))}


def _take_up_again(connection: Connection, subjects: Iterable[str]) -> None:
    for subject in subjects:
        connection.execute(update(INCIDENTS).where(INCIDENTS.c.subject == subject).values(waived=None))


def _asked(record: Mapping[str, Any]) -> float:
    return float(record["at"])


def _between(column: Any, start: float, end: float) -> list[Any]:
    """Bounds as conditions; an infinite bound is none (no database has to understand infinity)."""
    lower = [column >= start] if start != float("-inf") else []
    return lower + ([column < end] if end != float("inf") else [])


def _stored(connection: Connection, judged: list[Verdict]) -> dict[str, rows.Row]:
    """Subject -> what is stored of it; a few are picked, many are read as a whole."""
    query = select(*(VERDICTS.c[name] for name in ("subject", "since", *_SAID)))
    if len(judged) <= 500:
        query = query.where(VERDICTS.c.subject.in_([verdict.subject for verdict in judged]))
    return {row["subject"]: row for row in connection.execute(query).mappings()}


def _record(connection: Connection, verdict: Verdict, old: Status, at: float) -> Change:
    change = Change(
        verdict.subject, old, verdict.status, verdict.fault, verdict.because, verdict.since, at, verdict.cause
    )
    given = connection.execute(insert(CHANGES).values(rows.from_change(change)).returning(CHANGES.c.id)).scalar_one()
    return Change(**{**{name: getattr(change, name) for name in change.__slots__}, "id": given})


def _incident_row(incident: Incident) -> dict[str, Any]:
    return {
        "subject": incident.subject,
        "fault": incident.fault.value,
        "opened": incident.opened,
        "noticed": incident.noticed,
        "closed": incident.closed,
        "because": rows.from_reason(incident.because),
        "affects": json.dumps(incident.affects),
    }


def _beat(connection: Connection, at: float, pause: float) -> None:
    """The watch lived at ``at``: extend its last span, or begin one after a pause."""
    last = connection.execute(select(func.max(SPANS.c.id))).scalar()
    near = (SPANS.c.id == last) & (SPANS.c.ended >= at - pause)
    moved = connection.execute(update(SPANS).where(near, SPANS.c.ended < at).values(ended=at))
    if moved.rowcount == 0 and not connection.execute(select(SPANS.c.id).where(near)).first():
        connection.execute(insert(SPANS).values(began=at, ended=at))
