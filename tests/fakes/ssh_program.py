"""A program called ``ssh`` that reaches OpenSSH's real SFTP server without a network, and fails where it is told to.

The fault strikes at the rename that completes an envelope: ``refuse``, ``lost-word`` (done, but gone before saying so),
``die`` (gone before it is done).
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import IO

SERVER = shutil.which("sftp-server", path="/usr/lib/openssh:/usr/libexec/openssh:/usr/lib/ssh:/usr/libexec")


def install(folder: Path, fault: str) -> None:
    """Put it into a folder that stands first in PATH."""
    program = folder / "ssh"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} -S {__file__} '{fault}'\n")
    program.chmod(0o755)


def _packet(stream: IO[bytes]) -> bytes:
    head = stream.read(4)
    return head + stream.read(struct.unpack("!I", head)[0]) if len(head) == 4 else b""


def main(fault: str) -> None:
    """Between client and server, packet by packet."""
    assert SERVER is not None
    server = subprocess.Popen([SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None and server.stdout is not None
    while packet := _packet(sys.stdin.buffer):
        struck = fault if packet.endswith(b".csv.ok") else ""
        if struck == "die":
            server.kill()
            return
        if struck == "refuse":
            asked = packet[5:9]
            answer = b"\x65" + asked + struct.pack("!II", 4, 7) + b"no room" + struct.pack("!I", 0)
            sys.stdout.buffer.write(struct.pack("!I", len(answer)) + answer)
        else:
            server.stdin.write(packet)
            server.stdin.flush()
            answer = _packet(server.stdout)
            if struck == "lost-word":
                server.kill()
                return
            sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1])
