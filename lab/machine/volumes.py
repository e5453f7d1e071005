"""Each host's data volume: small and its own, so that a disk can be full without filling the machine's."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from lab.layout import Layout
from lab.machine.mounts import VOLUME, mount, mounted_in, unmount
from lab.topology import LabHost

_MEGABYTES = {"db": 768, "ops": 512}
_OTHERS_MEGABYTES = 64
_KEPT = "data.kept"


def attach(layout: Layout, host: LabHost) -> None:
    """Mount the host's volume, with what an earlier lab left to be kept."""
    target, kept = layout.data(host.id), layout.host(host.id) / _KEPT
    if not os.path.ismount(target):
        size = _MEGABYTES.get(host.kind, _OTHERS_MEGABYTES)
        mount(f"{VOLUME}{host.id}", target, "tmpfs", options=f"size={size}m,mode=755")
    if kept.exists():
        shutil.copytree(kept, target, symlinks=True, dirs_exist_ok=True)
        _own_alike(kept, target)
        shutil.rmtree(kept)


def keep(layout: Layout) -> None:
    """Copy what the volumes hold beside them, for the next ``attach``; the hosts are off."""
    for target in mounted_in(layout.folder):
        kept = target.with_name(_KEPT)
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(target, kept, symlinks=True)
        _own_alike(target, kept)


def detach(folder: Path) -> None:
    """Unmount everything that is mounted in a folder."""
    for target in mounted_in(folder):
        _detach(target)


def _detach(target: Path) -> None:
    for _ in range(50):  # a dying process may hold it for a moment
        try:
            return unmount(target)
        except OSError:
            time.sleep(0.02)
    return unmount(target, lazy=True)


def _own_alike(source: Path, copy: Path) -> None:
    """Give the copy's files the owners of the source's, which copytree does not."""
    for folder, _, names in os.walk(source):
        for path in (Path(folder), *(Path(folder, name) for name in names)):
            found = path.lstat()
            os.chown(copy / path.relative_to(source), found.st_uid, found.st_gid, follow_symlinks=False)
