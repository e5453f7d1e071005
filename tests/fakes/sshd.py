"""A real OpenSSH server on loopback with throw-away keys: one account (the one the tests run as), key login only."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")


@dataclass(frozen=True, slots=True)
class Sshd:
    """Where the server listens, who may come in, and the server's public key."""

    port: int
    user: str
    key: Path
    host_key: str
    folder: Path
    pid: int


def make_key(path: Path) -> str:
    """A new ed25519 key pair; returns the public key without its comment."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], check=True)
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _config(folder: Path, port: int, addresses: Sequence[str]) -> Path:
    lines = [
        f"Port {port}",
        *(f"ListenAddress {address}" for address in addresses),
        f"HostKey {folder}/host_key",
        f"AuthorizedKeysFile {folder}/authorized_keys",
        "PidFile none",
        "UsePAM no",
        "StrictModes no",
        "PasswordAuthentication no",
        "PermitRootLogin prohibit-password",
        "Subsystem sftp internal-sftp",
        # The person's own shell start-up files are no part of a test: they may be slow, or wait for each other.
        f"SetEnv HOME={folder}",
    ]
    path = folder / "sshd_config"
    path.write_text("\n".join(lines) + "\n")
    return path


def _wait_for(address: str, port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((address, port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError("sshd did not start")


@contextmanager
def sshd(folder: Path, addresses: Sequence[str] = ("127.0.0.1",)) -> Iterator[Sshd]:
    """Run a server until the block ends. ``folder`` must be empty; keys and the server's log are kept there."""
    assert SSHD is not None
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # the server refuses to start as root without it
    host_key = make_key(folder / "host_key")
    (folder / "authorized_keys").write_text(make_key(folder / "client_key") + "\n")
    port = _free_port()
    with (folder / "sshd.log").open("wb") as log:
        server = subprocess.Popen([SSHD, "-D", "-e", "-f", _config(folder, port, addresses)], stderr=log)
    try:
        _wait_for(addresses[0], port, server)
        user = pwd.getpwuid(os.geteuid()).pw_name
        yield Sshd(port, user, folder / "client_key", host_key, folder, server.pid)
    finally:
        server.terminate()
        server.wait()
