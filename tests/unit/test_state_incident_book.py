"""People and incidents, on SQLite and PostgreSQL: nobody overwrites anybody, nothing is closed that is not over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from alembic import command

from checks.result import Status
from inventory import subject
from state.database import connect, writing
from state.incident_act import Act, Answer, Grade
from state.incident_book import IncidentBook, suggest
from state.outbox import Outbox
from state.store import Store
from tests.unit.test_state_store import HOSTILE, postgres, store, url, verdict  # noqa: F401 (fixtures)

OK, DEGRADED, DOWN, UNKNOWN = Status
A = subject.host("a")
ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def book(store: Store) -> IncidentBook:  # noqa: F811
    store.channels = ("mail:zh",)
    store.settle([], [verdict(A, DOWN, 90.0)], at=100.0)
    return IncidentBook(store, ZONE)


def test_whoever_comes_second_is_told_who_was_first(book: IncidentBook) -> None:
    assert book.acknowledge(1, "li", 110.0).because.code == "act.done"
    second = book.acknowledge(1, "wang", 111.0)
    assert (second.done, second.because.code) == (False, "act.held")
    assert second.because.facts == {"person": "li", "at": "1970-01-01 08:01:50"}
    again = book.acknowledge(1, "li", 112.0)
    assert (again.done, again.because.code) == (True, "act.before")
    assert not book.acknowledge(1, "wang", 113.0, instead_of="zhao").done, "it is not zhao who has it"
    taken = book.acknowledge(1, "wang", 114.0, instead_of="li")
    assert taken.done and taken.incident and taken.incident.acknowledged_by == "wang"
    assert [(entry.person, entry.act, entry.said) for entry in book.acts(1)] == [
        ("li", Act.ACKNOWLEDGE, ""),
        ("wang", Act.ACKNOWLEDGE, "li"),
    ]


def test_of_many_at_once_exactly_one_acknowledges(url: str, book: IncidentBook) -> None:  # noqa: F811
    answers: list[Answer] = []
    start = threading.Barrier(6)

    def one(name: str) -> None:
        mine = Store.open(url)
        start.wait()
        answers.append(IncidentBook(mine, ZONE).acknowledge(1, name, 120.0))
        mine.close()

    people = [threading.Thread(target=one, args=(f"person-{number}",)) for number in range(6)]
    for each in people:
        each.start()
    for each in people:
        each.join()
    assert sorted(answer.done for answer in answers) == [False] * 5 + [True]
    holder = next(answer.incident for answer in answers if answer.done)
    assert holder and book.incident(1) == holder
    assert [entry.person for entry in book.acts(1)] == [holder.acknowledged_by]


def test_handing_on_names_whom_it_is_taken_from(book: IncidentBook) -> None:
    assert book.assign(1, "wang", "li", 110.0).done
    refused = book.assign(1, "zhao", "li", 111.0)
    assert (refused.done, refused.because.code) == (False, "act.assigned")
    assert book.assign(1, "zhao", "li", 112.0, instead_of="wang").done
    assert book.assign(1, "zhao", "li", 113.0).because.code == "act.before"
    known = book.incident(1)
    assert known and known.assigned_to == "zhao"


def test_the_watch_leaves_alone_what_people_wrote(store: Store, book: IncidentBook) -> None:  # noqa: F811
    book.acknowledge(1, "li", 110.0)
    book.grade(1, Grade.LARGER, "li", 111.0, "two provinces")
    child = verdict("component:s/app@c", DOWN, 115.0, cause=A)
    store.settle([], [child], at=120.0)
    store.settle([], [verdict(A, OK, 130.0)], at=140.0)
    known = book.incident(1)
    assert known and (known.acknowledged_by, known.grade, known.closed) == ("li", "larger", 130.0)
    assert known.affects == ("component:s/app@c",)


@pytest.mark.parametrize("status", [DEGRADED, DOWN, UNKNOWN])
def test_what_is_not_over_is_closed_only_by_force_and_with_a_reason(
    store: Store,  # noqa: F811
    book: IncidentBook,
    status: Status,
) -> None:
    store.settle([], [verdict(A, status, 105.0)], at=106.0)
    assert book.close(1, "cable", "li", 110.0).because.code == "act.not_over"
    assert book.close(1, "cable", "li", 110.0, force=True).because.code == "act.reason_missing"
    assert book.acts(1) == []
    done = book.close(1, "cable", "li", 111.0, force=True, because="scrapped next week")
    assert done.done and done.incident and (done.incident.closed, done.incident.waived) == (111.0, status.value)
    assert [(entry.act, entry.said) for entry in book.acts(1)] == [(Act.FORCE, "cable — scrapped next week")]
    assert book.close(1, "cable", "li", 112.0).because.code == "act.before"
    refused = book.close(1, "power", "wang", 113.0)
    assert (refused.done, refused.because.code) == (False, "act.settled")
    assert not book.acknowledge(1, "wang", 114.0).done
    assert book.comment(1, "for the record", "wang", 115.0).done, "words may be added afterwards"


def closed_by_force(store: Store, book: IncidentBook, status: Status) -> None:  # noqa: F811
    store.settle([], [verdict(A, status, 105.0)], at=106.0)
    assert book.close(1, "known", "li", 110.0, force=True, because="known").done


def test_what_was_closed_by_force_stays_closed_until_it_was_well(store: Store, book: IncidentBook) -> None:  # noqa: F811
    closed_by_force(store, book, DOWN)
    for at, status in ((120.0, DEGRADED), (130.0, DOWN), (140.0, UNKNOWN), (150.0, DOWN)):
        store.settle([], [verdict(A, status, at)], at=at)
        assert store.incidents(open_only=True) == []
    store.settle([], [verdict(A, OK, 160.0)], at=160.0)
    store.settle([], [verdict(A, DOWN, 170.0)], at=170.0)
    assert [each.opened for each in store.incidents(open_only=True)] == [170.0]


@pytest.mark.parametrize(("then", "now"), [(DEGRADED, DOWN), (UNKNOWN, DEGRADED), (UNKNOWN, DOWN)])
def test_what_became_worse_opens_anew(store: Store, book: IncidentBook, then: Status, now: Status) -> None:  # noqa: F811
    closed_by_force(store, book, then)
    store.settle([], [verdict(A, now, 120.0)], at=121.0)
    assert [each.subject for each in store.incidents(open_only=True)] == [A]


def test_a_root_closed_by_force_opens_anew_when_more_turns_out_to_suffer_from_it(
    store: Store,  # noqa: F811
    book: IncidentBook,
) -> None:
    closed_by_force(store, book, DOWN)
    store.settle([], [verdict("host:b", DOWN, 120.0)], at=121.0)
    store.settle([], [verdict("host:b", DOWN, 120.0, cause=A)], at=131.0)
    (incident,) = store.incidents(open_only=True)
    assert (incident.subject, incident.opened) == (A, 90.0)
    merged = book.acknowledge(2, "li", 140.0)
    assert (merged.because.code, merged.because.facts) == ("act.merged", {"root": str(incident.id)})


def test_what_is_over_is_closed_with_its_cause(store: Store, book: IncidentBook) -> None:  # noqa: F811
    store.settle([], [verdict(A, OK, 130.0)], at=140.0)
    done = book.close(1, "power supply", "li", 200.0)
    assert done.done and done.incident
    assert (done.incident.closed, done.incident.cause, done.incident.settled_at) == (130.0, "power supply", 200.0)


REFUSED: dict[str, tuple[Callable[[IncidentBook], Answer], str]] = {
    "no such incident": (lambda book: book.acknowledge(99, "li", 1.0), "act.no_incident"),
    "nobody": (lambda book: book.acknowledge(1, " \x1b[2J ", 1.0), "act.nothing_said"),
    "empty comment": (lambda book: book.comment(1, "\n\t", "li", 1.0), "act.nothing_said"),
    "assigned to nobody": (lambda book: book.assign(1, "", "li", 1.0), "act.nothing_said"),
    "no cause": (lambda book: book.close(1, "", "li", 1.0, force=True, because="x"), "act.nothing_said"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_refused_with_its_reason(book: IncidentBook, case: str) -> None:
    act, code = REFUSED[case]
    answer = act(book)
    assert (answer.done, answer.because.code) == (False, code)
    assert book.acts(1) == []


def test_a_comment_is_hostile_text(book: IncidentBook) -> None:
    hostile = f"\x1b]0;owned\x07\u202e{HOSTILE}\r\nBcc: all@example.org\n" + "x" * 100_000
    assert book.comment(1, hostile, "li\x1b[1m" * 100, 110.0).done
    assert book.comment(1, hostile, "li\x1b[1m" * 100, 111.0).because.code == "act.before"
    (entry,) = book.acts(1)
    assert len(entry.said) <= 2000 and len(entry.person) <= 60
    assert not set("\x1b\x07\u202e\r\n\0") & set(entry.said + entry.person)
    assert "DROP TABLE" in entry.said


def test_a_suggestion_is_told_once(store: Store, book: IncidentBook) -> None:  # noqa: F811
    known = book.incident(1)
    assert known
    assert suggest(store, known, Grade.GENERAL, 110.0, {"said": "x"})
    assert not suggest(store, known, Grade.GENERAL, 111.0, {"said": "x"}), "read before, overtaken"
    now = book.incident(1)
    assert now and now.suggested == "general"
    assert suggest(store, now, Grade.LARGER, 120.0, {})
    batch = Outbox(store.engine).claim("mail:zh", 130.0, "b")
    assert batch and [row.event for row in batch.rows] == ["opened", "grade", "grade"]


def test_an_incident_of_an_older_store_is_still_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"sqlite:///{tmp_path}/old.db"
    upgrade = command.upgrade
    with monkeypatch.context() as older:
        older.setattr(command, "upgrade", lambda config, _: upgrade(config, "0002"))
        engine = connect(address)
    columns = "subject, fault, opened, noticed, because, affects"
    row = f"INSERT INTO incidents ({columns}) VALUES ('host:a', 'host', 1, 2, '[\"host.down\", {{}}]', '[]')"
    with writing(engine, durable=True) as connection:
        connection.exec_driver_sql(row.replace("{{", "{").replace("}}", "}"))
    engine.dispose()
    kept = Store.open(address)
    known = IncidentBook(kept, ZONE).incident(1)
    assert known and (known.subject, known.acknowledged_by, known.settled_at) == ("host:a", None, None)
    assert IncidentBook(kept, ZONE).acknowledge(1, "li", 3.0).done
    kept.close()
