"""The known_hosts file, as paramiko reads it."""

from __future__ import annotations

from pathlib import Path

import paramiko

from inventory.known_hosts import known_as, known_hosts
from inventory.load import load

BASE = Path(__file__).parent.parent / "golden" / "broken" / "base"


def test_only_hosts_with_a_key_are_known(tmp_path: Path) -> None:
    text = known_hosts(load(BASE))
    assert text.splitlines() == [
        "[192.0.2.31]:2222 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIOIpDrtTbPXWwqd1zR6xMoFK0ZjdrIS45t3qsBwTHp9"
    ]
    file = tmp_path / "known_hosts"
    file.write_text(text)
    keys = paramiko.HostKeys(str(file))
    assert keys.lookup(known_as("192.0.2.31", 2222)) is not None
    assert keys.lookup(known_as("192.0.2.21", 22)) is None


def test_the_usual_port_goes_without_saying() -> None:
    assert known_as("192.0.2.1", 22) == "192.0.2.1"
    assert known_as("2001:db8::1", 2222) == "[2001:db8::1]:2222"
