"""SSH keys and passwords of the lab, made new for each lab."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

#: Who logs in to hosts: the operations desk (and its probers), and the provinces that deliver files.
PEOPLE = ("operator", "province")
#: Who logs in to databases.
ROLES = ("admin", "app", "watcher", "replication", "canary")


def make(folder: Path, hosts: tuple[str, ...]) -> None:
    """Write what is not there yet: key pairs for people and hosts, ``authorized_keys``, a password a role."""
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "hosts").mkdir(mode=0o700, exist_ok=True)
    for name in PEOPLE:
        _key_pair(folder / name, f"{name}@lab")
    for host in hosts:
        _key_pair(folder / "hosts" / host, host)
    publics = "".join((folder / f"{name}.pub").read_text() for name in PEOPLE)
    private(folder / "authorized_keys", publics.encode())
    for role in ROLES:
        path = folder / f"{role}.password"
        if not path.exists():
            private(path, f"{secrets.token_hex(16)}\n".encode())


def host_key(folder: Path, host: str) -> str:
    """A host's public key as ``ssh-ed25519 AAAA...``, without a comment."""
    kind, key, *_ = (folder / "hosts" / f"{host}.pub").read_text().split()
    return f"{kind} {key}"


def private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, never readable by others even for a moment."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _key_pair(path: Path, comment: str) -> None:
    public = path.with_name(path.name + ".pub")
    if public.exists():
        return
    key = Ed25519PrivateKey.generate()
    private(path, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    public.write_text(f"{line} {comment}\n")
