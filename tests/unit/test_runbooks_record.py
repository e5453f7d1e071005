"""A run as plain JSON for the store, and back; which checks verify it."""

from __future__ import annotations

import json

import pytest

from checks.result import Status
from runbooks.catalogue import load
from runbooks.run_record import Outcome, Run, from_record, interrupted, to_record
from runbooks.verify import to_ask, together, told_by
from tests.fakes import small_estate as small
from tests.scenarios.estate import sharing

RUN = Run(
    id="20261123T150000-restart-service-ab",
    runbook="restart-service",
    inputs={"host": "app1", "service": "app"},
    incident=7,
    subject=small.APP,
    started=1.5,
    took=2.5,
    outcome=Outcome.REPAIRED,
    sentence="<script> {{ 'text' }}",
    tasks=({"task": "Restart", "status": "changed"},),
)


def test_a_run_survives_the_store() -> None:
    stored = json.loads(json.dumps(to_record(RUN)))
    assert from_record(stored) == RUN
    assert from_record({**stored, "from_a_later_version": 1}) == RUN


def test_an_interrupted_run_is_unknown_and_no_longer_running() -> None:
    begun = from_record({**to_record(RUN), "running": True})
    left = interrupted(begun)
    assert (left.running, left.outcome) == (False, Outcome.UNKNOWN)


def test_verify_asks_the_checks_of_the_subject_on_the_target() -> None:
    estate = small.estate()
    card = load()["restart-service"]
    assert [c.id for c in to_ask(card, (small.APP,), "app1", small.checks(estate))] == ["marriage/app@cloud/app1/http"]
    named = card.model_copy(update={"verify": card.verify.model_copy(update={"check": "host/*/disk"})})
    assert len(to_ask(named, (small.APP,), "app1", small.checks(estate))) == 5


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([], Status.UNKNOWN),
        ([Status.OK, Status.OK], Status.OK),
        ([Status.OK, Status.UNKNOWN], Status.UNKNOWN),
        ([Status.UNKNOWN, Status.DOWN], Status.DOWN),
        ([Status.OK, Status.DEGRADED], Status.DEGRADED),
    ],
)
def test_the_worst_answer_counts_and_none_is_unknown(answers: list[Status], said: Status) -> None:
    assert together(answers) is said


def test_a_service_is_told_of_by_the_components_that_run_in_it() -> None:
    estate = sharing().estate
    users = tuple(f"component:{system}/app@cloud" for system in ("marriage", "subsidies", "place-names"))
    assert told_by(estate, "service:cloud-app/app") == users
    assert told_by(estate, "service:cloud-app/none") == ()
    assert told_by(estate, "host:cloud-app") == ("host:cloud-app",)
