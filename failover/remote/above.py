"""Who started this program: the processes above it, and whether the SSH connection that brought it is gone already."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

_PROC = Path("/proc")
_ESTABLISHED = "01"
_End: TypeAlias = tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]


def ancestors() -> list[int]:
    """The processes above, the nearest first. When one of them ends, another takes its place."""
    chain, pid = [], os.getpid()
    while pid > 1:
        try:
            pid = int(_stat(pid).rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            break
        chain.append(pid)
    return chain


def line_is_gone(above: list[int], environ: Mapping[str, str] = os.environ, proc: Path = _PROC) -> bool:
    """Whether the SSH connection that started us had ended before we looked who is above; False when nobody can tell.

    A program that starts after its server's process has gone sees no change any more: its parents are others already.
    """
    ends = _connection(environ.get("SSH_CONNECTION", ""))
    if ends is None or any(_is_ssh_server(pid, proc) for pid in above):
        return False
    tables = [proc / "net" / name for name in ("tcp", "tcp6")]
    return any(table.exists() for table in tables) and ends not in {ends for file in tables for ends in _open(file)}


def _stat(pid: int, proc: Path = _PROC) -> str:
    return (proc / str(pid) / "stat").read_text(errors="replace")


def _is_ssh_server(pid: int, proc: Path) -> bool:
    try:
        return _stat(pid, proc).partition("(")[2].startswith("sshd")
    except OSError:
        return False


def _connection(said: str) -> tuple[_End, _End] | None:
    """The desk's end and ours, from ``client port server port``; inetd and the like say UNKNOWN."""
    try:
        theirs, their_port, ours, our_port = said.split()
        return (_plain(theirs), int(their_port)), (_plain(ours), int(our_port))
    except ValueError:
        return None


def _plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Without a zone, and IPv4 as IPv4 wherever it was written as IPv6."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return getattr(found, "ipv4_mapped", None) or found


def _open(table: Path) -> Iterator[tuple[_End, _End]]:
    """The connections of this host that both sides hold open, as (the other end, ours)."""
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:
        return
    for line in lines:
        _, ours, theirs, state, *_ = line.split()
        if state == _ESTABLISHED:
            yield _end(theirs), _end(ours)


def _end(text: str) -> _End:
    """The kernel writes addresses as words of 32 bits in the host's own order of bytes."""
    address, _, port = text.partition(":")
    words = [int(address[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(address), 8)]
    return _plain(str(ipaddress.ip_address(b"".join(words)))), int(port, 16)
