"""Running for real: OpenSSH on loopback, runit, ansible-runner. Every trap of ansible-runner has its test here."""

from __future__ import annotations

import json
import os
import pickle
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from checks.result import Status
from inventory.errors import Mark
from inventory.model import Estate, Name
from runbooks import guard
from runbooks.card import Card, Input, InputType
from runbooks.catalogue import load
from runbooks.run import run
from runbooks.run_record import Outcome, Run
from tests.fakes import runit, small_estate
from tests.fakes.sshd import SSHD, Sshd, make_key, sshd

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not (SSHD and runit.RUNSVDIR), reason="needs Debian's openssh-server and runit"),
]
ROOT = Path(guard.__file__).parent.parent
TEMPLATE = "{{ lookup('pipe', 'touch CANARY') }}"
SERVICE = "#!/bin/sh\nexec sleep 3600\n"


@dataclass
class Box:
    """One real host: an SSH server, supervised services, and a folder that may be cleaned."""

    server: Sshd
    services: Path
    scratch: Path
    var: Path
    canary: Path

    def estate(self, **host: Any) -> Estate:
        s = self.server
        ssh = {"user": s.user, "port": s.port, "key": str(s.key), "host_key": s.host_key}
        labels = {"scratch": str(self.scratch), "owner": TEMPLATE.replace("CANARY", str(self.canary))}
        written = {"ssh": ssh, "services": ["web"], "services_dir": str(self.services), "labels": labels}
        placed = [small_estate.host(name, "cloud") for name in ("app2", "db1")]
        away = [small_estate.host(name, "dr") for name in ("dr-app", "dr-db")]
        return small_estate.estate([small_estate.host("app1", "cloud", **(written | host)), *placed, *away])

    def run(self, card: Card, given: dict[str, str], verify: Callable[[], Status] | None = None, **more: Any) -> Run:
        estate = more.pop("estate", None) or self.estate()
        answer = verify or (lambda: Status.OK)
        return run(card, {"host": "app1"} | given, estate, verify=answer, now=time.time, folder=self.var, **more)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def box(server: Sshd, tmp_path: Path) -> Iterator[Box]:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with runit.services(tmp_path / "sv", {"web": SERVICE}) as services:
        yield Box(server, services, scratch, tmp_path / "var", tmp_path / "owned")


def card(tmp_path: Path, tasks: list[dict[str, Any]], timeout: float = 60.0, **inputs: InputType) -> Card:
    """A card of the test's own, with a playbook of these tasks."""
    for folder in ("cards", "playbooks"):
        (tmp_path / "own" / folder).mkdir(parents=True, exist_ok=True)
    play = [{"hosts": "all", "gather_facts": False, "tasks": tasks}]
    (tmp_path / "own" / "playbooks" / "own.yml").write_text(json.dumps(play))
    like = load()["restart-service"]
    name = Name(zh="名", en="name")
    wanted = {"host": InputType.HOST} | inputs
    return like.model_copy(
        update={
            "id": "own",
            "inputs": {key: Input(type=kind, name=name) for key, kind in wanted.items()},
            "timeout": timeout,
            "verify": like.verify.model_copy(update={"within": 1.0, "settle": 0.0}),
            "mark": Mark(tmp_path / "own" / "cards" / "own.yml", 1),
        }
    )


def verified(service: Path) -> Callable[[], Status]:
    return lambda: Status.OK if runit.state(service) == "run" else Status.DOWN


def test_a_stopped_service_is_restarted_and_seen_to_be_back(box: Box) -> None:
    web = box.services / "web"
    runit.down(web)
    seen: list[Run] = []
    found = box.run(load()["restart-service"], {"service": "web"}, verified(web), incident=4, on_start=seen.append)
    assert found.outcome is Outcome.REPAIRED, found
    assert runit.state(web) == "run"
    assert (found.incident, found.changed, found.running) == (4, 1, False)
    assert [one.running for one in seen] == [True]
    assert seen[0].id == found.id
    assert [task["status"] for task in found.tasks] == ["skipped", "ok", "changed", "skipped"]
    assert guard.marked(f"TRICENTER_RUN={found.id}") == set()
    print(f"restart-service took {found.took:.2f} s, of it verify {load()['restart-service'].verify.settle} s")


def test_a_frozen_service_is_restarted_too(box: Box) -> None:
    web = box.services / "web"
    old = runit.pid(web)
    runit.freeze(web)
    found = box.run(load()["restart-service"], {"service": "web"}, verified(web))
    assert found.outcome is Outcome.REPAIRED, found
    assert runit.pid(web) != old


def test_verify_decides_not_ansible(box: Box) -> None:
    quick = card(box.scratch.parent, [{"ansible.builtin.command": {"argv": ["true"]}}])
    assert box.run(quick, {}, lambda: Status.DOWN).outcome is Outcome.NOT_REPAIRED
    assert box.run(quick, {}, lambda: Status.UNKNOWN).outcome is Outcome.UNKNOWN

    def broken() -> Status:
        raise ZeroDivisionError("no answer")

    found = box.run(quick, {}, broken)
    assert (found.outcome, "no answer" in found.sentence) == (Outcome.UNKNOWN, True)


