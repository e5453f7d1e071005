"""The responder writes down every decision with its reason, and listens to persons and to what is larger than it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checks.result import Status
from inventory.errors import OperatorError
from reports.runbook_cli import approve_command
from runbooks.card import Risk
from runbooks.catalogue import load
from runbooks.responder import DECISION, Responder
from runbooks.run_record import Outcome, Run, to_record
from state.store import Store
from state.verdict import Fault, Reason, Verdict, Vote
from tests.fakes import small_estate as small

NOW = 1_800_000_000.0
ESTATE = small.estate()
CARDS = {"restart-service": load()["restart-service"].model_copy(update={"risk": Risk.MEDIUM})}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path}/state.sqlite")
    yield opened
    opened.close()


def down() -> list[Verdict]:
    def votes(check: str, status: Status) -> tuple[Vote, ...]:
        return tuple(Vote(check, vantage, status, NOW - 60, 1.0) for vantage in ("cloud", "dr"))

    said = (*votes("marriage/app@cloud/app1/http", Status.DOWN), *votes("marriage/app@cloud/app2/http", Status.OK))
    app = Verdict(small.APP, Status.DEGRADED, Fault.SERVICE, Reason("x"), NOW - 60, NOW - 50, None, said)
    host = Verdict("host:app1", Status.OK, Fault.NONE, Reason("x"), NOW - 900, NOW - 50)
    return [app, host]


def responder(store: Store, folder: Path, **more: Any) -> Responder:
    return Responder(
        ESTATE, tuple(small.checks(ESTATE)), CARDS, store, folder, lambda _: [], lambda: NOW, lambda _: None, **more
    )


def codes(store: Store) -> list[str]:
    return [record["because"]["code"] for record in store.records(DECISION, 0.0)]


def opened(store: Store) -> int:
    """An incident about the application, as the watch opens one."""
    store.settle([], down(), NOW - 50)
    [found] = store.incidents(open_only=True)
    return found.id


def test_each_new_reason_is_written_down_once(store: Store, tmp_path: Path) -> None:
    number = opened(store)
    acting = responder(store, tmp_path)
    for _ in range(3):
        acting.respond(down())
    acting.close()
    assert codes(store) == ["runbook.approval"]
    [record] = store.records(DECISION, 0.0)
    assert (record["incident"], record["allowed"]) == (number, False)


def test_nothing_is_done_while_a_failover_is_under_way(store: Store, tmp_path: Path) -> None:
    opened(store)
    acting = responder(store, tmp_path, held=lambda: Reason("runbook.held", {"run": "20270115T160000Z-x-0001"}))
    assert [one.allowed for one in acting.respond(down())] == [False]
    acting.close()
    assert codes(store) == ["runbook.held"]


def test_a_person_agrees_and_it_goes_on_record(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    number = opened(store)
    url = f"sqlite:///{tmp_path}/state.sqlite"
    monkeypatch.setattr("time.time", lambda: NOW - 10)
    approve_command("restart-service", number, "li", "agreed by phone", url)
    # A rehearsal that failed a moment ago is what stands in the way then, so that nothing is started here.
    failed = Run(
        "r", "restart-service", {"host": "app1", "service": "app"}, number, small.APP, NOW - 20, 1.0, Outcome.FAILED, ""
    )
    store.put_record("run", "r", NOW - 20, {**to_record(failed), "check_mode": True})
    acting = responder(store, tmp_path)
    acting.respond(down())
    acting.close()
    assert codes(store) == ["runbook.check_failed"]


@pytest.mark.parametrize(
    ("name", "incident", "person", "because", "said"),
    [
        ("restart-servise", 1, "li", "x", "there is no runbook"),
        ("restart-service", 99, "li", "x", "incident 99 is not open"),
        ("restart-service", 1, " ", "x", "needs a person"),
        ("restart-service", 1, "li", "", "and a reason"),
    ],
)
def test_an_agreement_to_nothing_is_refused(
    store: Store, tmp_path: Path, name: str, incident: int, person: str, because: str, said: str
) -> None:
    opened(store)
    with pytest.raises(OperatorError, match=said):
        approve_command(name, incident, person, because, f"sqlite:///{tmp_path}/state.sqlite")
