"""Switching a host on and off: off is SIGKILL of its first process, and everything on it is gone at once."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.errors import LabError
from lab.layout import WAN, Layout, Mode
from lab.machine import network, processes
from lab.packages import SEARCH, program
from lab.topology import LabHost

PROJECT = Path(__file__).resolve().parent.parent.parent
_NAMESPACES = ("--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--propagation", "private")
_PATIENCE = 20.0


def switch_on(layout: Layout, mode: Mode, host: str) -> None:
    """Start a host's first process; it lives on when the caller ends. Nothing happens when the host is on."""
    if processes.recall(layout.pid(host)):
        return
    layout.pid(host).unlink(missing_ok=True)
    unshare = [program("unshare"), *_NAMESPACES] if mode == "namespaces" else []
    first = [sys.executable, "-P", "-m", "lab.machine.init", str(layout.folder), host]
    with layout.console(host).open("ab") as console:
        subprocess.run(
            [program("setsid"), "--fork", *unshare, *first],
            env=environment(layout),
            cwd=layout.host(host),
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            timeout=_PATIENCE,
            check=True,
        )


def await_on(layout: Layout, hosts: tuple[str, ...]) -> None:
    """Wait until the hosts are furnished and cabled. Raises LabError with the console of one that is not."""
    limit = time.monotonic() + _PATIENCE
    while late := [host for host in hosts if processes.recall(layout.pid(host)) is None]:
        if time.monotonic() > limit:
            raise LabError(f"{late[0]} does not start: {console(layout, late[0])}")
        time.sleep(0.02)


def switch_off(layout: Layout, mode: Mode, hosts: Sequence[LabHost]) -> None:
    """Take the power from hosts, all at once. Nothing happens to one that is off."""
    on = {host: first for host in hosts if (first := processes.recall(layout.pid(host.id)))}
    if mode == "namespaces":
        _silence_and_end(layout, on)
    else:
        for first in on.values():
            processes.end_tree(first)
    for host in on:
        layout.pid(host.id).unlink(missing_ok=True)


def _silence_and_end(layout: Layout, on: Mapping[LabHost, processes.Process]) -> None:
    """Off the net first: the kernel says goodbye (FIN, RST) for those who are killed, and a dead host does not."""
    wan = processes.recall(layout.pid(WAN))
    if wan and on:
        network.unplug(tuple(on), wan.pid)
    processes.end(on.values())  # first processes: the kernel ends all others of their pid namespaces
    if wan and on:
        network.remove_ports(tuple(on), wan.pid)


def environment(layout: Layout) -> dict[str, str]:
    """What every process of the lab starts with: nothing of the person's, and the lab's mark."""
    return {
        "PATH": SEARCH,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(PROJECT),
        "PYTHONDONTWRITEBYTECODE": "1",
        processes.MARK: str(layout.folder),
    }


def console(layout: Layout, host: str) -> str:
    """The end of what a host said on its console."""
    try:
        return layout.console(host).read_text(errors="replace")[-800:].strip() or "its console is empty"
    except OSError:
        return "it has no console"
