"""The whole way to people: a real Alertmanager, a real SMTP server, and what becomes of notices when either is away."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from checks.result import Status
from inventory import subject
from inventory.people import Notices, People
from reports.messenger import Messenger, channels
from reports.receiver import receiving
from state.outbox import FIRST_PAUSE, LEASE, MOST_ATTEMPTS, Outbox
from state.store import Store
from state.verdict import Fault, Reason, Verdict
from tests.fakes import small_estate
from tests.fakes.alertmanager import PROGRAM, active, alertmanager, pager
from tests.fakes.mailbox import mailbox

OK, DEGRADED, DOWN, UNKNOWN = Status
ESTATE = small_estate.estate()
T0 = 1_790_000_000.0
MARK = {"file": "notices.yml", "line": 1}
needs_alertmanager = pytest.mark.skipif(PROGRAM is None, reason="NOT TESTED: it needs prometheus-alertmanager")


def people(mail_port: int = 0, manager: str = "", listen: int = 0, **mail: Any) -> People:
    written: dict[str, Any] = {"mark": MARK}
    if mail_port:
        to = {"zh": ["duty@ops.example"]}
        written["mail"] = {
            "server": f"127.0.0.1:{mail_port}",
            "tls": "none",
            "from": "ops@ops.example",
            "to": to,
        } | mail
    if manager:
        written["alertmanager"] = {"urls": [manager], "again": "1s"}
        if listen:
            written["alertmanager"]["watchdog"] = {"listen": f"127.0.0.1:{listen}", "silence": "30s"}
    return People(notices=Notices.model_validate(written))


class Desk:
    """A messenger on a clock that is moved by hand."""

    def __init__(self, store: Store, who: People, start: float = T0) -> None:
        self.at = start
        self.lines: list[str] = []
        self.store = store
        self.messenger = Messenger(ESTATE, who, store, "desk-1", lambda: self.at, lambda: self.at, self.lines.append)

    def settle(self, *verdicts: tuple[str, Status], cause: str | None = None) -> None:
        said = [
            Verdict(about, status, Fault.HOST, Reason("host.down", {"host": about}), self.at, self.at, cause)
            for about, status in verdicts
        ]
        self.store.settle([], said, self.at)

    def later(self, seconds: float) -> None:
        self.at += seconds
        self.messenger.turn()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path}/state.db")
    yield opened
    opened.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def until(true: Callable[[], bool], said: str, desk: Desk | None = None) -> None:
    """Wait for a real server: at most a real minute."""
    limit = time.monotonic() + 60
    while not true():
        assert time.monotonic() < limit, said
        time.sleep(0.05)
        if desk:
            desk.messenger.turn()


def test_a_mail_tells_of_the_incident_and_not_of_what_suffers_from_it(store: Store) -> None:
    with mailbox() as box:
        desk = Desk(store, people(box.port))
        desk.settle(("host:app1", DOWN))
        desk.settle(*((f"component:marriage/p{n}@cloud", DOWN) for n in range(40)), cause="host:app1")
        desk.later(9.0)
        assert box.mails == [], "others may join within the wait"
        desk.later(2.0)
        assert len(box.mails) == 1
        (text,) = box.texts()
        assert text.startswith("【名】新事件：app1\n")
        assert "另有 40 个对象受其影响" in text or "事件 1" in text
        assert "p7" not in text
        desk.later(3600.0)
        assert len(box.mails) == 1


def storm(store: Store, hosts: int) -> None:
    """Each host up and down ten times in a minute, without any common cause: every time an incident of its own."""
    with mailbox() as box:
        desk = Desk(store, people(box.port))
        names = [f"host:h{number}" for number in range(hosts)]
        for step in range(20):
            desk.at = T0 + 3.0 * step
            desk.settle(*((name, OK if step % 2 else DOWN) for name in names))
            desk.messenger.turn()
        assert sum(change.subject in names for change in store.changes()) == 20 * hosts
        assert len(store.incidents()) == 10 * hosts
        for _ in range(60):
            desk.later(60.0)
        assert 1 <= len(box.mails) <= 3
        assert Outbox(store.engine).waiting() == []
        assert max(len(text) for text in box.texts()) < 10_000
        assert any("起事件，未逐一列出" in text for text in box.texts())


def test_a_storm_of_changes_in_a_minute_is_a_handful_of_mails(store: Store) -> None:
    storm(store, hosts=30)  # the full 5,000 changes: tests/lab/test_watch_killed_notices.py


def test_a_storm_with_one_root_is_one_mail(store: Store) -> None:
    with mailbox() as box:
        desk = Desk(store, people(box.port))
        parts = [f"component:s{n}/app@cloud" for n in range(199)]
        desk.settle(("center:cloud", DOWN))
        desk.settle(*((part, DOWN) for part in parts), cause="center:cloud")
        assert len(store.changes()) == 200
        desk.later(20.0)
        desk.later(600.0)
        assert len(box.mails) == 1
        desk.settle(("center:cloud", OK), *((part, OK) for part in parts))
        desk.later(20.0)
        assert len(box.mails) == 2
        assert box.texts()[1].startswith("【名】已恢复：名\n")


def test_what_began_and_ended_or_was_merged_before_anybody_was_told(store: Store) -> None:
    with mailbox() as box:
        desk = Desk(store, people(box.port))
        desk.settle(("host:a", DOWN), ("host:b", DOWN))
        desk.at += 2
        desk.settle(("host:a", OK), ("center:cloud", DOWN))
        desk.settle(("host:b", DOWN), cause="center:cloud")
        desk.later(15.0)
        (text,) = box.texts()
        assert text.startswith("【名】新事件 2 起\n") and "发生并已恢复" in text
        assert "■ 事件 2" not in text, "host:b is told with its root"


def test_a_server_that_is_away_is_tried_again_with_growing_pauses_and_the_mail_is_the_same(store: Store) -> None:
    with mailbox() as box:
        box.refuse = "451 later"
        desk = Desk(store, people(box.port))
        desk.settle(("host:app1", DOWN))
        desk.later(11.0)
        assert desk.lines == [
            f"notices through mail:zh fail, will be tried again: 127.0.0.1:{box.port} answers 451 later"
        ]
        tried = []
        for _ in range(400):
            before = Outbox(store.engine).told(1)[0]["attempts"]
            desk.later(5.0)
            if Outbox(store.engine).told(1)[0]["attempts"] > before:
                tried.append(desk.at - T0)
        gaps = [b - a for a, b in pairwise(tried)]
        assert gaps == sorted(gaps) and gaps[0] >= FIRST_PAUSE and gaps[-1] <= 905
        desk.settle(("host:app2", DOWN))
        box.refuse = ""
        desk.later(900.0)
        (text,) = box.texts()
        assert "app1" in text and "app2" in text and "通知链路" in text, "what happened meanwhile is told with it"
        assert desk.lines[-1] == "notices through mail:zh: taken again"
        assert [one.rows for one in Outbox(store.engine).waiting()] == [1], "that the path works again"


def test_nothing_is_tried_for_ever(store: Store) -> None:
    with mailbox() as box:
        box.refuse = "451 later"
        desk = Desk(store, people(box.port))
        desk.settle(("host:app1", DOWN))
        for _ in range(60):
            desk.later(901.0)
        (row,) = [row for row in Outbox(store.engine).told(1) if row["event"] == "opened"]
        assert row["attempts"] == MOST_ATTEMPTS and row["given_up"] is not None
        assert any("given up after 40 attempts" in line for line in desk.lines)
        (path,) = [one for one in store.verdicts() if one.subject == subject.notices()]
        assert path.status is DEGRADED and path.because.code == "notices.stuck"


def test_a_batch_whose_sender_was_killed_is_sent_again_as_the_same_mail(store: Store) -> None:
    with mailbox() as box:
        desk = Desk(store, people(box.port))
        desk.settle(("host:app1", DOWN))
        desk.at += 11
        lost = Outbox(store.engine).claim("mail:zh", desk.at, "the-name")
        assert lost
        desk.later(LEASE - 1)
        assert box.mails == [], "its sender may still be at it"
        desk.settle(("host:app2", DOWN))
        desk.later(2.0)
        assert box.mails[0]["Message-ID"] == "<the-name@ops.example>"
        assert "app2" not in box.texts()[0]


FORK = get_context("fork")


def _send_and_die(url: str, port: int, at: float) -> None:
    desk = Desk(Store.open(url), people(port), at)
    desk.at += 11
    desk.messenger.turn()
    signal.pause()


def test_kill_9_between_sending_and_remembering_loses_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/killed.db"
    with mailbox() as box:
        first = Store.open(url)
        desk = Desk(first, people(box.port))
        desk.settle(("host:app1", DOWN))
        taken = threading.Event()
        keep = box.handle_DATA

        async def slow(*arguments: Any) -> str:
            answer = await keep(*arguments)
            taken.set()
            await asyncio.sleep(0.5)
            return answer

        box.handle_DATA = slow  # type: ignore[method-assign, assignment]
        child = FORK.Process(target=_send_and_die, args=(url, box.port, T0))
        child.start()
        assert taken.wait(60)
        child.kill()
        child.join()
        assert child.exitcode == -signal.SIGKILL
        box.handle_DATA = keep  # type: ignore[method-assign]
        assert Outbox(first.engine).told(1)[0]["sent"] is None
        desk.at += 11 + LEASE
        desk.later(1.0)
        assert len(box.mails) == 2
        assert box.mails[0]["Message-ID"] == box.mails[1]["Message-ID"], "whoever reads it sees that it is the same"
        assert Outbox(first.engine).told(1)[0]["sent"] is not None
        first.close()


def test_hostile_words_are_bounded_lines_in_a_mail(store: Store) -> None:
    hostile = "\x1b[2J\u202e<script>alert(1)</script>{{ 7*7 }}\r\nBcc: all@example.org\r\n.\r\nQUIT\r\n" + "x" * 5000
    with mailbox() as box:
        desk = Desk(store, people(box.port))
        said = Reason("host.down", {"host": hostile, "said": hostile})
        store.settle([], [Verdict("host:app1", DOWN, Fault.HOST, said, T0, T0)], T0)
        desk.later(11.0)
        (mail,) = box.mails
        text = mail.get_content()
        assert mail["Bcc"] is None and len(box.recipients[0]) == 1
        assert not set("\x1b\u202e\r") & set(text) and len(text) < 3000
        assert "{{ 7*7 }}" in text and "49" not in text.replace("0149", "")


def test_two_languages_are_two_mails(store: Store) -> None:
    with mailbox() as box:
        desk = Desk(store, people(box.port, to={"zh": ["a@ops.example"], "en": ["b@ops.example", "c@ops.example"]}))
        desk.settle(("host:app1", DOWN))
        desk.later(11.0)
        assert sorted(box.recipients) == [("a@ops.example",), ("b@ops.example", "c@ops.example")]
        assert any(text.startswith("[name] new incident: app1\n") for text in box.texts())


def test_a_clock_that_is_set_back_holds_up_nothing(store: Store) -> None:
    with mailbox() as box:
        desk = Desk(store, people(box.port))
        desk.settle(("host:app1", DOWN))
        desk.later(11.0)
        desk.at -= 86400
        desk.settle(("host:app2", DOWN))
        desk.later(11.0)
        assert len(box.mails) == 2


def test_no_notices_queue_nothing(store: Store) -> None:
    desk = Desk(store, People())
    desk.settle(("host:app1", DOWN))
    desk.later(11.0)
    assert channels(People()) == () and Outbox(store.engine).told(1) == []


@contextmanager
def listening(messenger: Messenger, port: int) -> Iterator[None]:
    """The watch's receiver, as the watch runs it."""
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    ready = threading.Event()

    async def serve() -> None:
        async with receiving("127.0.0.1", port, messenger.hear):
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@needs_alertmanager
def test_through_a_real_alertmanager_and_back(store: Store, tmp_path: Path) -> None:
    port, back = free_port(), free_port()
    with pager() as duty:
        desk = Desk(store, people(manager=f"http://127.0.0.1:{port}", listen=back), time.time())
        messenger = desk.messenger
        messenger.now = messenger.mono = time.time
        with listening(messenger, back):
            with alertmanager(tmp_path / "am", port, duty.port, back) as url:
                desk.settle(("host:app1", DOWN), ("host:app2", DOWN))
                desk.settle(*((f"component:marriage/p{n}@cloud", DOWN) for n in range(30)), cause="host:app1")
                messenger.turn()
                assert sorted(alert["labels"]["subject"] for alert in active(url)) == ["host:app1", "host:app2"]
                alert = active(url)[0]
                assert alert["labels"]["place"] == "cloud" and alert["annotations"]["summary_zh"].startswith("app1")
                until(lambda: duty.told("firing") == ["1", "2"], "Alertmanager told nobody", desk)
                assert len(duty.messages) <= 2, "two incidents at once are one message"
                until(lambda: messenger._arrived is not None, "the heartbeat did not come back", desk)
                until(lambda: _path(store) is OK, "the path is not judged", desk)
                desk.at = time.time()
                desk.settle(("host:app1", OK))
                messenger.turn()
                until(lambda: duty.told("resolved") == ["1"], "nobody was told that it is over", desk)
            arrived = messenger._arrived
            with alertmanager(tmp_path / "am2", port, duty.port, back) as url:
                until(lambda: len(active(url)) == 1, "after a restart of Alertmanager what is open fires again", desk)
                until(lambda: (messenger._arrived or 0) > (arrived or 0), "no heartbeat after the restart", desk)


