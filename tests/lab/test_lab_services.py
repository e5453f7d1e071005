"""The lab's services, together and under injury, as supervised processes on loopback addresses."""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.services.exchange_files import describe
from lab.services.systems import SYSTEMS
from lab.topology import PORTS
from tests.lab.loopback import Loopback, until

NEEDED = ("runsv", "haproxy", "psql")
DATABASES = ("cloud-db", "bigdata-db", "dr-db")
ENTRIES = ("cloud-entry", "bigdata-entry", "dr-entry")

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not all(map(shutil.which, NEEDED)), reason=f"needs {', '.join(NEEDED)} installed"),
]


@pytest.fixture(scope="module")
def lab() -> Iterator[Loopback]:
    folder = Path(tempfile.mkdtemp(prefix="lab79-", dir="/tmp"))  # short: unix sockets allow 107 bytes
    folder.chmod(0o755)  # PostgreSQL runs as a user of its own
    one = Loopback(folder, "127.79")
    try:
        for host in one.topology.hosts:
            if host.kind in {"db", "entry", "app"}:
                one.start(host.id)
        one.start("cloud-xchg", "ingest")
        until(lambda: healthy(one), 60)
        yield one
    finally:
        one.close()


@pytest.fixture(autouse=True)
def heals(lab: Loopback) -> Iterator[None]:
    """Each test leaves the lab whole."""
    yield
    until(lambda: healthy(lab), 40)


def healthy(lab: Loopback) -> bool:
    streams = lab.sql("cloud-db", "SELECT application_name, sync_state FROM pg_stat_replication ORDER BY 1")
    return streams == "bigdata-db|sync\ndr-db|async" and all(write(lab, entry) for entry in ENTRIES)


def write(lab: Loopback, entry: str, text: str = "a case") -> int | None:
    """The number of an acknowledged write."""
    status, answer = lab.get(entry, "haproxy-web", "/marriage/write", text.encode())
    return int(answer["id"]) if status == 200 else None


def kept(lab: Loopback, host: str, numbers: list[int]) -> bool:
    """Whether the host's database has all these writes."""
    query = f"SELECT count(*) FROM record WHERE id IN ({', '.join(map(str, numbers))})"
    return lab.sql(host, query, "civil") == str(len(numbers))


def writes(lab: Loopback, count: int) -> list[int]:
    return [number for number in (write(lab, "cloud-entry") for _ in range(count)) if number is not None]


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_reads_and_writes_through_every_entry(lab: Loopback, system: str) -> None:
    for entry in ENTRIES:
        center = entry.removesuffix("-entry")
        for path, body in ((f"/{system}/health", None), (f"/{system}/read", None), (f"/{system}/write", b"x")):
            status, answer = lab.get(entry, "haproxy-web", path, body)
            assert (status, answer["ok"], answer["system"], answer["center"]) == (200, True, system, center)
    assert lab.get("cloud-entry", "haproxy-web", f"/{system}/read")[1]["marker"] == "tricenter"


def test_an_acknowledged_write_is_in_the_metro_center_already(lab: Loopback) -> None:
    numbers = writes(lab, 20)
    assert len(numbers) == 20
    assert kept(lab, "bigdata-db", numbers)
    until(lambda: kept(lab, "dr-db", numbers))


def test_role_endpoints_say_who_is_primary(lab: Loopback) -> None:
    for host in DATABASES:
        primary = host == "cloud-db"
        assert lab.get(host, "role", "/primary")[0] == (200 if primary else 503)
        assert lab.get(host, "role", "/standby")[0] == (503 if primary else 200)
        assert lab.get(host, "role", "/health")[0] == 200


def test_the_entry_speaks_tls_with_the_labs_authority(lab: Loopback) -> None:
    context = ssl.create_default_context(cafile=str(lab.folder / "ca" / "ca.pem"))
    url = f"https://{lab.address('dr-entry')}:{PORTS['haproxy-tls']}/desk/health"
    with urllib.request.urlopen(url, context=context, timeout=5) as answer:
        assert answer.status == 200


def test_another_center_answers_when_the_application_is_stopped(lab: Loopback) -> None:
    lab.sv("down", "cloud-app", "app")
    until(lambda: lab.get("cloud-entry", "haproxy-web", "/marriage/read")[1].get("center") == "bigdata")
    assert lab.get("cloud-entry", "haproxy-web", "/data-hub/read")[1]["center"] == "cloud"
    lab.sv("up", "cloud-app", "app")
    until(lambda: lab.get("cloud-entry", "haproxy-web", "/marriage/read")[1].get("center") == "cloud")


def test_a_killed_database_comes_back_with_every_acknowledged_write(lab: Loopback) -> None:
    numbers, before = writes(lab, 10), lab.pid("cloud-db", "postgres")
    os.kill(before, signal.SIGKILL)
    until(lambda: lab.pid("cloud-db", "postgres") not in (0, before))  # a session outlives its dead server for a moment
    until(lambda: write(lab, "cloud-entry"))
    assert kept(lab, "cloud-db", numbers)