def test_check_mode_changes_nothing_and_does_not_stay_for_the_next_run(box: Box) -> None:
    web = box.services / "web"
    runit.down(web)
    asked: list[int] = []

    def verify() -> Status:
        asked.append(1)
        return Status.OK

    checked = box.run(load()["restart-service"], {"service": "web"}, verify, check_mode=True)
    assert (checked.outcome, checked.changed, asked) == (Outcome.CHECKED, 0, [])
    assert "would restart web" in checked.sentence
    assert runit.state(web) == "down"
    assert box.run(load()["restart-service"], {"service": "web"}, verify).changed == 1
    assert runit.state(web) == "run"


def test_a_disk_is_freed_of_allowed_files_only(box: Box) -> None:
    old = time.time() - 3600
    keep = ["data.db", "new.tmp", "fillet", "x; touch CANARY"]
    for name in ["filler", "filler.2", "old.tmp", "old $(touch owned)\n.tmp", *keep]:
        (box.scratch / name.replace("CANARY", "owned")).write_bytes(b"x" * 4096)
    for name in ("old.tmp", "old $(touch owned)\n.tmp", "data.db"):
        os.utime(box.scratch / name, (old, old))
    (box.scratch / "below").mkdir()
    (box.scratch / "below" / "filler").touch()
    (box.scratch / "filler-link").symlink_to(box.scratch / "data.db")
    given = {"folder": str(box.scratch)}

    checked = box.run(load()["free-disk"], given, check_mode=True)
    assert "would delete 4 files, 16384 bytes; use was" in checked.sentence, checked
    assert (box.scratch / "filler").exists()
    found = box.run(load()["free-disk"], given)
    assert found.outcome is Outcome.REPAIRED, found
    assert "deleted 4 files, 16384 bytes; use was" in found.sentence
    left = {path.name for path in box.scratch.iterdir()}
    assert left == {"data.db", "new.tmp", "fillet", "x; touch owned", "below", "filler-link"}
    assert (box.scratch / "below" / "filler").exists()
    again = box.run(load()["free-disk"], given)
    assert "deleted 0 files" in again.sentence
    assert again.changed == 0


# --- hostile text ---------------------------------------------------------------------------------------------------


def test_hostile_text_stays_text_all_the_way(box: Box) -> None:
    """As an input, as the host's label, and as the host's answer: nothing is executed, here or there."""
    evil = "/srv/" + TEMPLATE.replace("CANARY", str(box.canary).replace("/", "_"))
    shell = f"/srv/$(touch {box.canary});touch {box.canary}"
    echo = {"ansible.builtin.command": {"argv": ["echo", "{{ a }}", "{{ b }}", "{{ tricenter_labels.owner }}"]}}
    tasks: list[dict[str, Any]] = [
        {**echo, "register": "said"},
        {"ansible.builtin.debug": {"msg": "{{ said.stdout }} {{ a }}"}},
        {"ansible.builtin.command": {"argv": ["echo", "{{ said.stdout }}"]}, "name": "{{ tricenter_labels.owner }}"},
    ]
    wanted = card(box.scratch.parent, tasks, a=InputType.PATH, b=InputType.PATH)
    found = box.run(wanted, {"a": evil, "b": shell.replace("//", "/")})
    assert found.outcome is Outcome.REPAIRED, found
    assert evil in found.tasks[0]["says"]
    assert found.tasks[0]["says"].count("{{ lookup('pipe', 'touch ") == 2
    assert not box.canary.exists()
    assert not list(Path(found.artifacts).rglob("*owned*"))


def test_the_canary_can_be_touched_at_all(box: Box) -> None:
    """The same text as a trusted template in a playbook does run: the test above would see it."""
    task = {"ansible.builtin.debug": {"msg": TEMPLATE.replace("CANARY", str(box.canary))}}
    box.run(card(box.scratch.parent, [task]), {})
    assert box.canary.exists()


# --- the way to the host --------------------------------------------------------------------------------------------


def test_another_host_key_is_refused(box: Box, tmp_path: Path) -> None:
    other = {"user": box.server.user, "port": box.server.port, "key": str(box.server.key)}
    found = box.run(
        load()["restart-service"],
        {"service": "web"},
        estate=box.estate(ssh=other | {"host_key": make_key(tmp_path / "other")}),
    )
    assert found.outcome is Outcome.FAILED
    assert "HOST IDENTIFICATION HAS CHANGED" in found.sentence


def test_a_host_without_a_key_in_the_estate_is_not_even_tried(box: Box) -> None:
    bare = {"user": box.server.user, "port": box.server.port, "key": str(box.server.key)}
    found = box.run(load()["restart-service"], {"service": "web"}, estate=box.estate(ssh=bare))
    assert (found.outcome, "host_key" in found.sentence) == (Outcome.FAILED, True)


def test_a_host_that_cannot_be_reached_is_a_failed_run(box: Box) -> None:
    ssh = {"user": box.server.user, "port": 1, "key": str(box.server.key), "host_key": box.server.host_key}
    found = box.run(load()["restart-service"], {"service": "web"}, estate=box.estate(ssh=ssh))
    assert (found.outcome, found.tasks[-1]["status"]) == (Outcome.FAILED, "unreachable")


