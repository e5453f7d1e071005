"""Another database stack for real: Patroni 4 hands the writer over and back, by the engine, the hands and the plans."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

from failover import approvals, journal
from failover.bind import Refusal, bind
from failover.engine import Ended
from failover.engine_work import Choices
from failover.hands import open_hands
from failover.lint import sound
from failover.live import LiveGates
from failover.plan_load import OWN, PlanFile, plan_files
from failover.ports import Pulse
from failover.records import Kind, Record, State
from failover.remote.carry_out import carry_out
from failover.start import Desk, Files, Reach, begin, say
from inventory.model import Component, Estate
from tests.fakes import http_server, patroni_cluster, small_estate
from tests.fakes.patroni_cluster import ENTRY, HOSTS, Cluster, Member, cluster, connect
from tests.fakes.patroni_rest import rest, told
from tests.fakes.postgres_cluster import eventually
from tests.fakes.sshd import Sshd, sshd

LACKING = patroni_cluster.lacking()
PLANS = sound(plan_files(OWN / "patroni"))
CLOUD, BIGDATA = HOSTS
OPERATOR, COMMANDER, APPROVER = "zhao-lei", "wang-jianhua", "sun-guoqing"


@pytest.mark.skipif(bool(LACKING), reason=f"these Debian packages are missing: {LACKING}")
def test_patroni_for_real(tmp_path: Path) -> None:
    """One cluster for all of it: what is refused, whom to believe, and the writer over and back."""
    with cluster() as patroni:
        for refused in REFUSED:
            what_is_refused_changes_nothing(patroni, *refused)
        for answer in ANSWERS:
            only_the_new_primary_itself_is_believed(patroni, *answer)
        over_and_back_loses_nothing_and_the_old_writer_refuses_and_follows(patroni, tmp_path)


# --- an estate that says of its hosts what failover reads ------------------------------------------------------------


def labels(of: Cluster, name: str) -> dict[str, str]:
    shared = {"failover-folder": str(of.folder / f"kept-{name}"), "pg-passwords": str(of.passwords)}
    if name == "entry":
        return shared | {"entry-socket": str(of.entry_socket), "entry-pg-port": str(of.entry_port)}
    member = of.members[name]
    server = {"pg-data": str(member.data), "pg-port": str(member.port), "pg-socket": str(member.folder)}
    api = {"patroni-api": f"http://{member.address}:{member.api}", "patroni-user": "operator"}
    return shared | server | api | {"pg-service": "patroni"}


def estate(of: Cluster, by: Sshd, page: int) -> Estate:
    """Production and the metro center with a member each, and one entry."""
    ssh = {"user": by.user, "port": by.port, "key": str(by.key), "host_key": by.host_key}
    places = [(CLOUD, "cloud", "production"), (BIGDATA, "bigdata", "metro")]
    hosts = [
        small_estate.host(name, center, address=HOSTS[name], ssh=ssh, labels=labels(of, name))
        for name, center, _ in places
    ]
    entry = labels(of, "entry") | {"app-port": str(page)}
    hosts.append(small_estate.host("entry", "bigdata", address=ENTRY, ssh=ssh, labels=entry, roles=["entry"]))
    mark, word = hosts[0]["mark"], {"zh": "名", "en": "name"}
    centers = [
        {"id": center, "name": word, "site": "capital", "role": role, "mark": mark} for _, center, role in places
    ]
    placement = {center: {"hosts": [name], "duty": "active"} for name, center, _ in places}
    database = {"id": "database", "service": "patroni", "placement": placement, "mark": mark}
    parts = {"id": "data-hub", "components": (Component.model_validate(database),)}
    system = small_estate.estate().systems[0].model_copy(update=parts)
    urls = {"urls": [f"http://{ENTRY}:{page}/"], "marker": "ok", "period": "200ms", "timeout": "1s", "mark": mark}
    vantages = [{"id": f"v{number}", "host": "entry", "folder": "/tmp", "mark": mark} for number in range(3)]
    meters = {"probes": urls, "vantages": vantages}
    return small_estate.estate(hosts, centers=centers, systems=[system], meters=meters)


# --- clients ---------------------------------------------------------------------------------------------------------


@dataclass
class Clients:
    """Write numbered rows through the entry all the time, and straight at the old writer once it is fenced."""

    of: Cluster
    acked: list[tuple[int, float]] = field(default_factory=list)
    acked_at_old: int = 0
    tried_at_old: int = 0
    _old: Member | None = None
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    async def start(self) -> Mapping[str, str]:
        with connect(ENTRY, self.of.entry_port) as session:
            session.execute("CREATE TABLE IF NOT EXISTS canary (n int PRIMARY KEY)")
            (self._first,) = session.execute("SELECT coalesce(max(n), 0) FROM canary").fetchone() or (0,)
        self._threads = [threading.Thread(target=work) for work in (self._through_the_entry, self._at_the_old)]
        for thread in self._threads:
            thread.start()
        return {"clients": ""}

    async def pulse(self) -> Pulse:
        since = time.monotonic() - self.acked[-1][1] if self.acked else None
        return Pulse({"clients": ""}, since, self.acked_at_old)

    async def fenced(self, address: str) -> None:
        self._old = next((one for one in self.of.members.values() if address.startswith(one.address)), None)

    async def stop(self) -> Mapping[str, str]:
        self.end()
        return {"clients": ""}

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def outage(self) -> float:
        times = [at for _, at in self.acked]
        return max(b - a for a, b in itertools.pairwise(times))

    def _through_the_entry(self) -> None:
        number = self._first
        while not self._over.wait(0.02):
            try:
                with connect(ENTRY, self.of.entry_port) as session:
                    while not self._over.wait(0.02):
                        number += 1
                        session.execute("INSERT INTO canary VALUES (%s)", (number,))
                        self.acked.append((number, time.monotonic()))
            except psycopg.Error:
                continue

    def _at_the_old(self) -> None:
        while not self._over.wait(0.1):
            if self._old is None:
                continue
            self.tried_at_old += 1
            try:
                with self._old.connect() as session:
                    session.execute("INSERT INTO canary VALUES (-1)")
                    self.acked_at_old += 1
            except psycopg.Error:
                continue


class Page(BaseHTTPRequestHandler):
    """The business's page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@contextmanager
