"""The programs for hosts: standard library only, shipped whole, obedient to the newest epoch, gone with their line."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from failover import host_tasks, remote
from failover.actions import ACTIONS
from failover.remote import carry_out, entry, epoch, pg_state, server, supervisor
from failover.remote.task import Done, Ended, Failed, Refused, Task, Unknown, lsn_number, lsn_text
from tests.fakes import runit
from tests.fakes.haproxy import Haproxy, haproxy

FOLDER = Path(remote.__file__).parent


def task(folder: Path, action: str = "host-alive", **more: Any) -> Task:
    given = {"action": action, "host": "db1", "address": "127.0.0.1", "services_dir": "", "run": "r1", "epoch": 1}
    given |= {"labels": {"failover-folder": str(folder)}, "peers": {}, "give": {}}
    labels = {**given["labels"], **more.pop("labels", {})}  # type: ignore[dict-item]
    return Task.read(given | more | {"labels": labels}, time.monotonic() + more.pop("seconds", 5.0))


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.py")), ids=lambda file: str(file.stem))
def test_only_the_standard_library_is_needed(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            assert name.partition(".")[0] in sys.stdlib_module_names or name.startswith("failover.remote"), name


def test_every_action_has_its_program_and_no_program_is_without_a_card() -> None:
    assert set(carry_out.CHANGING) == {name for name, card in ACTIONS.items() if card.changes}
    assert set(carry_out.READING) == {name for name, card in ACTIONS.items() if not card.changes}


@pytest.mark.parametrize(("text", "number"), [("0/0", 0), ("0/16B3748", 0x16B3748), ("2/10", 0x200000010)])
def test_places_in_the_log(text: str, number: int) -> None:
    assert (lsn_number(text), lsn_text(number)) == (number, text)


@pytest.mark.parametrize(
    ("setting", "names"),
    [("", []), ('FIRST 1 ("bigdata-db")', ["bigdata-db"]), ("ANY 2 (a, b)", ["a", "b"]), ("a,b", ["a", "b"])],
)
def test_synchronous_names(setting: str, names: list[str]) -> None:
    assert pg_state.names(setting) == names


SEGMENT = 16 * 1024 * 1024


@pytest.mark.parametrize(
    ("begins", "length", "ends"),
    [
        (0x1000028, 114, 0x10000A0),  # inside a page, rounded up to 8
        (0x1002000 - 8, 114, 0x1002000 + 24 + 112),  # over the end of a page: 106 bytes after a short header
        (0x1FFFFF8, 114, 0x2000000 + 40 + 112),  # over the end of a segment: a long header
        (0x1002000 - 120, 120, 0x1002000),
    ],
)
def test_where_the_log_ends(tmp_path: Path, begins: int, length: int, ends: int) -> None:
    with (tmp_path / f"00000003{0:08X}{begins // SEGMENT:08X}").open("wb") as log:
        log.seek(begins % SEGMENT)
        log.write(length.to_bytes(4, sys.byteorder))
    said = server.Control("shut down", "1", 3, begins)
    assert server.log_end(tmp_path, said, SEGMENT) == ends
    with pytest.raises(Failed):
        server.log_end(tmp_path, server.Control("shut down", "1", 4, begins), SEGMENT)


def test_a_log_that_does_not_hold_the_record(tmp_path: Path) -> None:
    (tmp_path / f"00000003{0:08X}{1:08X}").write_bytes(bytes(4096))
    with pytest.raises(Failed, match="no checkpoint"):
        server.log_end(tmp_path, server.Control("shut down", "1", 3, SEGMENT + 40), SEGMENT)


# --- epochs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "comes", "refused"),
    [
        ((0, ""), (1, "a"), None),
        ((5, "a"), (5, "a"), None),
        ((5, "a"), (6, "b"), None),
        ((5, "a"), (4, "a"), "older than 5"),
        ((5, "a"), (5, "b"), "belongs to run a"),
    ],
)
def test_epochs(tmp_path: Path, seen: tuple[int, str], comes: tuple[int, str], refused: str | None) -> None:
    epoch.obey(task(tmp_path, epoch=seen[0], run=seen[1]))
    later = task(tmp_path, epoch=comes[0], run=comes[1])
    if refused is None:
        epoch.obey(later)
        assert epoch.seen(later) == {"epoch": comes[0], "run": comes[1]}
    else:
        with pytest.raises(Refused, match=refused) as error:
            epoch.obey(later)
        assert error.value.facts["epoch"] == seen[0]
        assert epoch.seen(later)["epoch"] == seen[0]


@pytest.mark.parametrize("text", ["{", "[]", '{"epoch": "x"}', "null"])
def test_a_damaged_epoch_is_never_overwritten(tmp_path: Path, text: str) -> None:
    (tmp_path / "epoch").write_text(text)
    with pytest.raises(Refused, match="damaged"):
        epoch.obey(task(tmp_path, epoch=9))
    assert (tmp_path / "epoch").read_text() == text


def test_an_epoch_that_cannot_be_kept_refuses_the_change(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = carry_out.carry_out(given("pg-checkpoint", labels={"failover-folder": f"{tmp_path}/file/x"}), later())
    assert told["outcome"] == "refused" or "NotADirectory" in told["says"]


# --- carrying out ----------------------------------------------------------------------------------------------------


def later(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


def given(action: str, **more: Any) -> dict[str, Any]:
    base = {"action": action, "host": "db1", "address": "127.0.0.1", "services_dir": "", "run": "r", "epoch": 1}
    return {**base, "labels": {}, "peers": {}, "give": {}, **more}


@pytest.mark.parametrize(
    ("call", "outcome", "says"),
    [
        (given("host-alive"), "done", "alive"),
        (given("no-such"), "refused", "no action"),
        (given("app-check", give={"path": "no slash"}), "refused", "no path"),
        (given("app-check", give={"path": "/x"}), "refused", "app-port"),
        (given("pg-refused-write", give={"target": "db9"}), "refused", "no database on db9"),
        (given("pg-replicates", give={"standbys": []}), "failed", "no copy was named"),
        (given("host-alive", peers={"x": {}}), "unknown", "KeyError"),
    ],
)
def test_how_calls_end(call: dict[str, Any], outcome: str, says: str) -> None:
    told = carry_out.carry_out(call, later())
    assert (told["outcome"], says in told["says"]) == (outcome, True), told


def test_what_comes_too_late_is_refused() -> None:
    told = carry_out.carry_out(given("host-alive"), time.monotonic() - 0.01)
    assert (told["outcome"], "too late" in told["says"]) == ("refused", True)


def test_the_wrong_machine_is_refused(tmp_path: Path) -> None:
    labels = {"failover-folder": str(tmp_path)}
    told = carry_out.carry_out(given("pg-fence", address="192.0.2.7", labels=labels), later())
    assert (told["outcome"], "192.0.2.7" in told["says"]) == ("refused", True)
    told = carry_out.carry_out(given("pg-promote", labels=labels | {"hostname": "elsewhere"}), later())
    assert (told["outcome"], "elsewhere" in told["says"]) == ("refused", True)


# --- the agent -------------------------------------------------------------------------------------------------------


class Line:
    """The desk's end of an agent's pipes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def say(self, **frame: Any) -> None:
        data = json.dumps(frame).encode()
        assert self.process.stdin
        self.process.stdin.write(len(data).to_bytes(4, "big") + data)
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout
        size = int.from_bytes(self.process.stdout.read(4), "big")
        frame: dict[str, Any] = json.loads(self.process.stdout.read(size))
        return frame


