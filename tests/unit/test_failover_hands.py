"""Hands over a real SSH server: what may be asked, what comes back, and what is left when a line or a host fails."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failover import hands_runbook, host_tasks, replies
from failover.concrete import Call, Value
from failover.hands import RealHands, open_hands
from failover.ports import Outcome, Reply, Token
from inventory.model import Estate
from runbooks import guard, run_record
from runbooks.catalogue import load
from runbooks.launch import Ended
from runbooks.workspace import Job
from tests.fakes import small_estate
from tests.fakes.sshd import SSHD, Sshd, sshd

TOKEN = Token("r1", 7)
PG = {"pg-data": "/srv/pg/data", "pg-port": "5433"}


# --- what may be asked -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "give", "mistake"),
    [
        (Call("pg-fence", "db1"), {}, ""),
        (Call("pg-catch-up", "db1"), {"lsn": 5}, ""),
        (Call("pg-set-sync", "db1"), {"standbys": ()}, ""),
        (Call("pg-set-sync", "db1"), {"standbys": ("dr-db",)}, ""),
        (Call("pg-fence", "db1"), {"x": 1}, "takes no x"),
        (Call("pg-erase", "db1"), {}, "no action pg-erase"),
        (Call("pg-fence", "db9"), {}, "no host db9"),
        (Call("pg-catch-up", "db1"), {}, "needs lsn"),
        (Call("pg-catch-up", "db1"), {"lsn": "5"}, "lsn: is not of type integer"),
        (Call("pg-catch-up", "db1"), {"lsn": True}, "lsn: is not of type integer"),
        (Call("pg-follow", "db1"), {"primary": "; rm"}, "no host ; rm"),
        (Call("pg-set-sync", "db1"), {"standbys": ("dr-db", "x")}, "no host x"),
        (Call("pg-set-sync", "db1"), {"standbys": "dr-db"}, "standbys: is not of type hosts"),
        (Call("pg-replicates", "db1"), {"standbys": (), "sync": 1}, "sync: is not of type flag"),
    ],
)
def test_only_what_the_cards_and_the_estate_allow_leaves_the_desk(
    call: Call, give: dict[str, Value], mistake: str
) -> None:
    found = "; ".join(host_tasks.mistakes(call, give, small_estate.estate()))
    assert (mistake in found) if mistake else not found


def test_a_task_says_what_the_estate_knows_of_the_host_and_of_the_databases() -> None:
    hosts = [small_estate.host(name, "cloud") for name in ("app1", "app2")]
    hosts += [small_estate.host("db1", "cloud", labels=PG), small_estate.host("dr-app", "dr")]
    hosts += [small_estate.host("dr-db", "dr", labels={"pg-data": "/x"}, address="127.0.0.2")]
    task = host_tasks.task(Call("pg-follow", "db1"), {"primary": "dr-db"}, TOKEN, small_estate.estate(hosts))
    assert (task["host"], task["labels"], task["run"], task["epoch"]) == ("db1", PG, "r1", 7)
    assert task["give"] == {"primary": "dr-db"}
    peers = {"db1": {"address": "127.0.0.1", "port": "5433"}, "dr-db": {"address": "127.0.0.2", "port": "5432"}}
    assert task["peers"] == peers


# --- what comes back -------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=30, deadline=None)
@given(JSON | st.fixed_dictionaries({"outcome": st.sampled_from(["done", "nice"]), "says": JSON, "facts": JSON}))
def test_whatever_a_host_says_becomes_a_bounded_reply(told: object) -> None:
    reply = replies.reply(told, 0.5)
    assert "\n" not in reply.says
    assert len(reply.says) <= 300
    if not (isinstance(told, dict) and told.get("outcome") == "done"):
        assert reply.outcome is Outcome.UNKNOWN


def test_endless_facts_are_cut() -> None:
    deep: Any = []
    for _ in range(50):
        deep = [deep]
    facts = replies.reply({"outcome": "done", "facts": {"wide": list(range(9999)), "deep": deep}}, 0).facts
    assert len(facts["wide"]) == 200
    assert len(str(facts["deep"])) < 200


# --- over a line -----------------------------------------------------------------------------------------------------

pytest_sshd = pytest.mark.skipif(not SSHD, reason="needs Debian's openssh-server")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


def estate(server: Sshd, folder: Path, frozen: int = 1) -> Estate:
    """``app1`` is the server's machine, ``app2`` is off, ``db1`` frozen."""
    ssh = {"user": server.user, "port": server.port, "key": str(server.key), "host_key": server.host_key}
    labels = {"failover-folder": str(folder / "kept"), "pg-socket": str(folder)}
    hosts = [small_estate.host("app1", "cloud", ssh=ssh, labels=labels)]
    hosts += [small_estate.host("app2", "cloud", ssh=ssh | {"port": 1})]
    hosts += [small_estate.host("db1", "cloud", ssh=ssh | {"port": frozen})]
    return small_estate.estate(hosts + [small_estate.host(name, "dr") for name in ("dr-app", "dr-db")])