def page() -> Iterator[int]:
    with ThreadingHTTPServer((ENTRY, 0), Page) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield serving.server_address[1]
        finally:
            serving.shutdown()
            thread.join()


# --- a run -----------------------------------------------------------------------------------------------------------


def run(file: PlanFile, where: Estate, folder: Path, clients: Clients) -> tuple[Ended, list[Record]]:
    """A plan by the real engine; everybody who is asked agrees."""
    records: list[Record] = []
    desk = Desk(folder / "desk", folder / "runs", tell=records.append)
    approvals.give(desk.approvals, file.plan, file.digest, "approver", APPROVER, desk.clock.wall())
    bound = bind(file, where)
    assert not isinstance(bound, Refusal), bound
    reach = Reach(
        hands=lambda each: open_hands(where, each.runs),
        meters=lambda *_: clients,
        gates=lambda _: LiveGates(where),
        old_address=lambda plan: where.host(plan.old_writer).address,
    )

    async def people() -> None:
        said: set[str] = set()
        while True:
            await asyncio.sleep(0.05)
            asked = {str(one.payload["step"]) for one in records if one.kind is Kind.ASKED}
            waits = any(one.payload.get("state") == State.COMMIT_WAIT for one in records if one.kind is Kind.STATE)
            for step in ({*asked, "commit"} if waits else asked) - said:
                said.add(step)
                word = ("commit", "") if step == "commit" else ("confirm", step)
                say(desk, records[0].run, word[0], COMMANDER, step=word[1])

    async def both() -> tuple[str, Ended]:
        beside = asyncio.create_task(people())
        try:
            async with asyncio.timeout(120):
                return await begin(desk, reach, bound, Files(file.data, None), Choices(OPERATOR, soak=0.5, stay=False))
        finally:
            beside.cancel()

    try:
        name, ended = asyncio.run(both())
    finally:
        clients.end()
    assert not journal.records(desk.run(name).journal).broken
    return ended, records


def over_and_back_loses_nothing_and_the_old_writer_refuses_and_follows(patroni: Cluster, tmp_path: Path) -> None:
    addresses = (*HOSTS.values(), ENTRY)
    with page() as port, sshd(_empty(tmp_path / "sshd"), addresses) as by:
        where = estate(patroni, by, port)
        for name, old, new in (
            ("patroni-switchover-metro", CLOUD, BIGDATA),
            ("patroni-failback-metro", BIGDATA, CLOUD),
        ):
            clients = Clients(patroni)
            ended, records = run(PLANS[name], where, tmp_path, clients)
            assert ended.state is State.COMPLETED, (ended, [one.payload for one in records[-12:]])
            _handed_over(patroni.members[old], patroni.members[new], clients)
            print(f"{name}: clients waited {clients.outage():.2f} s; {len(clients.acked)} writes, none lost")


