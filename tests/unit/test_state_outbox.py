"""The outbox, on SQLite and PostgreSQL: queued once, claimed by one, kept until it is out, never for ever."""

from __future__ import annotations

import threading

import pytest

from checks.result import Status
from state.outbox import FIRST_PAUSE, LEASE, MOST_ATTEMPTS, Batch, Outbox
from state.store import Store
from tests.unit.test_state_store import postgres, store, url, verdict  # noqa: F401 (fixtures)

DOWN, OK = Status.DOWN, Status.OK
MAIL = "mail:zh"


@pytest.fixture
def outbox(store: Store) -> Outbox:  # noqa: F811
    store.channels = (MAIL, "alertmanager:http://a")
    store.settle([], [verdict("host:a", DOWN, 90.0)], at=100.0)
    return Outbox(store.engine)


def claimed(outbox: Outbox, now: float, name: str, channel: str = MAIL) -> Batch:
    batch = outbox.claim(channel, now, name)
    assert batch
    return batch


def test_an_event_is_queued_once_for_each_channel(store: Store, outbox: Outbox) -> None:  # noqa: F811
    for at in (110.0, 120.0):
        store.settle([], [verdict("host:a", DOWN, 90.0), verdict("system:s", DOWN, at, cause="host:a")], at=at)
    assert [(row["channel"], row["event"]) for row in outbox.told(1)] == [
        (MAIL, "opened"),
        ("alertmanager:http://a", "opened"),
    ]
    assert [one.rows for one in outbox.waiting()] == [1, 1]


def test_what_is_sent_is_not_claimed_again_and_what_follows_is(store: Store, outbox: Outbox) -> None:  # noqa: F811
    batch = claimed(outbox, 100.0, "one")
    assert [(row.event, row.incident.subject, row.incident.opened) for row in batch.rows] == [
        ("opened", "host:a", 90.0)
    ]
    outbox.sent(batch, 101.0)
    assert outbox.claim(MAIL, 1e6, "two") is None
    store.settle([], [verdict("host:a", OK, 150.0)], at=151.0)
    assert [row.event for row in claimed(outbox, 151.0, "three").rows] == ["closed"]


def test_wait_and_pause(outbox: Outbox, store: Store) -> None:  # noqa: F811
    assert outbox.claim(MAIL, 109.0, "a", wait=10.0) is None
    batch = outbox.claim(MAIL, 110.0, "b", wait=10.0)
    assert batch
    outbox.sent(batch, 111.0)
    store.settle([], [verdict("host:b", DOWN, 112.0)], at=112.0)
    assert outbox.claim(MAIL, 410.0, "c", wait=10.0, pause=300.0) is None
    assert outbox.claim(MAIL, 411.0, "d", wait=10.0, pause=300.0)


def test_a_sender_that_is_not_heard_of_again_is_succeeded(outbox: Outbox) -> None:
    first = claimed(outbox, 100.0, "one")
    assert outbox.claim(MAIL, 100.0 + LEASE - 1, "two") is None
    again = claimed(outbox, 100.0 + LEASE, "two")
    assert (again.id, again.attempts, again.rows) == ("one", 2, first.rows)


@pytest.mark.parametrize(("sure", "name"), [(True, "two"), (False, "one")])
def test_what_failed_keeps_its_name_only_if_it_may_have_gone_out(outbox: Outbox, sure: bool, name: str) -> None:
    outbox.failed(claimed(outbox, 100.0, "one"), 100.0, "451", sure)
    assert outbox.claim(MAIL, 100.0 + FIRST_PAUSE - 1, "two") is None
    assert claimed(outbox, 100.0 + FIRST_PAUSE, "two").id == name


def test_nothing_is_tried_more_often_than_allowed(outbox: Outbox) -> None:
    now, lost = 100.0, []
    for number in range(MOST_ATTEMPTS):
        now += 1000.0
        lost.append(outbox.failed(claimed(outbox, now, f"n{number}"), now, "451"))
    assert lost == [0] * (MOST_ATTEMPTS - 1) + [1]
    assert outbox.claim(MAIL, 1e9, "x") is None
    (mail,) = [one for one in outbox.waiting() if one.channel == MAIL]
    assert (mail.rows, mail.since, mail.given_up, mail.error) == (0, None, 1, "451")


def test_two_senders_never_have_the_same_batch(url: str, outbox: Outbox) -> None:  # noqa: F811
    got: list[Batch] = []
    start = threading.Barrier(4)

    def one(number: int) -> None:
        mine = Store.open(url)
        start.wait()
        for moment in (100.0, 100.0 + LEASE):
            if batch := Outbox(mine.engine).claim(MAIL, moment, f"n{number}"):
                got.append(batch)
        mine.close()

    senders = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for each in senders:
        each.start()
    for each in senders:
        each.join()
    assert sorted(batch.attempts for batch in got) in ([1], [1, 2])


def test_what_was_sent_long_ago_is_forgotten(outbox: Outbox) -> None:
    outbox.sent(claimed(outbox, 100.0, "one"), 100.0)
    outbox.forget(80 * 86400.0)
    assert len(outbox.told(1)) == 2
    outbox.forget(100 * 86400.0)
    assert [row["channel"] for row in outbox.told(1)] == ["alertmanager:http://a"]
