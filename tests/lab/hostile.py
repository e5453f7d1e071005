"""Text that wants to be run, and everything that says it: servers, a certificate, file names, an estate."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from inventory.errors import Problem
from inventory.node import plain
from inventory.tree import parse
from lab.client import Lab
from lab.services.exchange_files import describe

TEMPLATE = "{{ lookup('pipe', 'touch owned') }}"
SCRIPT = "<script>alert(1)</script>"
SHELL = "; touch owned; $(touch owned) `touch owned` | touch owned"
#: an image, because a file's name holds no slash
IMAGE = "<img src=x onerror=alert(1)>"
#: title, clear screen and colour; a bell; 8-bit CSI; right-to-left override and isolate; a zero-width space
UNSEEN = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b2J\u202e\u2067\u200b"
LOUD = f"{UNSEEN}{TEMPLATE} {SHELL} {SCRIPT}"
FILE_NAMES = (TEMPLATE, SHELL, IMAGE, f"{UNSEEN}{TEMPLATE}", "-rf", "--checkpoint-action=exec=touch owned")
#: each in the folder of another province, so that each is named by a verdict
PROVINCES = ("110000", "120000", "130000", "140000", "150000", "210000")
#: the province whose hostile batches are complete, so that the exchange front end takes them in
COMPLETE = "220000"
#: characters that no output may hold but for colours of our own
FORBIDDEN = "\x07\x9b\u202e\u2067\u200b"


def http(status: str, body: bytes, *headers: str) -> bytes:
    """An answer; headers are put in as they are."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def _prometheus() -> bytes:
    series = {"metric": {"__name__": "up", "job": LOUD, "instance": SCRIPT}, "value": [time.time(), "9"]}
    answer = {"status": "success", "data": {"resultType": "vector", "result": [series]}}
    return http("200 OK", json.dumps(answer).encode(), "Content-Type: application/json")


def _certificate(file: Path) -> ssl.SSLContext:
    """A server's side of TLS whose certificate bears hostile names."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = {NameOID.COMMON_NAME: f"\x1b[2J{TEMPLATE}", NameOID.ORGANIZATION_NAME: SCRIPT}
    subject = x509.Name([x509.NameAttribute(kind, text) for kind, text in names.items()])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=90))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@contextmanager
def _says(address: str, answer: bytes, *, first: bool = False, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server that says the same to everybody, after the question or ``first``; yields its port."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=speak, args=(connection,), daemon=True).start()

    def speak(plain_socket: socket.socket) -> None:
        plain_socket.settimeout(5)
        try:
            with tls.wrap_socket(plain_socket, server_side=True) if tls else plain_socket as connection:
                if not first:
                    connection.recv(65536)
                connection.sendall(answer)
        except OSError:
            plain_socket.close()

    with socket.create_server((address, 0), backlog=50) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


@contextmanager
def servers(address: str, folder: Path) -> Iterator[dict[str, int]]:
    """Hostile servers on an address; yields their ports by name."""
    location = "Location: http://$(touch-owned)<script>/"
    with ExitStack() as stack:
        ports = {
            "web": stack.enter_context(_says(address, http(f"200 {LOUD}", LOUD.encode(), f"X-Say: {SCRIPT}"))),
            "elsewhere": stack.enter_context(_says(address, http("302 Found", b"", location))),
            "banner": stack.enter_context(_says(address, f"SSH-{LOUD}\r\n".encode(), first=True)),
            "tls": stack.enter_context(_says(address, b"", first=True, tls=_certificate(folder / "server.pem"))),
            "prometheus": stack.enter_context(_says(address, _prometheus())),
        }
        yield ports


def checks(lab: Lab, ports: dict[str, int]) -> dict[str, dict[str, Any]]:
    """One check of each kind whose answer, or whose parameter on its way to a host, is hostile; by name."""
    desk = lab.topology.desk
    spelt = "".join(f"\\0{byte:o}" for byte in LOUD.encode())  # an estate refuses what cannot be seen
    shout = ["sh", "-c", 'printf "%b" "$1"; exit 2', "sh", spelt]
    return {
        "web": {"kind": "http", "url": f"http://{desk}:{ports['web']}/", "body": f"{TEMPLATE}, but not this"},
        "elsewhere": {"kind": "http", "url": f"http://{desk}:{ports['elsewhere']}/", "follow": True},
        "banner": {"kind": "tcp", "address": desk, "port": ports["banner"], "banner": "not this"},
        "tls": {"kind": "tls", "address": desk, "port": ports["tls"]},
        "series": {"kind": "promql", "url": f"http://{desk}:{ports['prometheus']}", "query": "up", "down": "> 5"},
        "plugin": {"kind": "plugin", "command": shout},
        "remote": {"kind": "plugin", "command": shout, "over": "ssh"},
        "file": {"kind": "ssh", "ask": "file", "path": f"/srv/{TEMPLATE}{SHELL}", "degraded": "10m"},
        "disk": {"kind": "ssh", "ask": "disk", "path": f"/srv/{TEMPLATE}{SHELL}", "degraded": "85%"},
        "folder": {"kind": "sftp", "path": f"/srv/{TEMPLATE}{SHELL}", "fresh": "90s"},
        "database": {
            "kind": "postgres",
            "database": f"{TEMPLATE}; touch owned",
            "user": "watcher",
            "password_file": "/srv/lab/keys/watcher.password",
        },
    }


def scratch(lab: Lab) -> Path:
    """A folder on cloud-app whose name is hostile, as the host sees it; its runbook may clean there."""
    return lab.inside("cloud-app") / "data" / "scratch" / f"{TEMPLATE}{SHELL} {IMAGE}"


@contextmanager
def files(lab: Lab) -> Iterator[None]:
    """Hostile names in the provinces' folders and in the folder to be cleaned, while the block runs."""
    exchange = lab.layout.data("cloud-xchg") / "exchange"
    old = time.time() - 120
    laid = []
    for code, name in zip(PROVINCES, FILE_NAMES, strict=True):
        batch = exchange / code / f"{name}.csv"
        batch.write_text(f"{LOUD}\n")
        os.utime(batch, (old, old))
        laid.append(batch)
        laid += _delivered(exchange / COMPLETE / f"{name}.csv")
    full = lab.layout.data("cloud-app") / "scratch" / scratch(lab).name
    full.mkdir(parents=True)
    for name in FILE_NAMES:
        (full / f"filler {name}").write_text("x")
    try:
        yield
    finally:
        for batch in laid:
            batch.unlink(missing_ok=True)
        shutil.rmtree(full)


