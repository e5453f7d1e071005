"""``ops watch`` as a process tells people, by mail and through a real Alertmanager, also when it is killed."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from state.outbox import LEASE, Outbox
from state.store import Store
from tests.fakes.alertmanager import PROGRAM, alertmanager, pager
from tests.fakes.mailbox import mailbox
from tests.lab.http_targets import check, targets, write_estate
from tests.lab.watch_process import until, watching
from tests.unit.test_reports_messenger import storm

pytestmark = pytest.mark.lab


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_without_notices_it_says_so_once(tmp_path: Path) -> None:
    with targets("web") as served:
        box = {"center": "main", "address": "127.0.0.1"}
        estate = write_estate(tmp_path / "estate", {"box": box}, {"web": [check(served["web"], "1s", "1/1")]})
        with watching(tmp_path, estate) as watch:
            watch.start()
            until(watch.alive, "a cycle", watch)
            assert watch.end() == 0
            assert watch.log.count("nobody is told of incidents") == 1


def test_five_thousand_changes_in_a_minute_are_a_handful_of_mails(tmp_path: Path) -> None:
    kept = Store.open(f"sqlite:///{tmp_path}/state.db")
    storm(kept, hosts=250)
    kept.close()


@pytest.mark.skipif(PROGRAM is None, reason="NOT TESTED: it needs prometheus-alertmanager")
def test_an_outage_is_told_although_the_watch_is_killed(tmp_path: Path) -> None:
    port, back = free_port(), free_port()
    with targets("web", "other") as served, mailbox() as box, pager() as duty:
        here = {"center": "main", "address": "127.0.0.1"}
        asked = {name: [check(target, "1s", "1/1")] for name, target in served.items()}
        estate = write_estate(tmp_path / "estate", {"box": here}, asked)  # the other one shows that the way there works
        mail = {
            "server": f"127.0.0.1:{box.port}",
            "tls": "none",
            "from": "ops@ops.example",
            "wait": "1s",
            "pause": "1s",
        }
        manager = {
            "urls": [f"http://127.0.0.1:{port}"],
            "again": "2s",
            "watchdog": {"listen": f"127.0.0.1:{back}", "silence": "1h"},
        }
        notices = {"mail": mail | {"to": {"zh": ["duty@ops.example"]}}, "alertmanager": manager}
        (estate / "notices.yml").write_text(json.dumps(notices))
        with alertmanager(tmp_path / "am", port, duty.port, back), watching(tmp_path, estate) as watch:
            watch.start()
            until(watch.alive, "a cycle", watch)
            until(lambda: watch.status("watch:notices") == "ok", "the heartbeat comes back", watch)
            box.refuse = "451 not now"
            served["web"].up = False
            waiting = "SELECT count(*) FROM outbox WHERE channel = 'mail:zh' AND attempts > 0 AND sent IS NULL"
            until(lambda: watch.ask(waiting), "the mail is tried and refused", watch)
            watch.kill()
            watch.examine()
            box.refuse = ""
            watch.start()
            # what the killed one may have been sending is taken up when its lease is over
            until(lambda: any("新事件" in text for text in box.texts()), "the next life sends it", watch, LEASE + 60)
            until(lambda: duty.told("firing"), "Alertmanager tells", watch)
            served["web"].up = True
            until(lambda: duty.told("resolved"), "Alertmanager tells that it is over", watch)
            until(lambda: any("已恢复" in text for text in box.texts()), "the mail that it is over", watch)
            assert watch.end() == 0
            kept = watch.opened()
            assert Outbox(kept.engine).waiting() == []
            keys = [mail["Message-ID"] for mail in box.mails]
            assert len(set(keys)) == len(keys)
            kept.close()