def _path(store: Store) -> Status | None:
    return next((one.status for one in store.verdicts() if one.subject == subject.notices()), None)


@needs_alertmanager
def test_a_dead_path_is_a_verdict_and_an_incident_told_by_mail(store: Store, tmp_path: Path) -> None:
    """Alertmanager takes everything, but its route back leads nowhere: only the heartbeat can tell."""
    port, nowhere = free_port(), free_port()
    with pager() as duty, mailbox() as box, alertmanager(tmp_path / "am", port, duty.port, nowhere) as url:
        desk = Desk(store, people(box.port, url, free_port()), time.time())
        desk.later(0.0)
        desk.later(29.0)
        assert _path(store) is None, "nothing is known before the silence is over"
        desk.later(2.0)
        assert _path(store) is DOWN
        (incident,) = store.incidents(open_only=True)
        assert (incident.subject, incident.fault) == (subject.notices(), Fault.WATCH)
        desk.later(15.0)
        (text,) = box.texts()
        assert text.startswith("【名】新事件：通知链路\n")
        beat = {"status": "firing", "annotations": {"beat": desk.messenger.heart.beat(desk.at)}}
        desk.messenger.hear(json.dumps({"alerts": [beat]}).encode())
        desk.later(1.0)
        assert _path(store) is OK and store.incidents(open_only=True) == []


