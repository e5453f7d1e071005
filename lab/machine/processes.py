"""The processes of the lab, found again whatever became of the command that started them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.state import replace

MARK = "TRICENTER_LAB"  #: the environment variable that every process of a lab carries
_GONE = "ZX"
_REWRITERS = ("postgres", "sshd")  #: servers that write their title over their environment


@dataclass(frozen=True, slots=True)
class Process:
    """One line of the process table."""

    pid: int
    parent: int
    name: str
    state: str  #: a letter as ``ps`` shows it: S sleeping, T stopped, Z dead but not collected
    started: int  #: clock ticks since boot: with the pid it names a process for ever


def look(pid: int) -> Process | None:
    """The process, or None when there is none (a dead one that nobody has collected counts as none)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    name, _, rest = text.partition("(")[2].rpartition(")")
    fields = rest.split()
    if fields[0] in _GONE:
        return None
    return Process(pid, int(fields[1]), name, fields[0], int(fields[19]))


def everyone() -> Iterator[Process]:
    """Every living process this one can see."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (process := look(int(entry.name))):
            yield process


def remember(path: Path, pid: int) -> None:
    """Write a process to a file so that ``recall`` finds it, and never another that got its number later."""
    process = look(pid)
    if process is not None:
        note(path, process)


def note(path: Path, process: Process) -> None:
    """As ``remember``, of a process that was looked at before."""
    replace(path, f"{process.pid} {process.started}\n")


def recall(path: Path) -> Process | None:
    """The process that a file names, if it still lives."""
    try:
        pid, started = (int(word) for word in path.read_text().split())
    except (OSError, ValueError):
        return None
    process = look(pid)
    return process if process and process.started == started else None


def members(first: Process) -> list[Process]:
    """A host's processes, its first one included: those in its pid namespace, or else its descendants."""
    namespace = _pid_namespace(first.pid)
    table = list(everyone())
    if namespace and namespace != _pid_namespace(os.getpid()):
        return [process for process in table if _pid_namespace(process.pid) == namespace]
    return [process for process in table if process.pid == first.pid] + _descendants(first.pid, table)


def of_lab(marker: str, folder: Path) -> list[Process]:
    """Every process of a lab: marked in its environment, and all descendants of such.

    Servers that write over their environment are found by their parent, their command line or their folder.
    The calling process and its ancestors are never among them.
    """
    table = list(everyone())
    spared = set(_ancestors(os.getpid(), {process.pid: process for process in table}))
    roots = [process for process in table if process.pid not in spared and _belongs(process, marker, folder)]
    found = {process.pid: process for process in roots}
    for root in roots:
        found |= {process.pid: process for process in _descendants(root.pid, table)}
    return [process for pid, process in found.items() if pid not in spared]


def end(processes: Iterable[Process], patience: float = 10.0) -> None:
    """SIGKILL them and wait until they are gone. Raises LabError when one stays."""
    waiting = list(processes)
    for process in waiting:
        _send(process, signal.SIGKILL)
    limit = time.monotonic() + patience
    while waiting := [process for process in waiting if _same(process)]:
        if time.monotonic() > limit:
            names = ", ".join(f"{process.name} ({process.pid})" for process in waiting[:5])
            raise LabError(f"processes do not end although killed: {names}")
        time.sleep(0.01)


def end_tree(first: Process) -> None:
    """SIGKILL a process and all its descendants; it must adopt its orphans (a loopback host does), and goes last."""
    _send(first, signal.SIGSTOP)  # so that it starts nothing again meanwhile
    while others := [process for process in members(first) if process.pid != first.pid and process.state not in _GONE]:
        end(others)
    end([first])


def freeze(first: Process) -> None:
    """SIGSTOP every process of a host, its first one first, so that nothing new is born unseen."""
    for _ in range(400):
        moving = [process for process in members(first) if process.state not in "Tt"]
        if not moving:
            return
        for process in sorted(moving, key=lambda one: one.pid != first.pid):
            _send(process, signal.SIGSTOP)
        time.sleep(0.005)
    raise LabError(f"the host's processes do not stop: {moving[0].name} ({moving[0].pid})")


def thaw(first: Process) -> None:
    """SIGCONT every process of a host, its first one last."""
    for process in sorted(members(first), key=lambda one: one.pid == first.pid):
        _send(process, signal.SIGCONT)


def _send(process: Process, number: signal.Signals) -> None:
    if _same(process):
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            return


def _same(process: Process) -> bool:
    now = look(process.pid)
    return now is not None and now.started == process.started


def _belongs(process: Process, marker: str, folder: Path) -> bool:
    if f"{MARK}={marker}".encode() in _read(process.pid, "environ").split(b"\0"):
        return True
    if process.name not in _REWRITERS:
        return False
    return f"{folder}/".encode() in _read(process.pid, "cmdline") or _folder(process.pid).is_relative_to(folder)


def _folder(pid: int) -> Path:
    try:
        return Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return Path("/")


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _descendants(pid: int, table: list[Process]) -> list[Process]:
    children = [process for process in table if process.parent == pid]
    return [one for child in children for one in (child, *_descendants(child.pid, table))]


def _ancestors(pid: int, table: dict[int, Process]) -> Iterator[int]:
    while pid in table:
        yield pid
        pid = table[pid].parent


def _pid_namespace(pid: int) -> str | None:
    try:
        return Path(f"/proc/{pid}/ns/pid").readlink().name
    except OSError:
        return None
