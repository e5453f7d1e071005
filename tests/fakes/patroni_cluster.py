"""A real Patroni with two members on loopback: PostgreSQL under each, etcd between them, HAProxy before them."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from lab.packages import FOR_TESTS, NEEDED, SEARCH, missing
from tests.fakes.postgres_cluster import binaries, eventually

ROOT = Path(__file__).parent.parent.parent
PASSWORDS = {"postgres": "not-a-secret", "replication": "nor-this", "operator": "this-neither"}
HOSTS = {"cloud-db": "127.0.0.2", "bigdata-db": "127.0.0.3"}
ENTRY = "127.0.0.4"


def lacking() -> str:
    """The Debian packages without which it cannot run here."""
    uses = {"postgresql-15", "haproxy", "openssh-server", "openssh-client", "util-linux", "etcd-server"}
    return " ".join(one.name for one in missing((*NEEDED, *FOR_TESTS)) if one.name in uses)


@dataclass(frozen=True)
class Member:
    """One member; its server's port and socket, and its REST interface."""

    name: str
    address: str
    port: int
    api: int
    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def connect(self, **more: Any) -> psycopg.Connection[tuple[Any, ...]]:
        """A session straight at the server."""
        return connect(self.address, self.port, **more)

    def asks(self, query: str) -> Any:
        with self.connect() as session:
            (value,) = session.execute(query.encode()).fetchone() or (None,)
        return value


@dataclass(frozen=True)
class Cluster:
    """What runs, and where."""

    folder: Path
    members: dict[str, Member]
    entry_port: int

    @property
    def entry_socket(self) -> Path:
        return self.folder / "entry.sock"

    @property
    def passwords(self) -> Path:
        return self.folder / "passwords"


def connect(address: str, port: int, **more: Any) -> psycopg.Connection[tuple[Any, ...]]:
    told: dict[str, Any] = {"connect_timeout": 2, "autocommit": True, **more}
    return psycopg.connect(
        host=address, port=port, user="postgres", password=PASSWORDS["postgres"], dbname="postgres", **told
    )


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """Both members, the first leads and waits for the second; everything is gone afterwards."""
    programs = binaries()
    assert programs is not None
    subprocess.run(["make", "--no-print-directory", "-C", ROOT, "patroni"], check=True, timeout=300)
    folder = Path(tempfile.mkdtemp(prefix="patroni-", dir="/tmp"))
    folder.chmod(0o755)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        made = Cluster(folder, {name: _member(folder, name) for name in HOSTS}, _free_port())
        _write_passwords(made)
        store = _free_port()
        stack.enter_context(_running(folder, "etcd", _etcd(folder, store)))
        first, second = made.members.values()
        stack.enter_context(_patroni(first, _configuration(first, store, programs)))
        eventually(lambda: first.asks("SELECT NOT pg_is_in_recovery()"), "the first member leads")
        stack.enter_context(_patroni(second, _configuration(second, store, programs)))
        stack.enter_context(_running(folder, "haproxy", _haproxy(made)))
        waits = "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'sync'"
        eventually(lambda: first.asks(waits), "the first member waits for the second")
        yield made


def _member(folder: Path, name: str) -> Member:
    own = folder / name
    own.mkdir()
    _give(own)
    return Member(name, HOSTS[name], _free_port(), _free_port(), own)


def _write_passwords(made: Cluster) -> None:
    made.passwords.mkdir()
    for role, password in PASSWORDS.items():
        (made.passwords / f"{role}.password").write_text(password + "\n")