def test_a_frozen_host_does_not_hold_the_run(box: Box) -> None:
    """It accepts the connection and then says nothing; the run's own time-out ends it."""
    os.kill(box.server.pid, signal.SIGSTOP)
    try:
        restart = load()["restart-service"].model_copy(update={"timeout": 4.0})
        found = box.run(restart, {"service": "web"})
    finally:
        os.kill(box.server.pid, signal.SIGCONT)
    assert found.outcome is Outcome.TIMEOUT
    assert guard.marked(f"TRICENTER_RUN={found.id}") == set()


def test_a_play_that_matches_no_host_is_a_failed_run(box: Box) -> None:
    wanted = card(box.scratch.parent, [])
    wanted.playbook_file.write_text('[{"hosts": "nobody", "tasks": []}]')
    assert box.run(wanted, {}).outcome is Outcome.FAILED


def test_a_broken_playbook_is_a_failed_run(box: Box) -> None:
    wanted = card(box.scratch.parent, [])
    wanted.playbook_file.write_text("- hosts: [")
    assert box.run(wanted, {}).outcome is Outcome.FAILED


def test_a_missing_playbook_is_an_unknown_outcome_and_no_exception(box: Box) -> None:
    wanted = card(box.scratch.parent, [])
    wanted.playbook_file.unlink()
    assert box.run(wanted, {}).outcome is Outcome.UNKNOWN


# --- ends -----------------------------------------------------------------------------------------------------------


def processes(word: str) -> list[int]:
    """Processes whose command line holds ``word``: those on the far side, which carry no mark."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and word.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def until(true: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds} s"
        time.sleep(0.05)


def sleeper(box: Box, timeout: float) -> tuple[Card, str]:
    """A runbook whose command on the host would take long, and the word to find it by."""
    word = f"36{time.time_ns() % 10**9:09d}.5"
    return card(box.scratch.parent, [{"ansible.builtin.command": {"argv": ["sleep", word]}}], timeout), word


def test_a_run_that_takes_too_long_leaves_nothing_here_or_there(box: Box) -> None:
    wanted, word = sleeper(box, 4)
    found = box.run(wanted, {})
    assert (found.outcome, found.took < 15) == (Outcome.TIMEOUT, True)
    assert guard.marked(f"TRICENTER_RUN={found.id}") == set()
    until(lambda: not processes(word))


def test_a_canceled_run_leaves_nothing_here_and_its_command_ends_there(box: Box) -> None:
    wanted, word = sleeper(box, 12)
    cancel = threading.Event()

    def cancel_when_it_is_at_work() -> None:
        until(lambda: processes(word))
        cancel.set()

    watcher = threading.Thread(target=cancel_when_it_is_at_work)
    watcher.start()
    found = box.run(wanted, {}, cancel=cancel)
    watcher.join()
    assert found.outcome is Outcome.CANCELED
    assert guard.marked(f"TRICENTER_RUN={found.id}") == set()
    until(lambda: not processes(word))


def test_when_the_caller_is_killed_its_run_ends_too(box: Box) -> None:
    wanted, word = sleeper(box, 12)
    (box.var.parent / "given").write_bytes(pickle.dumps((wanted, box.estate())))
    caller = subprocess.Popen([sys.executable, "-c", CALLER, str(box.var.parent)], cwd=ROOT)
    until(lambda: processes(word))
    [folder] = box.var.iterdir()
    marker = f"TRICENTER_RUN={folder.name}"
    assert len(guard.marked(marker)) >= 3
    caller.kill()
    caller.wait()
    until(lambda: not guard.marked(marker), 10)
    until(lambda: not processes(word))


CALLER = """
import pickle, sys, time
from pathlib import Path
from checks.result import Status
from runbooks.run import run
folder = Path(sys.argv[1])
card, estate = pickle.loads((folder / "given").read_bytes())
run(card, {"host": "app1"}, estate, verify=lambda: Status.OK, now=time.time, folder=folder / "var")
"""


# --- what is kept ---------------------------------------------------------------------------------------------------


def test_artifacts_are_ours_alone_hold_no_hidden_secret_and_are_rotated(box: Box) -> None:
    for number in range(60):
        (box.var / f"20200101T0000{number:02d}-old-1").mkdir(parents=True)
    (box.var / "not-a-run").mkdir()
    secret = {"ansible.builtin.command": {"argv": ["echo", "s3cret-{{ 6 * 7 }}"]}, "no_log": True}
    found = box.run(card(box.scratch.parent, [secret]), {})
    kept = Path(found.artifacts)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    assert sum(path.name.startswith("20") for path in box.var.iterdir()) == 50
    assert (box.var / "not-a-run").is_dir()
    written = [path.read_text(errors="replace") for path in kept.rglob("*") if path.is_file()]
    assert any("hidden" in text for text in written)
    assert not any("s3cret-42" in text for text in written)
    assert "hidden" in found.tasks[0]["says"]
