"""An SSH server that speaks the real protocol on loopback: runs commands in a real shell, serves a real folder by SFTP.

Its faults are those of real hosts: frozen (the kernel accepts, nobody answers), another host key, a dead connection,
output without end.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED

from inventory.errors import Mark
from inventory.model import Host, Ssh

#: Stands in for a command: gets the channel, answers on it.
Script = Callable[[paramiko.Channel], None]


def make_key(path: Path) -> paramiko.PKey:
    """A fresh private key in OpenSSH's format at ``path``."""
    private = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    path.write_bytes(private)
    path.chmod(0o600)
    return paramiko.PKey.from_path(path)


@dataclass
class SshServer:
    """Started by ``with``; ``host()`` describes it as the estate would."""

    folder: Path  #: keys live here; SFTP serves ``files`` below it
    scripts: dict[str, Script] = field(default_factory=dict)  #: part of a command line -> what answers in its place
    connections: int = 0
    commands: list[str] = field(default_factory=list)
    services_dir: str | None = None

    def __enter__(self) -> SshServer:
        (self.folder / "files").mkdir(exist_ok=True)
        self.client_key = make_key(self.folder / "client")
        self.host_key = make_key(self.folder / "host")
        self._transports: list[paramiko.Transport] = []
        self._ending = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        self.drop_connections()

    def drop_connections(self) -> None:
        """Every open connection ends, as after a reboot."""
        for transport in self._transports:
            transport.close()
        self._transports.clear()

    def host(self, **changes: Any) -> Host:
        """The host as the estate knows it."""
        known = f"{self.host_key.get_name()} {self.host_key.get_base64()}"
        ssh = {"user": "ops", "port": self.port, "key": str(self.folder / "client"), "host_key": known} | changes
        return Host(
            id="cloud-app",
            center="cloud",
            address="127.0.0.1",
            ssh=Ssh(**ssh),
            services_dir=self.services_dir,
            mark=Mark(Path("hosts.yml"), 1),
        )

    def _accept(self) -> None:
        while not self._ending.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            transport = paramiko.Transport(sock)
            transport.add_server_key(self.host_key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _folder(self.folder / "files"))
            self._transports.append(transport)
            transport.start_server(server=_Session(self), event=threading.Event())


class _Session(paramiko.ServerInterface):
    def __init__(self, server: SshServer) -> None:
        self._server = server

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        known = username == "ops" and key == self._server.client_key
        return AUTH_SUCCESSFUL if known else AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        text = command.decode()
        self._server.commands.append(text)
        script = next((script for part, script in self._server.scripts.items() if part in text), None)
        target, args = (script, (channel,)) if script else (_shell, (channel, text))
        threading.Thread(target=_quietly, args=(target, *args), daemon=True).start()
        return True


def _quietly(script: Callable[..., None], channel: paramiko.Channel, *args: Any) -> None:
    """Run a script; a client that hangs up in the middle is part of the tests."""
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException), contextlib.closing(channel):
        channel.recv(1)  # the end of its input, which it sends once it knows that the command runs
        script(channel, *args)


def _shell(channel: paramiko.Channel, command: str) -> None:
    argv = ["sh", "-c", command]
    done = subprocess.run(argv, check=False, capture_output=True, stdin=subprocess.DEVNULL, timeout=20)
    channel.sendall(done.stdout)
    channel.sendall_stderr(done.stderr)
    channel.send_exit_status(done.returncode)


def says(out: bytes, err: bytes = b"", code: int = 0) -> Script:
    """A script that answers with fixed bytes."""

    def answer(channel: paramiko.Channel) -> None:
        channel.sendall_stderr(err)
        channel.sendall(out)
        channel.send_exit_status(code)

    return answer


def silent(until: threading.Event) -> Script:
    """A script that answers nothing until it is released."""

    def wait(channel: paramiko.Channel) -> None:
        until.wait(30)

    return wait


def frozen_listener() -> socket.socket:
    """A server whose process is stopped: the kernel completes TCP handshakes, nobody says a word."""
    return socket.create_server(("127.0.0.1", 0), backlog=100)


def _folder(root: Path) -> type[paramiko.SFTPServerInterface]:
    """What SFTP clients see: the files below ``root``, names as the bytes they are."""

    def real(path: str | bytes) -> Path:
        return root / os.fsdecode(os.path.normpath(b"/" + os.fsencode(path))).lstrip("/")

    class Folder(paramiko.SFTPServerInterface):
        def list_folder(self, path: str) -> Any:
            try:
                return [_attributes(each) for each in sorted(real(path).iterdir())]
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno or 0)

        def stat(self, path: str) -> Any:
            try:
                return _attributes(real(path))
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno or 0)

        def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> Any:
            try:
                file = real(path).open("rb")
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno or 0)
            handle: Any = paramiko.SFTPHandle(flags)
            handle.readfile = file
            return handle

    return Folder


def _attributes(path: Path) -> Any:
    entry: Any = paramiko.SFTPAttributes.from_stat(path.stat())
    entry.filename = os.fsencode(path.name)  # bytes go over the wire as they are
    return entry
