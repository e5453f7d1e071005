"""Real runit services in a folder of their own: ``runsvdir`` from the distribution, small services of ours."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

RUNSVDIR = shutil.which("runsvdir")


@contextmanager
def services(folder: Path, scripts: Mapping[str, str]) -> Iterator[Path]:
    """Supervise ``scripts`` (service name -> run script) until the block ends; yields the services folder."""
    assert RUNSVDIR is not None
    for name, script in scripts.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "run").write_text(script)
        (folder / name / "run").chmod(0o755)
    process = subprocess.Popen([RUNSVDIR, "-P", folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for name in scripts:
            _until_up(folder / name)
        yield folder
    finally:
        for name in scripts:
            subprocess.run(["sv", "-w", "5", "force-shutdown", folder / name], stdout=subprocess.DEVNULL, check=False)
        process.send_signal(signal.SIGHUP)
        process.wait()


def state(service: Path) -> str:
    """What ``sv status`` says first: ``run``, ``down`` or ``fail``."""
    said = subprocess.run(["sv", "status", service], capture_output=True, text=True, check=False).stdout
    return said.partition(":")[0]


def pid(service: Path) -> int:
    """The process id of a running service."""
    return int((service / "supervise" / "pid").read_text())


def down(service: Path) -> None:
    """Stop a service, as somebody might by mistake."""
    subprocess.run(["sv", "-w", "5", "down", service], check=True, stdout=subprocess.DEVNULL)


def freeze(service: Path) -> None:
    """Stop a service's process where it stands."""
    os.kill(pid(service), signal.SIGSTOP)


def _until_up(service: Path) -> None:
    deadline = time.monotonic() + 15
    while state(service) != "run":
        if time.monotonic() > deadline:
            raise RuntimeError(f"{service} did not start")
        time.sleep(0.05)