def test_without_its_synchronous_standby_writes_are_refused_and_reads_go_on(lab: Loopback) -> None:
    lab.power_off("bigdata-db")
    try:
        status, answer = lab.get("cloud-entry", "haproxy-web", "/marriage/write", b"x")
        assert status == 503 and "within 1.5 s" in answer["reason"]
        for _ in range(12):  # more than the writers have connections
            assert lab.get("cloud-entry", "haproxy-web", "/marriage/read")[0] == 200
    finally:
        lab.power_on("bigdata-db")


def test_a_primary_that_lost_power_comes_back_by_itself(lab: Loopback) -> None:
    numbers = writes(lab, 10)
    lab.power_off("cloud-db")
    until(lambda: lab.get("dr-entry", "haproxy-web", "/marriage/read")[0] == 503)
    assert lab.get("dr-entry", "haproxy-web", "/marriage/health")[0] == 200
    lab.power_on("cloud-db")
    until(lambda: write(lab, "dr-entry"))
    assert kept(lab, "cloud-db", numbers)


def test_a_frozen_primary_gives_answers_in_time(lab: Loopback) -> None:
    lab.freeze("cloud-db", signal.SIGSTOP)
    try:
        assert lab.get("cloud-entry", "haproxy-web", "/marriage/write", b"x")[0] == 503
        until(lambda: "DOWN" in lab.entry("cloud-entry", "show stat pg").split("pg,cloud-db,")[1].split("\n")[0])
        assert lab.get("cloud-entry", "haproxy-web", "/marriage/read")[0] == 503
    finally:
        lab.freeze("cloud-db", signal.SIGCONT)


def test_a_frozen_application_is_passed_by(lab: Loopback) -> None:
    lab.freeze("cloud-app", signal.SIGSTOP)
    try:
        until(lambda: lab.get("cloud-entry", "haproxy-web", "/marriage/read")[1].get("center") == "bigdata")
    finally:
        lab.freeze("cloud-app", signal.SIGCONT)


def test_hostile_batches_are_text_and_whole_ones_are_loaded(lab: Loopback, tmp_path: Path) -> None:
    folder = lab.place("cloud-xchg").folder / "data" / "exchange" / "440000"
    folder.mkdir()
    names = [f"440000_20260101T00000{n}_{n}.csv" for n in range(5)]
    hostile = [
        "; touch owned;.csv",
        "{{ lookup('pipe', 'touch owned') }}.csv",
        "'); DROP TABLE record; --.csv",
        "\nx.csv",
    ]
    for name in (*names, *hostile, "liar.csv", "unfinished.csv"):
        (folder / name).write_bytes(b"1,2\n3,4\n")
        if name != "unfinished.csv":
            said = describe(b"1,2\n" if name == "liar.csv" else b"1,2\n3,4\n")
            (folder / f"{name}.ok").write_text(said.text())
    until(lambda: lab.sql("cloud-db", "SELECT count(*), sum(records) FROM exchange_batch", "civil") == "9|18")
    until(lambda: len(list(folder.glob("*.ok"))) == 4)  # three to look at, and the one that lies
    assert {"liar.csv", "unfinished.csv"} <= {path.name for path in folder.iterdir()}
    stored = lab.sql("cloud-db", "SELECT file FROM exchange_batch WHERE file LIKE '%touch%' ORDER BY 1", "civil")
    assert stored == "; touch owned;.csv\n{{ lookup('pipe', 'touch owned') }}.csv"
    assert not list(lab.folder.rglob("owned"))


def test_a_backlog_waits_for_the_database(lab: Loopback) -> None:
    folder = lab.place("cloud-xchg").folder / "data" / "exchange" / "110000"
    folder.mkdir()
    lab.sv("down", "cloud-db", "postgres")
    for number in range(6):
        (folder / f"{number}.csv").write_bytes(b"1\n")
        (folder / f"{number}.csv.ok").write_text(describe(b"1\n").text())
    log = lab.place("cloud-xchg").folder / "sv" / "ingest" / "out"
    until(lambda: "does not take batches" in log.read_text())
    assert len(list(folder.glob("*.ok"))) == 6
    lab.sv("up", "cloud-db", "postgres")
    until(lambda: len(list(folder.glob("*.ok"))) == 3)


class TestFailover:
    """Last: it changes who is primary, and back."""

    def test_every_entry_follows_a_promotion(self, lab: Loopback) -> None:
        numbers = writes(lab, 10)
        for entry in ENTRIES:
            lab.entry(entry, "set server pg/cloud-db state maint")
        lab.sv("down", "cloud-db", "postgres")
        assert lab.sql("bigdata-db", "SELECT pg_promote()") == "t"
        for entry in ENTRIES:
            until(lambda entry=entry: write(lab, entry))  # type: ignore[misc]
        assert kept(lab, "bigdata-db", numbers)
        self._back(lab)

    def _back(self, lab: Loopback) -> None:
        """The promoted one becomes a clone again."""
        lab.sv("down", "bigdata-db", "postgres")
        shutil.rmtree(lab.place("bigdata-db").folder / "data" / "pg")
        for entry in ENTRIES:
            lab.entry(entry, "set server pg/cloud-db state ready")
        lab.sv("up", "cloud-db", "postgres")
        lab.sv("up", "bigdata-db", "postgres")
