"""The nouns as rows of the tables, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping

from checks.result import Result, Status
from state.signals import Signal, clean
from state.verdict import Change, Fault, Incident, Reason, Verdict, Vote

#: the columns of ``incidents`` that people fill, in the order of the noun's fields; the watch's cycle leaves them alone
PEOPLES = (
    "acknowledged_by",
    "acknowledged_at",
    "assigned_to",
    "suggested",
    "grade",
    "cause",
    "settled_by",
    "settled_at",
    "waived",
)
_MOST_EVIDENCE = 4000  #: characters of JSON kept per answer

Row = Mapping[str, Any] | RowMapping


def from_signal(signal: Signal) -> dict[str, Any]:
    """A row of ``signals``."""
    latest = signal.latest
    return {
        "check_id": latest.check,
        "vantage": latest.vantage,
        "confirmed": signal.confirmed.value,
        "since": signal.since,
        "until": signal.until,
        "said": clean(signal.said),
        "was": signal.was.value,
        "samples": " ".join([f"{at!r}={status.value}" for at, status in signal.samples]),
        "status": latest.status.value,
        "sentence": clean(latest.sentence),
        "at": latest.at,
        "took": latest.took,
        "value": latest.value if latest.value is not None and math.isfinite(latest.value) else None,
        "unit": clean(latest.unit),
        "evidence": _evidence(latest) if latest.evidence else "{}",
    }


def to_signal(row: Row) -> Signal:
    """The inverse of :func:`from_signal`."""
    latest = Result(
        row["check_id"],
        row["vantage"],
        Status(row["status"]),
        row["sentence"],
        row["at"],
        row["took"],
        row["value"],
        row["unit"],
        json.loads(row["evidence"]),
    )
    pairs = (sample.split("=") for sample in row["samples"].split())
    samples = tuple((float(at), Status(status)) for at, status in pairs)
    return Signal(
        latest, samples, Status(row["confirmed"]), row["since"], row["until"], row["said"], Status(row["was"])
    )


def from_verdict(verdict: Verdict) -> dict[str, Any]:
    """A row of ``verdicts``."""
    votes = [
        [v.check, v.vantage, v.status.value, v.since, None if math.isinf(v.age) else v.age, clean(v.sentence)]
        for v in verdict.votes
    ]
    return {
        "subject": verdict.subject,
        "status": verdict.status.value,
        "fault": verdict.fault.value,
        "because": from_reason(verdict.because),
        "since": verdict.since,
        "at": verdict.at,
        "cause": verdict.cause,
        "votes": json.dumps(votes, ensure_ascii=False),
        "doubt": verdict.doubt,
    }


def to_verdict(row: Row) -> Verdict:
    """The inverse of :func:`from_verdict`."""
    votes = tuple(
        Vote(check, vantage, Status(status), since, math.inf if age is None else age, sentence)
        for check, vantage, status, since, age, sentence in json.loads(row["votes"])
    )
    because = to_reason(row["because"])
    return Verdict(
        row["subject"],
        Status(row["status"]),
        Fault(row["fault"]),
        because,
        row["since"],
        row["at"],
        row["cause"],
        votes,
        row["doubt"],
    )


def from_change(change: Change) -> dict[str, Any]:
    """A row of ``changes``, without its id."""
    return {
        "subject": change.subject,
        "old": change.old.value,
        "new": change.new.value,
        "fault": change.fault.value,
        "because": from_reason(change.because),
        "since": change.since,
        "at": change.at,
        "cause": change.cause,
    }


def to_change(row: Row) -> Change:
    """The inverse of :func:`from_change`."""
    return Change(
        row["subject"],
        Status(row["old"]),
        Status(row["new"]),
        Fault(row["fault"]),
        to_reason(row["because"]),
        row["since"],
        row["at"],
        row["cause"],
        row["id"],
    )


def to_incident(row: Row) -> Incident:
    """An incident from its row."""
    return Incident(
        row["id"],
        row["subject"],
        Fault(row["fault"]),
        row["opened"],
        row["noticed"],
        row["closed"],
        to_reason(row["because"]),
        tuple(json.loads(row["affects"])),
        row["repaired_by"],
        row["merged"],
        *(row[name] for name in PEOPLES),
    )


def from_reason(reason: Reason) -> str:
    """A reason as JSON text."""
    facts = {key: clean(value) for key, value in reason.facts.items()}
    return json.dumps([reason.code, facts], ensure_ascii=False)


def to_reason(text: str) -> Reason:
    """The inverse of :func:`from_reason`."""
    code, facts = json.loads(text)
    return Reason(code, facts)


def _evidence(latest: Result) -> str:
    """Evidence as JSON text; too much of it is dropped as a whole, for half a JSON is none."""
    facts = {
        clean(str(key)): clean(value) if isinstance(value, str) else value for key, value in latest.evidence.items()
    }
    text = json.dumps({key: value for key, value in facts.items() if _plain(value)}, ensure_ascii=False)
    return text if len(text) <= _MOST_EVIDENCE else "{}"


def _plain(value: object) -> bool:
    return isinstance(value, str | int | bool) or (isinstance(value, float) and math.isfinite(value))
