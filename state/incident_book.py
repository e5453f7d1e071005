"""The book of incidents: what people do about them, each act in one transaction that compares before it sets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, insert, select, update

from checks.result import Status
from state import rows
from state.database import writing
from state.incident_act import Act, Answer, Entry, Grade, may_close, may_take, person, words
from state.outbox import enqueue
from state.store import Store
from state.tables import ACTS, INCIDENTS, VERDICTS
from state.verdict import Incident, Reason, Verdict

_DONE, _BEFORE = Reason("act.done"), Reason("act.before")


class IncidentBook:
    """People's side of the store. Moments are Unix seconds; ``zone`` is how they are said in a refusal."""

    def __init__(self, store: Store, zone: tzinfo) -> None:
        self._store, self._zone = store, zone

    def incident(self, id_: int) -> Incident | None:
        """The incident of that number."""
        with self._store.engine.connect() as connection:
            return _find(connection, id_)

    def acts(self, incident: int) -> list[Entry]:
        """What people did and said about an incident, oldest first."""
        query = select(ACTS).where(ACTS.c.incident == incident).order_by(ACTS.c.id)
        with self._store.engine.connect() as connection:
            return [_entry(row) for row in connection.execute(query).mappings()]

    def reports(self, incident: int) -> dict[str, float]:
        """The reports that went out: clock id -> when."""
        return {entry.said: entry.at for entry in self.acts(incident) if entry.act is Act.REPORT}

    def acknowledge(self, id_: int, by: str, at: float, instead_of: str = "") -> Answer:
        """Say that someone has taken it up; the first one stays unless their name is given as ``instead_of``."""
        by, instead_of = person(by), person(instead_of)
        with writing(self._store.engine, durable=True) as connection:
            known = _find(connection, id_)
            if refusal := _refusal(known, id_, by):
                return Answer(False, known, refusal)
            assert known is not None
            moment = self._moment(known.acknowledged_at)
            if refused := may_take(known.acknowledged_by, by, instead_of, "act.held", moment):
                return Answer(False, known, refused)
            if known.acknowledged_by == by:
                return Answer(True, known, _BEFORE)
            values = {"acknowledged_by": by, "acknowledged_at": at}
            return _write(connection, known, values, Act.ACKNOWLEDGE, by, at, instead_of)

    def assign(self, id_: int, to: str, by: str, at: float, instead_of: str = "") -> Answer:
        """Say who works on it; whoever has it is named as ``instead_of`` to take it from them."""
        to, by, instead_of = person(to), person(by), person(instead_of)
        with writing(self._store.engine, durable=True) as connection:
            known = _find(connection, id_)
            if refusal := _refusal(known, id_, by, to):
                return Answer(False, known, refusal)
            assert known is not None
            if refused := may_take(known.assigned_to, to, instead_of, "act.assigned"):
                return Answer(False, known, refused)
            if known.assigned_to == to:
                return Answer(True, known, _BEFORE)
            return _write(connection, known, {"assigned_to": to}, Act.ASSIGN, by, at, to)

    def comment(self, id_: int, text: str, by: str, at: float) -> Answer:
        """Add a word; the same word of the same person right after itself is no second one."""
        by, said = person(by), words(text)
        with writing(self._store.engine, durable=True) as connection:
            known = _find(connection, id_)
            if refusal := _refusal(known, id_, by, said, settled=True):
                return Answer(False, known, refusal)
            assert known is not None
            if _last(connection, id_) == (by, Act.COMMENT.value, said):
                return Answer(True, known, _BEFORE)
            return _write(connection, known, {}, Act.COMMENT, by, at, said)

    def grade(self, id_: int, grade: Grade, by: str, at: float, because: str) -> Answer:
        """Set the grade, as a person decides it; it may be set again, each time on record."""
        by, said = person(by), words(because)
        with writing(self._store.engine, durable=True) as connection:
            known = _find(connection, id_)
            if refusal := _refusal(known, id_, by, settled=True):
                return Answer(False, known, refusal)
            assert known is not None
            if known.grade == grade.value:
                return Answer(True, known, _BEFORE)
            note = f"{grade.value}: {said}" if said else grade.value
            return _write(connection, known, {"grade": grade.value}, Act.GRADE, by, at, note)

    def reported(self, id_: int, clock: str, by: str, at: float) -> Answer:
        """Say that the report of a reporting clock went out."""
        by, said = person(by), words(clock)
        with writing(self._store.engine, durable=True) as connection:
            known = _find(connection, id_)
            if refusal := _refusal(known, id_, by, said, settled=True):
                return Answer(False, known, refusal)
            assert known is not None
            mine = (ACTS.c.incident == id_) & (ACTS.c.act == Act.REPORT.value) & (ACTS.c.said == said)
            if connection.execute(select(ACTS.c.id).where(mine)).first():
                return Answer(True, known, _BEFORE)
            return _write(connection, known, {}, Act.REPORT, by, at, said)

    def close(self, id_: int, cause: str, by: str, at: float, force: bool = False, because: str = "") -> Answer:
        """Close it with its cause; while its subject is not ok only by force, with a reason."""
        by, cause, because = person(by), words(cause), words(because)
        with writing(self._store.engine, durable=True) as connection:
            known = _find(connection, id_)
            if known and (known.settled_by, known.cause) == (by, cause):
                return Answer(True, known, _BEFORE)
            if refusal := _refusal(known, id_, by, cause) or self._settled(known):
                return Answer(False, known, refusal)
            assert known is not None
            verdict = _verdict(connection, known.subject)
            if refused := may_close(known, verdict, force, because):
                return Answer(False, known, refused)
            values: dict[str, Any] = {"cause": cause, "settled_by": by, "settled_at": at}
            if known.closed is not None:
                return _write(connection, known, values, Act.CLOSE, by, at, cause)
            over = verdict is not None and verdict.status is Status.OK
            values |= {"closed": max(known.opened, verdict.since) if over and verdict else at}
            values |= {} if over else {"waived": (verdict.status if verdict else Status.UNKNOWN).value}
            said = cause if over else f"{cause} — {because}"
            answer = _write(connection, known, values, Act.CLOSE if over else Act.FORCE, by, at, said)
            assert answer.incident is not None
            enqueue(connection, self._store.channels, answer.incident, "closed", at)
            return answer

    def _settled(self, known: Incident | None) -> Reason | None:
        if known is None or known.settled_by is None:
            return None
        facts = {"person": known.settled_by, "at": self._moment(known.settled_at), "cause": known.cause or "—"}
        return Reason("act.settled", facts)

    def _moment(self, at: float | None) -> str:
        return "—" if at is None else f"{datetime.fromtimestamp(at, self._zone):%Y-%m-%d %H:%M:%S}"


