"""Run one runbook on one host with ansible-runner, and let the verify check say whether it helped.

Three processes: the caller (here), a guard that leaves nothing behind (``runbooks/guard.py``), and under it the child
that is this file as a program: the only one that knows ansible-runner. Whatever goes wrong, a run ends in an outcome.
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from checks.result import Status
from checks.sentence import clean
from inventory.errors import OperatorError
from inventory.model import Estate
from runbooks import inputs
from runbooks.card import Card
from runbooks.launch import Ended, launch
from runbooks.run_record import Outcome, Run
from runbooks.workspace import RESULT, Job, rotate

_POLL = 0.5  #: seconds between two verify questions
_EVENTS = {
    "runner_on_ok": "ok",
    "runner_on_failed": "failed",
    "runner_on_unreachable": "unreachable",
    "runner_on_skipped": "skipped",
}


def run(
    card: Card,
    given: Mapping[str, str],
    estate: Estate,
    *,
    verify: Callable[[], Status],
    now: Callable[[], float],
    folder: Path,
    check_mode: bool = False,
    cancel: threading.Event | None = None,
    incident: int | None = None,
    subject: str = "",
    on_start: Callable[[Run], object] = lambda _: None,
) -> Run:
    """Run a runbook to its end and say how it ended; blocks for at most ``card.longest`` seconds.

    ``given`` are the card's inputs as text. ``verify`` asks the verify checks and gives their worst status; it is asked
    after Ansible has finished, and decides. ``now`` gives Unix seconds. Artifacts are kept in ``folder/<run id>``.
    Setting ``cancel`` ends the run and all its processes. ``on_start`` gets the run as it begins, with ``running``
    set, so that a record exists before anything is done.

    Raises:
        InvalidInputs: the inputs do not fit the card; nothing was started.
    """
    values = inputs.read(card, given, estate)
    began, started = time.monotonic(), now()
    job = Job(card, values, estate, _folder(card, started, folder), check_mode)
    begun = _begin(job, started, incident, subject)
    on_start(begun)
    stop = cancel or threading.Event()
    try:
        ended = launch(job, stop)
        if ended.outcome is None:
            ended = _verified(card, ended, verify, stop)
        rotate(folder)
    except OperatorError as refused:  # nothing was started
        ended = Ended(Outcome.FAILED, clean(str(refused)))
    except Exception as error:  # whatever it was: how far the run came is not known, and the watch must go on
        ended = Ended(Outcome.UNKNOWN, clean(f"{type(error).__name__}: {error}"))
    return replace(
        begun,
        running=False,
        took=time.monotonic() - began,
        outcome=ended.outcome or Outcome.UNKNOWN,
        sentence=ended.sentence,
        changed=ended.changed,
        tasks=ended.tasks,
    )


def _begin(job: Job, started: float, incident: int | None, subject: str) -> Run:
    """The run's record as it begins; its id sorts by time and is its folder's name."""
    return Run(
        id=job.folder.name,
        runbook=job.card.id,
        inputs={key: str(value) for key, value in job.values.items()},
        incident=incident,
        subject=subject,
        started=started,
        took=0.0,
        outcome=Outcome.UNKNOWN,
        sentence="under way",
        check_mode=job.check_mode,
        artifacts=str(job.folder),
        running=True,
    )


def _folder(card: Card, started: float, folder: Path) -> Path:
    when = datetime.fromtimestamp(started, UTC).strftime("%Y%m%dT%H%M%S")
    return folder.resolve() / f"{when}-{card.id}-{secrets.token_hex(4)}"


def _verified(card: Card, ended: Ended, verify: Callable[[], Status], stop: threading.Event) -> Ended:
    """Ask until the answer has been ok for ``settle`` seconds, or ``within`` is over."""
    began = time.monotonic()
    since: float | None = None
    while True:
        status, why = _ask(verify)
        at = time.monotonic()
        since = (at if since is None else since) if status is Status.OK else None
        if since is not None and at - since >= card.verify.settle:
            return replace(
                ended, outcome=Outcome.REPAIRED, sentence=f"verified {at - began:.1f} s later. {ended.sentence}"
            )
        if at - began >= card.verify.within:
            break
        if stop.wait(_POLL):
            return replace(ended, outcome=Outcome.CANCELED, sentence="was canceled while it was being verified")
    outcome = Outcome.UNKNOWN if status is Status.UNKNOWN else Outcome.NOT_REPAIRED
    said = f"the verify check is {status.value} {card.verify.within:g} s after the run. {why}"
    return replace(ended, outcome=outcome, sentence=clean(said))


def _ask(verify: Callable[[], Status]) -> tuple[Status, str]:
    try:
        return verify(), ""
    except Exception as error:  # a verify that cannot be asked is an answer too: unknown
        return Status.UNKNOWN, f"{type(error).__name__}: {error}"


# --- the child: the only process that knows ansible-runner ----------------------------------------------------------


def _says(result: Mapping[str, Any]) -> str:
    """What a task said, in a line; a task with ``no_log`` has only a word that it is hidden."""
    for key in ("censored", "msg", "stderr", "stdout"):
        if isinstance(said := result.get(key), str) and said.strip():
            return clean(said)
    return ""


def _task(event: Mapping[str, Any]) -> dict[str, str] | None:
    status = _EVENTS.get(str(event.get("event")))
    if status is None:
        return None
    data = event.get("event_data") or {}
    result = data.get("res") or {}
    changed = "changed" if status == "ok" and result.get("changed") else status
    return {
        "task": clean(str(data.get("task", ""))),
        "host": clean(str(data.get("host", ""))),
        "status": changed,
        "took": f"{float(data.get('duration') or 0):.2f}",
        "says": _says(result),
    }


def _child(folder: Path) -> None:
    """Run the prepared folder with ansible-runner, and write what came of it into ``result.json``."""
    import ansible_runner  # noqa: PLC0415 -- start-up time and memory that only this process pays

    tasks: list[dict[str, str]] = []

    def on_event(event: Mapping[str, Any]) -> bool:
        if task := _task(event):
            tasks.append(task)
        return True  # anything else, and ansible-runner keeps neither events nor statistics

    found = ansible_runner.run(
        private_data_dir=str(folder), playbook="playbook.yml", ident="run", quiet=True, event_handler=on_event
    )
    stats = found.stats or {}
    bad = {**stats.get("dark", {}), **stats.get("failures", {})}
    result = {
        "status": found.status,
        "rc": found.rc,
        "reached": sorted(set(stats.get("processed", {})) - set(bad)),
        "changed": sum(stats.get("changed", {}).values()),
        "tasks": tasks,
        "says": clean(found.stdout.read(2000)) if found.status != "successful" else "",
    }
    part = folder / f"{RESULT}.part"
    part.write_text(json.dumps(result))
    part.rename(folder / RESULT)


if __name__ == "__main__":
    _child(Path(sys.argv[1]))
