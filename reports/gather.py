"""From the store to the facts of a report: the only file here that reads what was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inventory.model import Estate
from reports.facts import Facts, reported_subjects
from runbooks.responder import DECISION, RUN
from runbooks.run_record import Proposal, from_record
from state.backfill import filled
from state.store import Store
from state.verdict import Reason


def gather(store: Store, estate: Estate, start: float, end: float, now: float) -> Facts:
    """What was recorded about the estate in ``[start, end)``, as known at ``now`` (all Unix seconds).

    Incidents that turned out to be part of another, and runs that are still under way, are left out: the one is told
    with its root, the other has nothing to tell yet.
    """
    until = min(end, now)
    held = (store.before(subject, start) for subject in reported_subjects(estate))
    incidents = store.incidents(start, until)
    runs = [from_record(record) for record in store.records(RUN, start, until)]
    return Facts(
        estate=estate,
        start=start,
        end=end,
        now=now,
        changes=(*(change for change in held if change is not None), *store.changes(start, until)),
        incidents=tuple(incident for incident in incidents if incident.merged is None),
        watched=tuple(store.watched(start, until)),
        filled=filled(store, start, until),
        runs=tuple(run for run in runs if not run.running),
        decisions=tuple(_decision(record) for record in store.records(DECISION, start, until)),
    )


def _decision(record: Mapping[str, Any]) -> Proposal:
    because = Reason(record["because"]["code"], record["because"]["facts"])
    fields = ("runbook", "inputs", "incident", "subject", "allowed")
    return Proposal(**{field: record[field] for field in fields}, because=because)
