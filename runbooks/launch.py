"""Start the Ansible part of a run under its guard, wait for it, and read what came of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from checks.sentence import clean
from runbooks import guard, workspace
from runbooks.run_record import Outcome
from runbooks.workspace import Job

_MARKER = "TRICENTER_RUN"
_TICK = 0.1  #: seconds between two looks at the run; how soon a cancel is seen


@dataclass(frozen=True, slots=True)
class Ended:
    """How the Ansible part of a run ended."""

    outcome: Outcome | None  #: None: Ansible did what the playbook says; verify decides
    sentence: str
    changed: int = 0
    tasks: tuple[Mapping[str, str], ...] = ()


def launch(job: Job, stop: threading.Event) -> Ended:
    """Prepare the folder, run Ansible under a guard, and say how that ended."""
    # ssh's sockets need a short path, and its options a path without spaces. mkdtemp: only we may enter.
    scratch = Path(tempfile.mkdtemp(prefix="tc-", dir="/tmp"))
    try:
        workspace.prepare(job, scratch)
        code = _guarded(job, scratch, stop)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if code == guard.Ending.TIMEOUT:
        return Ended(Outcome.TIMEOUT, f"did not end within {job.card.timeout:g} s and was stopped")
    if code == guard.Ending.STOPPED:
        return Ended(Outcome.CANCELED, "was canceled")
    return _read(job) if code == guard.Ending.ITSELF else _lost(job, code)


def _guarded(job: Job, scratch: Path, stop: threading.Event) -> int:
    """Run the child under a guard until it ends, or ``stop`` is set; returns the guard's exit code."""
    argv = [sys.executable, "-P", "-m", "runbooks.guard", str(job.card.timeout), str(scratch)]
    argv += [sys.executable, "-P", "-m", "runbooks.run", str(job.folder)]
    with (
        (job.folder / "child.log").open("wb") as log,
        subprocess.Popen(
            argv,
            cwd=job.folder,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=workspace.environment(f"{_MARKER}={job.folder.name}"),
            start_new_session=True,
        ) as process,
    ):
        assert process.stdin is not None
        with process.stdin:  # closing it is how the guard learns that it must end
            while process.poll() is None and not stop.wait(_TICK):
                pass
    return process.returncode


def _lost(job: Job, code: int) -> Ended:
    """The guard itself failed or was killed: end what it may have left, and admit that we do not know."""
    guard.sweep(f"{_MARKER}={job.folder.name}")
    said = clean((job.folder / "child.log").read_bytes()[-2000:])
    return Ended(Outcome.UNKNOWN, f"the run's guard ended with {code}; how far the run came is not known. {said}")


def _read(job: Job) -> Ended:
    """What the child wrote about the run."""
    if not (job.folder / workspace.RESULT).is_file():
        said = clean((job.folder / "child.log").read_bytes()[-2000:])
        return Ended(Outcome.UNKNOWN, f"Ansible ended without a result: {said}")
    found = json.loads((job.folder / workspace.RESULT).read_text())
    tasks = tuple(found["tasks"])
    if found["status"] != "successful" or not found["reached"]:
        why = next((task for task in reversed(tasks) if task["status"] in ("failed", "unreachable")), None)
        said = f"{why['task']}: {why['says']}" if why else found["says"] or "Ansible reached no host"
        return Ended(Outcome.FAILED, said, found["changed"], tasks)
    last = next((task["says"] for task in reversed(tasks) if task["says"]), "")
    if job.check_mode:
        return Ended(Outcome.CHECKED, f"would change {found['changed']}; nothing was changed. {last}", 0, tasks)
    return Ended(None, last, found["changed"], tasks)
