"""renew-certificate on a real TLS service: the port shows the new one, or the old one is back and works."""

from __future__ import annotations

import hashlib
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from checks.result import Status
from runbooks.run_record import Outcome, Run
from tests.fakes import runit
from tests.fakes.loopback_host import LoopbackHost
from tests.fakes.sshd import SSHD, sshd

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not (SSHD and runit.RUNSVDIR and shutil.which("openssl")), reason="needs sshd, runit, openssl"),
]


def openssl(*argv: object, **more: str) -> None:
    subprocess.run(["openssl", *map(str, argv)], check=True, capture_output=True, text=True, **more)  # type: ignore[call-overload]


@dataclass
class Authority:
    """A certificate authority of the test's own."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self._new("ca", "-x509", "-days", 3650, "-subj", "/CN=test authority")

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.crt"

    def _new(self, name: str, *more: object) -> None:
        key, made = self.folder / f"{name}.key", self.folder / f"{name}.crt"
        openssl(
            "req",
            "-new",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            key,
            "-out",
            made,
            *more,
        )

    def issue(self, to: Path, days: int, names: str = "DNS:web.example", key: Path | None = None) -> str:
        """A PEM with certificate and key; returns the certificate's SHA-256."""
        self._new("one", "-subj", "/CN=web.example")
        ext = self.folder / "ext"
        ext.write_text(f"subjectAltName={names}\nextendedKeyUsage=serverAuth\n")
        signed = self.folder / "signed.crt"
        by = ("-CA", self.certificate, "-CAkey", self.folder / "ca.key", "-CAcreateserial")
        openssl("x509", "-req", "-in", self.folder / "one.crt", *by, "-days", days, "-extfile", ext, "-out", signed)
        to.write_text(signed.read_text() + (key or self.folder / "one.key").read_text())
        to.chmod(0o600)
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(signed.read_text())).hexdigest()


SERVER = """
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
door = socket.create_server(("127.0.0.1", int(sys.argv[2])))
while True:
    line, _ = door.accept()
    try:
        line.settimeout(5)
        context.wrap_socket(line, server_side=True).close()
    except OSError:
        line.close()
"""


@dataclass
class Web:
    host: LoopbackHost
    authority: Authority
    file: Path
    incoming: Path
    port: int

    def shown(self) -> str:
        """The SHA-256 of the certificate on the port; empty when nobody answers."""
        try:
            pem = ssl.get_server_certificate(("127.0.0.1", self.port), timeout=5)
        except OSError:
            return ""
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()

    def renew(self, *, check_mode: bool = False, **more: str) -> Run:
        given = {
            "service": "web",
            "incoming": str(self.incoming),
            "file": str(self.file),
            "authority": str(self.authority.certificate),
            "port": str(self.port),
        }
        verify = lambda: Status.OK if self.shown() else Status.DOWN  # noqa: E731
        return self.host.run("renew-certificate", given | more, verify, check_mode=check_mode)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    authority = Authority(tmp_path / "ca")
    file, incoming = tmp_path / "web.pem", tmp_path / "incoming" / "new.pem"
    incoming.parent.mkdir()
    authority.issue(file, days=3)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    (tmp_path / "server.py").write_text(SERVER)
    script = f"#!/bin/sh\nexec {sys.executable} {tmp_path}/server.py {file} {port} 2>/dev/null\n"
    (tmp_path / "sshd").mkdir()
    with sshd(tmp_path / "sshd") as server, runit.services(tmp_path / "sv", {"web": script}) as services:
        labels = {"cert-incoming": str(incoming.parent)}
        yield Web(LoopbackHost(server, tmp_path / "var", services, labels=labels), authority, file, incoming, port)


def test_the_new_certificate_comes_into_service(web: Web) -> None:
    wanted = web.authority.issue(web.incoming, days=400)
    rehearsed = web.renew(check_mode=True)
    assert rehearsed.outcome is Outcome.CHECKED, rehearsed
    assert web.shown() != wanted
    found = web.renew()
    assert found.outcome is Outcome.REPAIRED, found
    assert web.shown() == wanted
    assert "in service" in found.sentence
    assert oct(web.file.stat().st_mode)[-3:] == "600"
    key = web.incoming.read_text().partition("PRIVATE KEY")[2][:60]
    assert not [file for file in web.host.var.rglob("*") if file.is_file() and key in file.read_text(errors="replace")]


@pytest.mark.parametrize("case", ["foreign", "short", "names", "key"])
def test_a_certificate_that_is_not_right_is_not_touched(web: Web, case: str, tmp_path: Path) -> None:
    before = web.shown()
    match case:
        case "foreign":
            Authority(tmp_path / "other").issue(web.incoming, days=400)
        case "short":
            web.authority.issue(web.incoming, days=5)
        case "names":
            web.authority.issue(web.incoming, days=400, names="DNS:other.example")
        case "key":
            web.authority.issue(web.incoming, days=400, key=web.authority.folder / "ca.key")
    held = web.file.read_bytes()
    found = web.renew()
    assert found.outcome is Outcome.FAILED, found
    assert (web.file.read_bytes(), web.shown()) == (held, before)


def test_when_it_does_not_come_into_service_the_old_one_is_back(web: Web) -> None:
    before = web.shown()
    web.authority.issue(web.incoming, days=400)
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:  # a port that never shows it
        found = web.renew(port=str(elsewhere.getsockname()[1]))
    assert found.outcome is Outcome.FAILED, found
    assert "old one was put back" in found.sentence
    assert web.shown() == before