@contextmanager
def agent(start: str = "failover.remote.agent") -> Iterator[Line]:
    argv = ["/usr/bin/python3", "-I", "-c", host_tasks.boot()]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/") as process:
        assert process.stdin
        process.stdin.write(host_tasks.shipment(start).encode())
        process.stdin.flush()
        line = Line(process)
        try:
            yield line
        finally:
            process.kill()


def in_ns(seconds: float) -> int:
    return time.monotonic_ns() + int(seconds * 1e9)


def silent_server(folder: Path) -> Callable[[], None]:
    """A database's socket on which nobody ever answers; returns what closes it."""
    import socket

    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(folder / ".s.PGSQL.5432"))
    listening.listen()
    return listening.close


def test_the_agent_answers_pings_and_tasks_and_says_which_epoch_it_obeys(tmp_path: Path) -> None:
    with agent() as line:
        greeting = given("", labels={"failover-folder": str(tmp_path)}, epoch=0)
        line.say(id=1, ping=greeting)
        told = line.hear()
        assert (told["id"], told["reply"]["epoch"]) == (1, 0)
        assert abs(told["reply"]["mono_ns"] - time.monotonic_ns()) < 10**10
        line.say(id=2, task=given("host-alive"), until=in_ns(5))
        assert line.hear()["reply"]["outcome"] == "done"
        line.say(id=3, task=given("host-alive"), until=in_ns(-1))
        assert "too late" in line.hear()["reply"]["says"]


def test_a_hanging_task_holds_up_no_other_and_ends_at_its_time(tmp_path: Path) -> None:
    close = silent_server(tmp_path)
    with agent() as line:
        hanging = given("pg-state", labels={"pg-socket": str(tmp_path)})
        line.say(id=1, task=hanging, until=in_ns(1.5))
        line.say(id=2, task=given("host-alive"), until=in_ns(5))
        assert line.hear()["id"] == 2
        told = line.hear()
        assert (told["id"], told["reply"]["outcome"]) == (1, "unknown")
    close()


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_cancel_ends_the_task_and_the_end_of_the_line_ends_all(tmp_path: Path) -> None:
    close = silent_server(tmp_path)
    with agent() as line:
        hanging = given("pg-state", labels={"pg-socket": str(tmp_path)})
        line.say(id=1, task=hanging, until=in_ns(60))
        until(lambda: len(children(line.process.pid)) == 1)
        line.say(cancel=1)
        until(lambda: not children(line.process.pid))
        line.say(id=2, task=hanging, until=in_ns(60))
        until(lambda: len(children(line.process.pid)) == 1)
        (child,) = children(line.process.pid)
        assert line.process.stdin
        line.process.stdin.close()
        assert line.process.wait(10) == 0
        until(lambda: not Path(f"/proc/{child}").exists())
    close()


