"""Takes a lab down and leaves nothing behind, however far ``up`` had come."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lab import lock, state
from lab.errors import LabError
from lab.layout import Layout, interface
from lab.machine import mounts, network, processes, volumes

_ROUNDS = 50


def down(folder: Path, progress: Callable[[str], None], *, keep: bool = False) -> bool:
    """Remove the lab in a folder: processes, namespaces, mounts, interface, files. False when there was none.

    With ``keep`` its folder stays, with logs, keys and the hosts' data, and the next ``up`` goes on with them.
    Raises LabError when something does not go, or another command is at work on the lab.
    """
    with lock.held(named(folder), "life"):
        done = take_down(Layout(folder.resolve()), progress, keep=keep)
        if folder.is_symlink() and not keep:
            folder.unlink()
        return done


def named(folder: Path) -> Path:
    """The folder as a person names it, absolute: on loopback it may be a link to a shorter path."""
    return folder.parent.resolve() / folder.name


def take_down(layout: Layout, progress: Callable[[str], None], *, keep: bool) -> bool:
    """As ``down``, for a caller that holds the lab's lock."""
    found = state.read(layout)
    if found is None:
        return _remove_empty(layout.folder)
    state.write(layout, replace(found, phase="stopping"))
    progress("ending the lab's processes")
    end_processes(layout)
    if found.mode == "namespaces":
        network.unplug_desk(interface(found.net))
    if keep:
        progress("keeping the hosts' data")
        volumes.keep(layout)
    volumes.detach(layout.folder)
    _remove_leftovers(layout)
    if keep:
        layout.state.unlink()
    else:
        progress("removing the lab's folder")
        _remove(layout)
    return True


def end_processes(layout: Layout) -> None:
    """Kill every process of the lab, until two looks in a row find none: one may be born between look and kill."""
    quiet = 0
    for _ in range(_ROUNDS):
        found = processes.of_lab(str(layout.folder), layout.folder)
        quiet = 0 if found else quiet + 1
        if quiet == 2:
            return
        processes.end(found)
    raise LabError("the lab's processes come back after each kill; is another 'ops lab up' running?")


def _remove_leftovers(layout: Layout) -> None:
    """The one thing outside the folder: sshd on loopback as root needs /run/sshd; gone when this lab made it."""
    made = layout.folder / "made-run-sshd"
    if made.exists():
        shutil.rmtree("/run/sshd", ignore_errors=True)
        made.unlink()


def _remove(layout: Layout) -> None:
    """Remove the folder; the state goes last, so that a ``down`` that was interrupted can be run again."""
    if still := mounts.mounted_in(layout.folder):
        raise LabError(f"{still[0]} is still mounted; the lab's folder was not removed")
    for entry in sorted(layout.folder.iterdir(), key=lambda path: path == layout.state):
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    layout.folder.rmdir()


def _remove_empty(folder: Path) -> bool:
    """An ``up`` that was killed in its first instant leaves an empty folder, or one with a half-written state."""
    if not folder.is_dir():
        return False
    for half in folder.glob(".state.json.*"):
        half.unlink()
    if any(folder.iterdir()):
        return False
    folder.rmdir()
    return True