def test_an_alertmanager_that_is_away_keeps_the_outbox_and_degrades_the_path(store: Store, tmp_path: Path) -> None:
    desk = Desk(store, people(manager=f"http://127.0.0.1:{free_port()}"))
    desk.settle(("host:app1", DOWN))
    desk.later(0.0)
    assert len(desk.lines) == 1 and "refuses connections" in desk.lines[0]
    for _ in range(35):
        desk.later(10.0)
    assert _path(store) is DEGRADED
    (waiting,) = Outbox(store.engine).waiting()
    assert waiting.rows == 2, "the incident, and the one about the path"


def test_a_restart_of_the_watch_keeps_the_verdict_on_the_path(store: Store) -> None:
    from state.cycle import Cycle

    desk = Desk(store, people(manager=f"http://127.0.0.1:{free_port()}"))
    for _ in range(35):
        desk.later(10.0)
    (before,) = store.incidents(open_only=True)
    Cycle(store, ESTATE, []).turn([], {}, desk.at + 1)
    assert [one.id for one in store.incidents(open_only=True) if one.subject == subject.notices()] == [before.id]


def test_an_incident_taken_up_says_so_in_its_alert() -> None:
    from reports.notice import alerts
    from state.verdict import Incident

    known = Incident(7, "host:app1", Fault.HOST, T0, T0 + 5, None, Reason("host.down"), acknowledged_by="li\x1b[2J")
    (alert,) = alerts([known], ESTATE, T0 + 10)
    assert alert["annotations"]["acknowledged_by"] == "li"
    (over,) = alerts([replace(known, closed=T0 + 8, grade="major")], ESTATE, T0 + 10)
    assert over["labels"] == alert["labels"], "an alert is known by its labels"
    assert over["endsAt"] < alert["endsAt"]
