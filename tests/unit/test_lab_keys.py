from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from lab.keys import host_key, make


def test_keys_and_passwords_are_for_their_owner_only(tmp_path: Path) -> None:
    make(tmp_path / "keys", ("cloud-db",))
    secret = [path for path in (tmp_path / "keys").rglob("*") if path.is_file() and path.suffix != ".pub"]
    assert len(secret) == 2 + 1 + 1 + 5  # people, authorized_keys, one host, passwords
    assert {path.stat().st_mode & 0o777 for path in secret} == {0o600}
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


def test_made_again_they_stay(tmp_path: Path) -> None:
    make(tmp_path / "keys", ("cloud-db",))
    before = {path: path.read_bytes() for path in (tmp_path / "keys").rglob("*") if path.is_file()}
    make(tmp_path / "keys", ("cloud-db",))
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_openssh_reads_them(tmp_path: Path) -> None:
    make(tmp_path / "keys", ("cloud-db",))
    private = tmp_path / "keys" / "hosts" / "cloud-db"
    shown = subprocess.run(["ssh-keygen", "-y", "-f", str(private)], capture_output=True, text=True, check=True)
    assert shown.stdout.split()[:2] == host_key(tmp_path / "keys", "cloud-db").split()