def _empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _handed_over(old: Member, new: Member, clients: Clients) -> None:
    assert (old.asks("SELECT pg_is_in_recovery()"), new.asks("SELECT pg_is_in_recovery()")) == (True, False)
    with old.connect() as session, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        session.execute("INSERT INTO canary VALUES (-2)")
    assert (clients.acked_at_old, clients.tried_at_old > 0) == (0, True)
    acked = {number for number, _ in clients.acked}
    assert len(acked) > 20
    for member in (new, old):  # the old one has it all, too: it follows
        with member.connect() as session:
            rows = {number for (number,) in session.execute("SELECT n FROM canary").fetchall()}
        assert acked <= rows, sorted(acked - rows)
    follows = "SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync' AND application_name = '{}'"
    eventually(lambda: new.asks(follows.format(old.name)), "the former writer follows")


# --- what Patroni refuses --------------------------------------------------------------------------------------------


def of_member(patroni: Cluster, host: str, candidate: str) -> dict[str, Any]:
    """A task of a member, by hand: it has nothing to do with the epochs of the runs."""
    peers = {name: {"address": one.address, "port": one.port} for name, one in patroni.members.items()}
    peers |= {"spare-db": {"address": "127.0.0.9", "port": 1}, "alias-db": peers[BIGDATA]}
    task: dict[str, Any] = {"host": host, "address": HOSTS[host], "run": "r", "epoch": 1, "peers": peers}
    own = {"failover-folder": str(patroni.folder / "kept-by-hand")}
    return task | {"labels": labels(patroni, host) | own, "give": {"candidate": candidate}}


REFUSED: tuple[tuple[str, str, dict[str, str], str], ...] = (
    (CLOUD, BIGDATA, {"patroni-user": "postgres"}, "401"),  # a role and password that Patroni does not know
    (CLOUD, BIGDATA, {"patroni-api": "http://127.0.0.2:1"}, "cannot be reached"),
    (CLOUD, CLOUD, {}, "hand over to itself"),
    (BIGDATA, "spare-db", {}, "does not lead"),
    (CLOUD, "spare-db", {}, "cannot be asked"),
    (CLOUD, "alias-db", {}, "Patroni refuses (412)"),  # the same server, by a name that no member has
)


def what_is_refused_changes_nothing(
    patroni: Cluster, host: str, candidate: str, more: dict[str, str], says: str
) -> None:
    task = of_member(patroni, host, candidate)
    task["labels"] |= more
    answer = carry_out({**task, "action": "patroni-switchover", "services_dir": ""}, time.monotonic() + 10)
    assert (answer["outcome"], says in answer["says"]) == ("refused", True), answer
    assert patroni.members[CLOUD].asks("SELECT pg_is_in_recovery()") is False


# --- an answer of Patroni's is not what happened ---------------------------------------------------------------------


ANSWERS: tuple[tuple[http_server.Behaviour, str, str], ...] = (
    (http_server.page(b"Switchover failed", "503 No"), "failed", "given it up"),
    (http_server.page(b"Switchover status unknown", "503 No"), "unknown", "status unknown"),
    (http_server.page(b"Successfully switched over", "200 OK"), "unknown", "is not yet"),
    (http_server.page(b"", "202 Later"), "unknown", "is not yet"),
    (http_server.says(b""), "unknown", "broke"),
    (http_server.silent, "unknown", "says nothing"),
)


def only_the_new_primary_itself_is_believed(
    patroni: Cluster, answer: http_server.Behaviour, outcome: str, says: str
) -> None:
    """A member that says whatever it likes, before a copy that stays one."""
    member = {"role": "primary", "patroni": {"name": CLOUD, "version": "4.1.5"}}
    behave = rest({"/patroni": member, "/switchover": answer})
    task = of_member(patroni, CLOUD, BIGDATA)
    del task["labels"]["patroni-api"]
    answered = told(behave, "patroni-switchover", 1.0, **task)
    assert (answered["outcome"], says in answered["says"]) == (outcome, True), answered
    assert patroni.members[BIGDATA].asks("SELECT pg_is_in_recovery()") is True