def _etcd(folder: Path, port: int) -> list[str]:
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{_free_port()}"
    (folder / "store").mkdir(0o700)
    _give(folder / "store")
    listens = ["--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer]
    knows = ["--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"]
    return ["etcd", "--data-dir", str(folder / "store"), *listens, *knows]


def _configuration(member: Member, store: int, programs: Path) -> dict[str, Any]:
    """What an estate has in patroni.yml, with the shortest times that Patroni takes."""
    parameters = {"fsync": "off", "shared_buffers": "16MB", "wal_retrieve_retry_interval": "100ms"}
    dynamic = {"ttl": 20, "loop_wait": 1, "retry_timeout": 3, "synchronous_mode": True}
    here = f"{member.address}:{member.port}"
    interface = f"{member.address}:{member.api}"
    roles = {"superuser": "postgres", "replication": "replication"}
    return {
        "scope": "civil",
        "name": member.name,
        "restapi": {
            "listen": interface,
            "connect_address": interface,
            "authentication": {"username": "operator", "password": PASSWORDS["operator"]},
        },
        "etcd3": {"host": f"127.0.0.1:{store}"},
        "bootstrap": {
            "dcs": {**dynamic, "postgresql": {"use_pg_rewind": False, "parameters": parameters}},
            "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "no-sync"],
        },
        "postgresql": {
            "listen": here,
            "connect_address": here,
            "data_dir": str(member.data),
            "bin_dir": str(programs),
            "pgpass": str(member.folder / "pgpass"),
            "authentication": {what: {"username": role, "password": PASSWORDS[role]} for what, role in roles.items()},
            "pg_hba": [
                "local all all trust",
                "host all all 127.0.0.0/8 scram-sha-256",
                "host replication replication 127.0.0.0/8 scram-sha-256",
            ],
            "basebackup": [{"checkpoint": "fast"}, "no-sync"],
            "parameters": {"unix_socket_directories": str(member.folder)},
        },
    }


_ENTRY = """
global
    stats socket {socket} mode 600 level admin
defaults
    mode tcp
    timeout connect 500ms
    timeout client 1h
    timeout server 1h
    timeout check 1s
    default-server check inter 300ms fall 2 rise 1 on-marked-down shutdown-sessions
listen pg
    bind {address}:{port}
    balance first
    option httpchk
    http-check send meth GET uri /primary
    http-check expect status 200
"""


def _haproxy(made: Cluster) -> list[str]:
    text = _ENTRY.format(socket=made.entry_socket, address=ENTRY, port=made.entry_port)
    for one in made.members.values():
        text += f"    server {one.name} {one.address}:{one.port} port {one.api}\n"
    file = made.folder / "haproxy.cfg"
    file.write_text(text)
    _give(made.folder)
    return ["haproxy", "-db", "-f", str(file)]


@contextlib.contextmanager
def _patroni(member: Member, configuration: dict[str, Any]) -> Iterator[None]:
    """Patroni first, so that it starts nothing again, then its server, by the number that this wrote down."""
    file = member.folder / "patroni.json"
    file.write_text(json.dumps(configuration))
    try:
        with _running(member.folder, "patroni", [str(ROOT / "var/patroni/bin/patroni"), str(file)]):
            yield
    finally:
        number = member.data / "postmaster.pid"
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int(number.read_text().split()[0]), signal.SIGQUIT)
            eventually(lambda: not number.exists(), "the server ends")


@contextlib.contextmanager
def _running(folder: Path, name: str, argv: list[str]) -> Iterator[None]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [*_as_server(), *argv],
            env={**os.environ, "PATH": SEARCH},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield
    except BaseException:
        print(f"--- {name}\n{(folder / f'{name}.log').read_text()[-3000:]}")
        raise
    finally:
        process.kill()
        process.wait()


def _as_server() -> list[str]:
    """Servers refuse to be root. Who may read everything finds the project, wherever that lies."""
    alone = ["setpriv", "--pdeathsig=TERM"]
    if os.geteuid() != 0:
        return [*alone, "--"]
    reads = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return [*alone, "--reuid=postgres", "--regid=postgres", "--init-groups", *reads, "--"]


def _give(path: Path) -> None:
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(path, owner.pw_uid, owner.pw_gid)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
