"""Writes a host's folder: its services for runit, and the files they need."""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote

from lab.errors import LabError
from lab.layout import HOST_FOLDERS, Layout, Mode
from lab.service import Service

#: A service's log starts anew when it passed this size by the time the service starts.
_LOG_BYTES = 8_000_000

_RUN = """\
#!/bin/sh
log={log}
[ "$(stat -c %s "$log" 2>/dev/null || echo 0)" -lt {bytes} ] || : >"$log"
exec >>"$log" 2>&1
exec ./program
"""


def fit(layout: Layout, mode: Mode, host: str, services: tuple[Service, ...]) -> None:
    """Write the host's folder for its services. Raises LabError when a service names a file outside of it."""
    folder = layout.host(host)
    for name in HOST_FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "root").chmod(0o700)
    for service in services:
        _service(folder, layout.inside(mode).host(host), service)
        for name, text in service.files.items():
            path = _inside(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def _service(folder: Path, seen: Path, service: Service) -> None:
    """``run`` opens the log and becomes ``program``; runsv's own files go to ``run/``, which is empty at each boot."""
    directory = folder / "sv" / service.name
    directory.mkdir(exist_ok=True)
    run = _RUN.format(log=quote(str(seen / "log" / f"{service.name}.log")), bytes=_LOG_BYTES)
    for name, text in (("program", service.run), ("run", run)):
        (directory / name).write_text(text)
        (directory / name).chmod(0o755)
    supervise = directory / "supervise"
    if not supervise.is_symlink():
        supervise.symlink_to(os.path.join("..", "..", "run", f"supervise.{service.name}"))  # noqa: PTH118 - relative


def _inside(folder: Path, name: str) -> Path:
    path = folder / name
    if ".." in Path(name).parts or Path(name).is_absolute():
        raise LabError(f"a service's file must lie in its host's folder: {name}")
    return path
