"""The journal's words: one record for everything that is meant, done, seen, said or decided in a run.

A record is one line of canonical JSON: ``seq run epoch mono_ns boot_id wall actor kind payload alg prev hash``.
``failover/chain.py`` makes and checks the chain, ``failover/journal.py`` writes it, ``failover/replay.py`` folds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a record tells; the payload's keys stand beside each."""

    #: plan, plan_digest, estate_digest, drill, mode, from, to, old_writer, new_writer, steps, people, versions
    OPENED = "opened"
    APPROVED = "approved"  #: role, by, until (wall)
    GATE = "gate"  #: gate, hard, result (pass/fail/unknown), because
    OVERRIDE = "override"  #: gate, by, reason
    WARMED = "warmed"  #: hosts: host -> "" or why not; offsets: host -> {offset_ns, error_ns}
    METERS = "meters"  #: state (started/stopped), vantages: vantage -> "" or why not
    DECIDED = "decided"  #: what, by; the moment from which "RTO from declaration" counts
    INTENT = "intent"  #: step, part (do/verify/undo), attempt, calls; written before anything is touched
    REPLY = "reply"  #: step, part, attempt, call (index), host, action, outcome, says, facts, took
    RESULT = "result"  #: step, outcome (done/failed/unknown/skipped), because, facts
    UNDONE = "undone"  #: step, outcome (done/failed), because, by_hand
    INVARIANT = "invariant"  #: rule, after (step), result (pass/fail/unknown), because
    ASKED = "asked"  #: step, role, question {zh, en}
    SAID = "said"  #: what (confirm/deny/commit/roll-back/abort/resume/real), step, by, reason
    STATE = "state"  #: state, because
    ABORT = "abort"  #: condition, because
    RECOVERED = "recovered"  #: pid, after a crash: unknown steps and how each was settled
    CLOSED = "closed"  #: state, because; the last record


class State(StrEnum):
    """Where a run stands."""

    PREFLIGHT = "preflight"
    PENDING_APPROVAL = "pending-approval"
    RUNNING = "running"
    PAUSED = "paused"  #: a failed or unknown step, or a person; ``resume`` or ``abort`` goes on
    SOAKING = "soaking"
    COMMIT_WAIT = "commit-wait"
    ROLLING_BACK = "rolling-back"
    COMPLETED = "completed"
    COMPLETED_WITH_EXCEPTIONS = "completed-with-exceptions"
    ROLLED_BACK = "rolled-back"
    FAILED_DIRTY = "failed-dirty"  #: an undo failed: what to do by hand is in the record
    REFUSED = "refused"  #: nothing was touched
    ABORTED = "aborted"  #: stopped before anything was touched that needs an undo


#: States after which nothing more happens.
ENDED = frozenset(
    {
        State.COMPLETED,
        State.COMPLETED_WITH_EXCEPTIONS,
        State.ROLLED_BACK,
        State.FAILED_DIRTY,
        State.REFUSED,
        State.ABORTED,
    }
)


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it stands in the journal."""

    seq: int  #: from 0, without gaps
    run: str
    epoch: int
    mono_ns: int
    boot_id: str
    wall: str  #: ISO 8601, UTC, microseconds
    actor: str  #: ``engine``, ``watcher``, or a person's id
    kind: Kind
    payload: Mapping[str, Any]
    alg: str  #: ``sm3`` where OpenSSL has it, else ``sha256``
    prev: str  #: hash of the record before; 64 zeros for the first
    hash: str  #: over ``prev`` and the canonical JSON of all the other fields