def use(of: Estate, folder: Path, body: Callable[[RealHands], Awaitable[None]]) -> None:
    async def main() -> None:
        hands = open_hands(of, folder / "runs")
        try:
            await body(hands)
        finally:
            await hands.close()

    asyncio.run(main())


def act(hands: RealHands, action: str, host: str = "app1", timeout: float = 10.0, **give: Value) -> Awaitable[Reply]:
    return hands.act(Call(action, host), give, TOKEN, timeout=timeout, urgent=True)


def agents(server: Sshd) -> set[int]:
    """The programs that hands have running behind the server, and what these have started."""
    return {pid for pid in guard.descendants(server.pid) if b"Shipped" in _cmdline(pid)}


def _cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


async def until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < limit
        await asyncio.sleep(0.02)


@pytest.fixture
def silence(tmp_path: Path) -> Iterator[socket.socket]:
    """A database that accepts and never answers."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / ".s.PGSQL.5432"))
        listening.listen()
        yield listening


@pytest_sshd
def test_warm_hosts_tell_their_clock_and_dead_ones_hold_up_nobody(server: Sshd, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as frozen:

        async def body(hands: RealHands) -> None:
            said = await hands.warm(["app1", "app2", "db1", "nowhere"])
            assert {host: reply.outcome for host, reply in said.items()} == {
                "app1": Outcome.DONE,
                "app2": Outcome.REFUSED,
                "db1": Outcome.REFUSED,
                "nowhere": Outcome.REFUSED,
            }
            facts = said["app1"].facts
            assert abs(facts["offset_ns"]) <= facts["error_ns"]  # the same machine, the same clock
            assert facts["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            assert facts["epoch"] == 0
            alive = await act(hands, "host-alive")
            assert (alive.outcome, alive.facts["boot_id"]) == (Outcome.DONE, facts["boot_id"])

        use(estate(server, tmp_path, frozen.getsockname()[1]), tmp_path, body)
    asyncio.run(until(lambda: not agents(server)))


@pytest_sshd
def test_a_host_that_cannot_be_reached_surely_did_nothing(server: Sshd, tmp_path: Path) -> None:
    async def body(hands: RealHands) -> None:
        assert (await act(hands, "pg-checkpoint", "app2")).outcome is Outcome.REFUSED
        assert (await act(hands, "pg-state", "app2")).outcome is Outcome.UNKNOWN  # what it is, nobody said
        assert (await act(hands, "pg-catch-up", lsn="5")).outcome is Outcome.REFUSED

    use(estate(server, tmp_path), tmp_path, body)


@pytest_sshd
def test_a_lost_line_is_opened_again_for_questions_only(server: Sshd, tmp_path: Path, silence: socket.socket) -> None:
    async def body(hands: RealHands) -> None:
        for action, again in (("pg-checkpoint", False), ("pg-state", True)):
            working = asyncio.ensure_future(act(hands, action))
            await until(lambda: len(agents(server)) == 2)
            if again:
                silence.close()
                (tmp_path / ".s.PGSQL.5432").unlink()
            os.kill(min(agents(server)), signal.SIGKILL)
            reply = await working
            assert ("line to the host ended" in reply.says) is not again, reply
            assert reply.outcome in ({Outcome.UNKNOWN, Outcome.REFUSED} if again else {Outcome.UNKNOWN})

    use(estate(server, tmp_path), tmp_path, body)


@pytest_sshd
def test_canceling_ends_the_work_on_the_host(server: Sshd, tmp_path: Path, silence: socket.socket) -> None:
    async def body(hands: RealHands) -> None:
        working = asyncio.ensure_future(act(hands, "pg-checkpoint", timeout=60.0))
        await until(lambda: len(agents(server)) == 2)
        working.cancel()
        await until(lambda: len(agents(server)) == 1)
        assert (await act(hands, "host-alive")).outcome is Outcome.DONE

    use(estate(server, tmp_path), tmp_path, body)


@pytest_sshd
def test_a_frozen_host_is_unknown_and_does_not_act_when_it_thaws(server: Sshd, tmp_path: Path) -> None:
    kept = tmp_path / "kept" / "epoch"

    async def body(hands: RealHands) -> None:
        await hands.warm(["app1"])
        before = kept.read_text()
        (agent,) = agents(server)
        os.kill(agent, signal.SIGSTOP)
        try:
            assert (await act(hands, "pg-checkpoint", timeout=0.6)).outcome is Outcome.UNKNOWN
        finally:
            os.kill(agent, signal.SIGCONT)
        await until(lambda: not agents(server))
        assert kept.read_text() == before  # the call's epoch was not obeyed: nothing was begun
        assert (await act(hands, "host-alive")).outcome is Outcome.DONE

    use(estate(server, tmp_path), tmp_path, body)


@pytest_sshd
def test_an_older_epoch_is_refused_and_the_newer_one_told(server: Sshd, tmp_path: Path) -> None:
    async def body(hands: RealHands) -> None:
        call = Call("pg-checkpoint", "app1")
        await hands.act(call, {}, Token("new", 9), timeout=5, urgent=True)
        reply = await hands.act(call, {}, Token("old", 8), timeout=5, urgent=True)
        assert (reply.outcome, reply.facts["epoch"], "older than 9" in reply.says) == (Outcome.REFUSED, 9, True)
        assert (await hands.warm(["app1"]))["app1"].facts["epoch"] in (0, 9)

    use(estate(server, tmp_path), tmp_path, body)


# --- as a runbook ----------------------------------------------------------------------------------------------------

GOOD = {"outcome": "done", "says": "alive", "facts": {"x": 1}}
NEVER = "Act: Failed to connect to the host via ssh: ssh: connect to host 10.0.0.1 port 22: Connection refused"


@pytest.mark.parametrize(
    ("event", "ended", "changes", "outcome", "says"),
    [
        ({"event": "runner_on_ok", "event_data": {"res": {"stdout": json.dumps(GOOD)}}}, None, True, "done", "alive"),
        ({"event": "runner_on_ok", "event_data": {"res": {"stdout": "oops"}}}, None, True, "unknown", "no answer"),
        ({"event": "runner_on_ok", "event_data": []}, None, True, "unknown", "no answer"),
        ({"event": "runner_on_failed"}, (run_record.Outcome.FAILED, "rc 1"), True, "unknown", "rc 1"),
        ({}, (run_record.Outcome.FAILED, NEVER), True, "refused", "nothing was sent"),
        ({}, (run_record.Outcome.FAILED, NEVER), False, "unknown", "nothing was sent"),
        ({}, (run_record.Outcome.TIMEOUT, "was stopped"), True, "unknown", "was stopped"),
    ],
)
def test_what_came_of_a_runbook(
    tmp_path: Path, event: object, ended: tuple[run_record.Outcome, str] | None, changes: bool, outcome: str, says: str
) -> None:
    events = tmp_path / "artifacts" / "run" / "job_events"
    events.mkdir(parents=True)
    (events / "1-x.json").write_text("half a")
    (events / "2-x.json").write_text(json.dumps(event))
    job = Job(load()["free-disk"], {"changes": changes}, small_estate.estate(), tmp_path, check_mode=False)
    reply = hands_runbook.read_reply(job, Ended(*ended) if ended else Ended(None, ""), 1.0)
    assert (reply.outcome.value, says in reply.says) == (outcome, True), reply


def shipped(server: Sshd) -> set[int]:
    """Our programs behind the server, orphans too: their environment tells through which server they came."""
    found = {pid for pid in guard.marked(f"HOME={server.folder}") if b"Shipped" in _cmdline(pid)}
    return found - {os.getpid()}


@pytest_sshd
@pytest.mark.parametrize("processes", [1, 2], ids=["before it begins", "at work"])
def test_canceling_a_runbook_leaves_nothing_here_or_there(
    server: Sshd, tmp_path: Path, silence: socket.socket, processes: int
) -> None:
    async def body(hands: RealHands) -> None:
        call = Call("pg-checkpoint", "app1")
        working = asyncio.ensure_future(hands.act(call, {}, TOKEN, timeout=120.0, urgent=False))
        await until(lambda: len(shipped(server)) >= processes)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        await until(lambda: not shipped(server))

    before = guard.descendants(os.getpid())
    use(estate(server, tmp_path), tmp_path, body)
    assert not guard.descendants(os.getpid()) - before
