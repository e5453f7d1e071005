"""One call as an Ansible runbook: a folder of its own, under a guard, with everything it did kept as evidence."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from failover import host_tasks, replies
from failover.ports import Outcome, Reply
from inventory.errors import OperatorError
from inventory.model import Estate
from runbooks.card import Card, Risk
from runbooks.launch import Ended, launch
from runbooks.workspace import Job

_STARTING = 3.0  #: seconds that Ansible needs before it is at the host
_TELLING = 1.0  #: seconds it needs afterwards
_NEVER_THERE = "ssh: connect to host"  #: what ssh says when it did not even connect


class ActCard(Card):
    """The card of the one playbook; plans decide when it runs, not triggers."""

    @property
    def playbook_file(self) -> Path:
        """Beside this file, in ``runbooks/``."""
        return Path(__file__).parent / "runbooks" / "act.yml"


def act(
    task: Mapping[str, Any], estate: Estate, folder: Path, timeout: float, offset_ns: int | None, stop: threading.Event
) -> Reply:
    """Blocks until it has ended, with all its processes. ``offset_ns``: the host's clock minus ours, if known."""
    began = time.monotonic()
    job = _job(task, estate, folder, timeout, offset_ns)
    try:
        ended = launch(job, stop)
    except OperatorError as error:
        return replies.refused(str(error), time.monotonic() - began)
    except Exception as error:  # whatever it was: how far it came is not known
        return replies.unknown(f"{type(error).__name__}: {error}", time.monotonic() - began)
    return read_reply(job, ended, time.monotonic() - began)


def _job(task: Mapping[str, Any], estate: Estate, folder: Path, timeout: float, offset_ns: int | None) -> Job:
    order = {"task": task, "seconds": max(1.0, timeout - _STARTING)}
    if offset_ns is not None:
        order["until"] = int((time.monotonic() + timeout - _TELLING) * 1e9) + offset_ns
    name = {"zh": "执行一个动作", "en": "Carry out an action"}
    card = ActCard.model_validate(
        {
            "id": "act",
            "name": name,
            "summary": name,
            "inputs": {},
            "risk": Risk.HIGH,
            "cool_down": 0,
            "per_hour": 60,
            "timeout": f"{timeout:.3f}s",
            "verify": {"within": 0},
            "mark": {"file": Path(__file__), "line": 1},
        }
    )
    values = {
        "host": task["host"],
        "boot": host_tasks.boot(),
        "shipped": host_tasks.shipment("failover.remote.once") + json.dumps(order),
        "changes": task["action"] in host_tasks.changing(),
    }
    run = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{task['action']}-{task['host']}-{secrets.token_hex(4)}"
    return Job(card, values, estate, folder.resolve() / run, check_mode=False)


def read_reply(job: Job, ended: Ended, took: float) -> Reply:
    """What the host said, if it said anything; else what is known of how far the run came."""
    if (told := next(_told(job.folder), None)) is not None:
        return replies.reply(told, took)
    if ended.outcome is not None and _NEVER_THERE in ended.sentence:
        says = f"cannot be reached, nothing was sent: {ended.sentence}"
        return replies.refused(says, took) if job.values["changes"] else replies.unknown(says, took)
    return Reply(Outcome.UNKNOWN, ended.sentence or "Ansible kept no answer of the host", {}, took)


def _told(folder: Path) -> Iterator[object]:
    """What the program on the host wrote, from ansible-runner's events."""
    for file in sorted((folder / "artifacts" / "run" / "job_events").glob("*.json")):
        try:
            event = json.loads(file.read_text())
            if event.get("event") == "runner_on_ok":
                yield json.loads(event["event_data"]["res"]["stdout"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