def test_once_for_a_runbook() -> None:
    argv = ["/usr/bin/python3", "-I", "-c", host_tasks.boot()]
    order = json.dumps({"task": given("host-alive"), "seconds": 5})
    ran = subprocess.run(
        argv, input=host_tasks.shipment("failover.remote.once") + order, capture_output=True, text=True, check=True
    )
    assert json.loads(ran.stdout)["outcome"] == "done"


# --- supervisors -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not runit.RUNSVDIR, reason="needs Debian's runit")
def test_runit_stops_for_good_and_starts_again(tmp_path: Path) -> None:
    with runit.services(tmp_path / "sv", {"postgresql": "#!/bin/sh\nexec sleep 3600\n"}) as services:
        stopping = task(tmp_path, services_dir=str(services))
        service = supervisor.supervisor(stopping)
        assert not service.down()
        for _ in range(2):
            supervisor.stop(service, stopping)
            assert service.down()
            assert service.marked()
        service.start()
        until(lambda: runit.state(services / "postgresql") == "run")
        assert not service.marked()


class Stubborn:
    """A service that was told, and goes on."""

    def down(self) -> bool:
        return False

    marked = down

    def mark(self) -> None: ...

    def stop(self) -> None: ...

    def start(self) -> None: ...


def test_a_service_that_does_not_stop_is_not_called_stopped(tmp_path: Path) -> None:
    with pytest.raises(Unknown, match="has not stopped"):
        supervisor.stop(Stubborn(), task(tmp_path, seconds=0.2))


def test_no_such_service_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no service"):
        supervisor.supervisor(task(tmp_path, services_dir=str(tmp_path)))


SYSTEMCTL = """#!/bin/sh
cd {folder}
case "$1" in
mask) touch masked ;;
unmask) rm -f masked ;;
stop) rm -f active ;;
start) [ -e masked ] || touch active ;;
is-active) if [ -e active ]; then echo active; else echo inactive; exit 3; fi ;;
is-enabled) if [ -e masked ]; then echo masked; exit 1; else echo enabled; fi ;;
esac
"""


def test_systemd_masks_and_unmasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "systemctl"
    program.write_text(SYSTEMCTL.format(folder=tmp_path))
    program.chmod(0o755)
    (tmp_path / "active").touch()
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    service = supervisor.supervisor(task(tmp_path))
    assert not service.down()
    supervisor.stop(service, task(tmp_path))
    assert (service.down(), service.marked()) == (True, True)
    service.start()
    assert (service.down(), service.marked()) == (False, False)


# --- the entry -------------------------------------------------------------------------------------------------------


def ask(action: Callable[[Task], Done], entry_: Haproxy, **give: Any) -> tuple[str, Mapping[str, Any]]:
    try:
        done = action(task(entry_.socket.parent, labels={"entry-socket": str(entry_.socket)}, give=give))
    except Ended as ended:
        return ended.outcome, ended.facts
    return "done", done.facts


def test_the_entry_points_and_gives_back(tmp_path: Path) -> None:
    with haproxy(tmp_path, {"a": True, "b": False, "c": False}) as box:
        assert ask(entry.state, box)[1]["active"] == ["a"]
        for before in (["a"], ["b"]):
            outcome, facts = ask(entry.point, box, primary="b")
            assert (outcome, facts["active"], facts["before"]) == ("done", ["b"], before)
        assert box.shut == {"a", "c"}
        outcome, facts = ask(entry.auto, box)
        assert (outcome, facts["active"]) == ("done", ["b"])
        assert not any(one["forced"] for one in facts["servers"].values())


def test_the_entry_refuses_a_stranger_and_changes_nothing(tmp_path: Path) -> None:
    with haproxy(tmp_path, {"a": True}) as box:
        assert ask(entry.point, box, primary="x; shutdown sessions server pg/a")[0] == "refused"
        assert box.said == ["show servers state pg"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [(b"", Refused), (b"1\n# srv_name\n", Refused), (b"Permission denied\n", Refused), (b"x" * 2_000_000, Unknown)],
)
def test_an_entry_that_makes_no_sense(tmp_path: Path, answer: bytes, error: type[Ended]) -> None:
    with haproxy(tmp_path, {}, answer=answer) as box, pytest.raises(error):
        entry.state(task(tmp_path, labels={"entry-socket": str(box.socket)}))


def test_an_entry_that_does_not_run(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="does not run"):
        entry.state(task(tmp_path, labels={"entry-socket": str(tmp_path / "none")}))


def test_a_complaint_is_a_failure(tmp_path: Path) -> None:
    with haproxy(tmp_path, {"a": True, "b": False}, complains=True) as box, pytest.raises(Failed, match="No such"):
        entry.point(task(tmp_path, labels={"entry-socket": str(box.socket)}, give={"primary": "b"}))
