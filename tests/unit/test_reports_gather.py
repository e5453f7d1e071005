"""What the store holds becomes the facts of a report."""

from __future__ import annotations

from pathlib import Path

from checks.result import Status
from inventory import subject
from reports.gather import gather
from reports.subjects import histories
from reports.weekly import weekly
from runbooks.run_record import Outcome, Run, to_record
from state.backfill import RECORD
from state.store import Store
from state.verdict import Fault, Reason, Verdict
from tests.golden.reports import sample

MARRIAGE = subject.system("marriage")
START = sample.MONDAY


def verdict(status: Status, since: float) -> Verdict:
    fault = Fault.NONE if status is Status.OK else Fault.SERVICE
    return Verdict(MARRIAGE, status, fault, Reason("ok"), since, since)


def watched_week(folder: Path) -> Store:
    """A watch that began an hour before the window, saw one outage in it, and one after it."""
    store = Store.open(f"sqlite:///{folder / 'state.db'}")
    for at, status in (
        (-sample.HOUR, Status.OK),
        (sample.DAY, Status.DOWN),
        (sample.DAY + 300, Status.OK),
        (sample.WEEK + 60, Status.DOWN),
    ):
        store.settle([], [verdict(status, START + at)], START + at, pause=2 * sample.WEEK)
    return store


def run(id_: str, started: float, running: bool = False) -> Run:
    return Run(id_, "restart-service", {}, 1, MARRIAGE, started, 3.0, Outcome.REPAIRED, "runs again", running=running)


def test_facts_are_what_was_recorded_in_the_window_and_the_state_it_began_in(tmp_path: Path) -> None:
    store = watched_week(tmp_path)
    facts = gather(store, sample.estate(), START, START + sample.WEEK, START + sample.WEEK + 600)
    assert [change.since - START for change in facts.changes] == [-sample.HOUR, sample.DAY, sample.DAY + 300]
    assert facts.watched == ((START, START + sample.WEEK),)
    assert [(one.subject, one.closed) for one in facts.incidents] == [(MARRIAGE, START + sample.DAY + 300)]
    store.close()


def test_runs_under_way_have_nothing_to_tell_yet(tmp_path: Path) -> None:
    store = watched_week(tmp_path)
    for one in (run("done", START + 5), run("under-way", START + 6, running=True), run("before", START - 5)):
        store.put_record("run", one.id, one.started, to_record(one))
    facts = gather(store, sample.estate(), START, START + sample.WEEK, START + sample.WEEK)
    assert [one.id for one in facts.runs] == ["done"]
    store.close()


def test_what_was_learnt_later_fills_what_nobody_watched(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'state.db'}")
    store.settle([], [verdict(Status.OK, START)], START)
    store.settle([], [], START + 3000)  # away in between
    before = histories(gather(store, sample.estate(), START, START + 3000, START + 3000), [(MARRIAGE, 0.99)])
    parts = [["up", START + 300, START + 500, [MARRIAGE]], ["down", START + 500, START + 600, [MARRIAGE]]]
    store.put_record(RECORD, "piece", START + 300, {"start": START + 300, "parts": parts})
    facts = gather(store, sample.estate(), START, START + 3000, START + 3000)
    after = histories(facts, [(MARRIAGE, 0.99)])[MARRIAGE].figures
    assert before[MARRIAGE].figures.down == 0
    assert (after.down, after.up - before[MARRIAGE].figures.up) == (100, 200)
    assert before[MARRIAGE].figures.unknown - after.unknown == 300
    assert "filled afterwards" in weekly(facts, "en")
    store.close()


def test_the_future_is_not_gathered(tmp_path: Path) -> None:
    store = watched_week(tmp_path)
    facts = gather(store, sample.estate(), START, START + sample.WEEK, START + sample.DAY - 60)
    assert (facts.until - START, len(facts.changes), facts.incidents) == (sample.DAY - 60, 1, ())
    store.close()


def test_a_report_can_be_made_of_an_empty_store(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'state.db'}")
    facts = gather(store, sample.estate(), START, START + sample.WEEK, START + sample.WEEK)
    assert "not enough monitoring data to judge any system" in weekly(facts, "en")
    store.close()


def test_decisions_keep_their_reasons(tmp_path: Path) -> None:
    store = watched_week(tmp_path)
    payload = {
        "incident": 1,
        "subject": MARRIAGE,
        "runbook": "restart-service",
        "inputs": {},
        "allowed": False,
        "because": {"code": "runbook.busy", "facts": {"count": "2", "limit": "2"}},
        "at": START + 9,
    }
    store.put_record("decision", "1", START + 9, payload)
    (decision,) = gather(store, sample.estate(), START, START + sample.WEEK, START + sample.WEEK).decisions
    assert (decision.allowed, decision.because) == (False, Reason("runbook.busy", {"count": "2", "limit": "2"}))
    store.close()