def _delivered(batch: Path) -> tuple[Path, Path]:
    """A batch and its true manifest, as a province delivers them."""
    manifest = batch.with_name(f"{batch.name}.ok")
    content = f"{LOUD} {batch.name}\n".encode()
    batch.write_bytes(content)
    manifest.write_text(describe(content).text())
    return batch, manifest


@contextmanager
def estate(lab: Lab, ports: dict[str, int]) -> Iterator[None]:
    """The lab's estate with hostile names, labels and checks, and its probers on it, while the block runs."""
    kept = {file: file.read_bytes() for file in lab.estate_folder.rglob("*.yml")}
    try:
        _rewrite(lab, ports)
        restart_probers(lab)
        yield
    finally:
        for file in set(lab.estate_folder.rglob("*.yml")) - kept.keys():
            file.unlink()
        for file, content in kept.items():
            file.write_bytes(content)
        restart_probers(lab)


def restart_probers(lab: Lab) -> None:
    for center in ("cloud", "bigdata", "dr"):
        done = lab.run(
            f"{center}-ops", ["sv", "-w", "20", "restart", str(lab.inside(f"{center}-ops") / "sv" / "prober")]
        )
        assert done.returncode == 0, done.stdout


def _rewrite(lab: Lab, ports: dict[str, int]) -> None:
    folder = lab.estate_folder
    named = {"zh": f"{TEMPLATE} 中文 {SCRIPT}", "en": f"{TEMPLATE} English {SCRIPT}"}
    with _changed(folder / "estate.yml") as written:
        written["name"] = named
        for kind, one in (("sites", "capital"), ("centers", "bigdata"), ("links", "cloud-bigdata")):
            written[kind][one]["name"] = named
    with _changed(folder / "hosts.yml") as written:
        labels = {"owner": f"{TEMPLATE}{SHELL} {SCRIPT}", "scratch": str(scratch(lab))}
        written["hosts"]["cloud-app"]["labels"] = labels
    with _changed(folder / "exchange.yml") as written:
        written["provinces"]["110000"] = {"name": named, "contact": f"{TEMPLATE}{SHELL}"}
    with _changed(folder / "systems" / "marriage.yml") as written:
        written |= {"name": named, "summary": named, "facts": {"provinces": f"{TEMPLATE}{SHELL} {SCRIPT}"}}
        written["owner"] = {"unit": named, "person": f"{TEMPLATE}{SHELL}", "phone": SCRIPT}
    components = {
        name: {
            "placement": {"cloud": {"hosts": ["cloud-db" if name == "database" else "cloud-app"]}},
            "checks": [{"id": "ask", "vantage": "own", **check}],
        }
        for name, check in checks(lab, ports).items()
    }
    desk = _read(folder / "systems" / "desk.yml")
    system = {key: desk[key] for key in ("owner", "grade", "targets")}
    system |= {"system": "hostile", "name": named, "summary": named, "components": components}
    (folder / "systems" / "hostile.yml").write_text(json.dumps(system, ensure_ascii=False))


@contextmanager
def _changed(file: Path) -> Iterator[dict[str, Any]]:
    """An estate's file as values, written back at the end of the block (JSON is YAML)."""
    written = _read(file)
    yield written
    file.write_text(json.dumps(written, ensure_ascii=False))


def _read(file: Path) -> Any:
    problems: list[Problem] = []
    node = parse(file, problems)
    assert node is not None, problems
    return plain(node)


def owned(lab: Lab, *desk: Path) -> list[str]:
    """Every file that hostile text would have made: on the hosts, in the lab's folder, in folders of the desk."""
    found = []
    for host in lab.hosts():
        places = ["/tmp", "/var/tmp", "/run", "/etc", "/dev/shm", str(lab.inside(host))]
        done = lab.run(host, ["find", *places, "-name", "owned*"])
        found += [f"{host}:{line}" for line in done.stdout.splitlines()]
    found += [str(file) for folder in (lab.folder, *desk) for file in folder.rglob("owned*")]
    working = (Path("/"), Path("/tmp"), Path.home(), Path.cwd())
    return found + [str(folder / "owned") for folder in working if (folder / "owned").exists()]
