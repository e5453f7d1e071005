"""The nouns of this package: a proposal to act, and the run that came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

from state.verdict import Reason


class Outcome(StrEnum):
    """How a run ended; only the verify check makes it ``repaired``."""

    REPAIRED = "repaired"  #: ran, and the verify check is ok
    NOT_REPAIRED = "not_repaired"  #: ran, and the verify check is not ok
    FAILED = "failed"  #: Ansible said it failed, or reached no host
    CANCELED = "canceled"  #: a person or a shutdown stopped it
    TIMEOUT = "timeout"  #: took longer than the card allows
    UNKNOWN = "unknown"  #: we cannot tell how far it came
    CHECKED = "checked"  #: check mode: changed nothing, said what it would change


@dataclass(frozen=True, slots=True)
class Proposal:
    """What could be done about an incident: allowed, or not now; the reason either way."""

    runbook: str
    inputs: Mapping[str, str]  #: typed and validated against the card; hostile text stays text
    incident: int | None
    subject: str
    allowed: bool
    because: Reason
    check_mode: bool = False  #: to be rehearsed first: says what it would change, and changes nothing


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a runbook. Times are Unix seconds; ``took`` is measured on the monotonic clock."""

    id: str
    runbook: str
    inputs: Mapping[str, str]
    incident: int | None
    subject: str
    started: float
    took: float
    outcome: Outcome
    sentence: str
    check_mode: bool = False
    changed: int = 0  #: tasks that changed something
    artifacts: str = ""  #: folder with what Ansible wrote
    tasks: tuple[Mapping[str, str], ...] = field(default_factory=tuple)
    running: bool = False  #: under way: ``outcome`` is not settled yet


def to_record(run: Run) -> dict[str, Any]:
    """The run as plain JSON values, for the store."""
    return {**asdict(run), "inputs": dict(run.inputs), "tasks": [dict(task) for task in run.tasks]}


def from_record(record: Mapping[str, Any]) -> Run:
    """The inverse of :func:`to_record`; keys that a later version added are ignored."""
    known = {field.name for field in fields(Run)}
    values = {key: value for key, value in record.items() if key in known}
    tasks = tuple(dict(task) for task in record.get("tasks", ()))
    return Run(**{**values, "outcome": Outcome(record["outcome"]), "tasks": tasks})


def interrupted(run: Run) -> Run:
    """What a record that still says ``running`` becomes when nobody runs it any more: nobody knows how far it came."""
    return replace(run, running=False, outcome=Outcome.UNKNOWN, sentence="the watch ended during this run")