def suggest(store: Store, incident: Incident, grade: Grade, at: float, facts: Mapping[str, str]) -> bool:
    """Remember that the rules suggest a grade, and tell of it; False: it was suggested before."""
    with writing(store.engine, durable=True) as connection:
        same = INCIDENTS.c.suggested.is_not_distinct_from(incident.suggested)
        mine = (INCIDENTS.c.id == incident.id) & same & INCIDENTS.c.merged.is_(None)
        won = connection.execute(update(INCIDENTS).where(mine).values(suggested=grade.value)).rowcount
        if won:
            enqueue(connection, store.channels, incident, "grade", at, facts, key=grade.value)
    return bool(won)


def remind(store: Store, incident: Incident, key: str, at: float, facts: Mapping[str, str]) -> None:
    """Tell of a reporting deadline that comes near or has passed; told once for each ``key``."""
    with writing(store.engine, durable=True) as connection:
        enqueue(connection, store.channels, incident, "due", at, facts, key=key)


def _refusal(known: Incident | None, id_: int, *said: str, settled: bool = False) -> Reason | None:
    """What speaks against any act; ``settled``: it may be done after closing, too."""
    if known is None:
        return Reason("act.no_incident", {"id": str(id_)})
    if known.merged is not None:
        return Reason("act.merged", {"root": str(known.merged)})
    if not all(said):
        return Reason("act.nothing_said")
    if known.settled_by is not None and not settled:
        return Reason("act.settled", {"person": known.settled_by, "cause": known.cause or "—"})
    return None


def _write(
    connection: Connection, known: Incident, values: dict[str, Any], act: Act, by: str, at: float, said: str
) -> Answer:
    """Set the columns if they are still as they were read, and put the act on record."""
    unchanged = [INCIDENTS.c[name].is_not_distinct_from(getattr(known, name)) for name in values]
    if values:
        mine = update(INCIDENTS).where(INCIDENTS.c.id == known.id, *unchanged).values(values)
        if connection.execute(mine).rowcount != 1:
            now = _find(connection, known.id)
            return Answer(False, now, _overtaken(now))
    row = {"incident": known.id, "at": at, "person": by, "act": act.value, "said": said}
    connection.execute(insert(ACTS).values(row))
    return Answer(True, _find(connection, known.id), _DONE)


def _overtaken(now: Incident | None) -> Reason:
    """Somebody was faster: who has it now."""
    holder = now and (now.settled_by or now.acknowledged_by or now.assigned_to)
    return Reason("act.not_theirs", {"person": "—", "now": holder or "—"})


def _find(connection: Connection, id_: int) -> Incident | None:
    found = connection.execute(select(INCIDENTS).where(INCIDENTS.c.id == id_)).mappings().first()
    return rows.to_incident(found) if found else None


def _verdict(connection: Connection, subject: str) -> Verdict | None:
    found = connection.execute(select(VERDICTS).where(VERDICTS.c.subject == subject)).mappings().first()
    return rows.to_verdict(found) if found else None


def _last(connection: Connection, incident: int) -> tuple[str, str, str] | None:
    query = select(ACTS.c.person, ACTS.c.act, ACTS.c.said).where(ACTS.c.incident == incident)
    found = connection.execute(query.order_by(ACTS.c.id.desc()).limit(1)).first()
    return (found[0], found[1], found[2]) if found else None


def _entry(row: Any) -> Entry:
    return Entry(row["id"], row["incident"], row["at"], row["person"], Act(row["act"]), row["said"])
