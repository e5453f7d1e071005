"""Whether the connection that brought a program is still there: by tables of the kernel, and by the real ones."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from failover.remote.above import ancestors, line_is_gone

SAID = "10.0.0.9 50022 10.0.0.1 22"
SAID_6 = "fe80::9%eth0 50022 fe80::1%eth0 22"
BASH, SSHD, SESSION = (f"7 ({name}) S 1 7" for name in ("bash", "sshd", "sshd-session"))
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue"


def kernel(address: str) -> str:
    """An address as the kernel's tables write it."""
    data = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    words = (data[at : at + 4] for at in range(0, len(data), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)


def line(ours: str, theirs: str, state: str = "01", port: int = 50022) -> str:
    return f"   0: {kernel(ours)}:0016 {kernel(theirs)}:{port:04X} {state} 00000000:00000000 00:00000000 00000000"


OPEN, MAPPED = line("10.0.0.1", "10.0.0.9"), line("::ffff:10.0.0.1", "::ffff:10.0.0.9")


@pytest.mark.parametrize(
    ("said", "above", "tcp", "tcp6", "gone"),
    [
        (SAID, BASH, OPEN, "", False),
        (SAID, BASH, "", MAPPED, False),
        (SAID_6, BASH, "", line("fe80::1", "fe80::9"), False),
        (SAID, BASH, "", "", True),
        (SAID_6, BASH, OPEN, "", True),
        (SAID, BASH, line("10.0.0.1", "10.0.0.9", "08"), "", True),
        (SAID, BASH, line("10.0.0.1", "10.0.0.9", port=50023), "", True),
        (SAID, BASH, line("10.0.0.9", "10.0.0.1"), "", True),
        (SAID, SSHD, "", "", False),
        (SAID, SESSION, "", "", False),
        (SAID, BASH, None, None, False),
        ("", BASH, "", "", False),
        ("UNKNOWN 65535 UNKNOWN 65535", BASH, "", "", False),
        ("half a line", BASH, "", "", False),
    ],
)
def test_a_line_is_gone_only_when_the_kernel_knows_it_no_more(
    tmp_path: Path, said: str, above: str, tcp: str | None, tcp6: str | None, gone: bool
) -> None:
    for folder in ("7", "net"):
        (tmp_path / folder).mkdir()
    (tmp_path / "7" / "stat").write_text(above)
    for name, text in (("tcp", tcp), ("tcp6", tcp6)):
        if text is not None:
            (tmp_path / "net" / name).write_text(f"{HEAD}\n{text}\n".replace("\n\n", "\n"))
    assert line_is_gone([7, 6], {"SSH_CONNECTION": said}, tmp_path) is gone


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_real_connection_is_seen_to_go(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        listening = socket.create_server((address, 0), family=family)
    except OSError:
        pytest.skip(f"no {address} here")
    with listening, socket.create_connection(listening.getsockname()[:2]) as client:
        ours, _ = listening.accept()
        ends = (*client.getsockname()[:2], *ours.getsockname()[:2])
        environ = {"SSH_CONNECTION": " ".join(map(str, ends))}
        assert not line_is_gone([], environ)
        client.close()
        ours.recv(1)
        ours.close()
        assert line_is_gone([], environ)


def test_the_nearest_process_above_is_the_parent() -> None:
    assert ancestors()[0] == os.getppid()
