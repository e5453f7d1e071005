"""A host's first program: it makes the new namespaces a host, then becomes its supervisor (runit's ``runsvdir``).

``python -m lab.machine.init FOLDER HOST``, started by ``lab.machine.power``. On loopback it has nothing to furnish.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import NoReturn

from lab.errors import LabError
from lab.layout import SHORT, WAN, Layout
from lab.machine import mounts, network, processes
from lab.machine.capabilities import confined
from lab.packages import program
from lab.state import State, read
from lab.topology import Topology, topology

_PR_SET_CHILD_SUBREAPER = 36


def main(arguments: list[str]) -> NoReturn:
    """Become the host. Does not return; an error is said on the console and ends the host."""
    layout, host = Layout(Path(arguments[0])), arguments[1]
    state = read(layout)
    if state is None or state.phase == "stopping":
        raise LabError(f"no lab is being started in {layout.folder}")
    if state.mode == "namespaces":
        _furnish(layout, state, host)
        _supervise(layout.inside(state.mode).host(host), confined())
    processes.remember(layout.pid(host), os.getpid())
    _adopt_orphans()
    _supervise(layout.host(host), [])


def _furnish(layout: Layout, state: State, host: str) -> None:
    # Read while /proc is still the machine's: it shows this process under the number that the machine knows.
    first = processes.look(int(Path("/proc/self").readlink().name))
    plan = topology(state.net)
    socket.sethostname(host)
    if host == WAN:
        network.build_wan(plan)
    else:
        network.plug_in(plan.host(host), plan, _wan(layout))
    devices = ("net/tun",) if host == WAN else ()
    mounts.furnish(layout.folder, SHORT, host, _needed_paths(), devices)
    mounts.write_etc(_etc(plan, host))
    Path("/run/sshd").mkdir(mode=0o755)
    if first is not None:
        processes.note(layout.inside(state.mode).pid(host), first)


def _wan(layout: Layout) -> int:
    wan = processes.recall(layout.pid(WAN))
    if wan is None:
        raise LabError("the wan is not there; the lab is going down")
    return wan.pid


def _needed_paths() -> tuple[Path, ...]:
    """What the host's Python programs need: the project and the interpreter with its packages."""
    project = Path(__file__).resolve().parent.parent.parent
    return (project, Path(sys.prefix), Path(sys.base_prefix))


def _etc(plan: Topology, host: str) -> dict[str, str]:
    home = SHORT / "hosts" / host / "root"
    names = [f"{one.address} {one.id}" for one in plan.hosts] + [f"{plan.desk} desk"]
    passwd = Path("/etc/passwd").read_text().splitlines()
    people = [f"root:x:0:0:root:{home}:/bin/bash", *(line for line in passwd if not line.startswith("root:"))]
    return {
        "hostname": f"{host}\n",
        "hosts": "\n".join(("127.0.0.1 localhost", *names)) + "\n",
        "resolv.conf": "",
        "passwd": "\n".join(people) + "\n",
        # "*" is an account without a password; "!" would lock it, and sshd refuses a locked one.
        "shadow": "".join(f"{line.partition(':')[0]}:*:19000:0:99999:7:::\n" for line in people),
    }


def _adopt_orphans() -> None:
    """Stay the parent of all that ever runs on this host, as a real init does."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _supervise(folder: Path, before: list[str]) -> NoReturn:
    """Forget what a former life left in ``run/``, then start the services."""
    shutil.rmtree(folder / "run", ignore_errors=True)
    (folder / "run").mkdir()
    for link in (folder / "sv").glob("*/supervise"):
        (folder / "run" / link.readlink().name).mkdir(mode=0o700)
    os.chdir(folder)
    environment = {**os.environ, "HOME": str(folder / "root")}
    argv = [*before, program("runsvdir"), "-P", str(folder / "sv")]
    os.execve(argv[0], argv, environment)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
