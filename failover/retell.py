"""The records of a run retold as a DrillRecord. Pure.

Made from the journal's records, the plan as it was, and what the meters measured. Whoever reads a bundle reads what
others wrote: a payload that lacks something, or holds something else, gives empty words and never an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from failover.drill_record import (
    NANO,
    Answer,
    ApprovalRecord,
    DrillRecord,
    GateRecord,
    InvariantRecord,
    Moment,
    StepRecord,
    Words,
)
from failover.measured import Measured
from failover.plan import Plan
from failover.records import Kind, Record, State

LONGEST = 2000  #: characters of any text taken from a record


def drill_record(records: Sequence[Record], plan: Plan | None, measured: Measured | None) -> DrillRecord:
    """What the records of one run tell; ValueError when there is no record that opens it."""
    opened = next((record for record in records if record.kind is Kind.OPENED), None)
    if opened is None:
        raise ValueError("no record opens the run")
    timed = list(_timed(records))
    head, payload = opened, opened.payload
    closed = [record for record, _ in timed if record.kind is Kind.CLOSED]
    state, because = _state(records)
    return DrillRecord(
        run=head.run,
        plan=_text(payload, "plan"),
        version=plan.version if plan else _whole(payload.get("plan_version", payload.get("version"))),
        zh=plan.name.zh if plan else _text(payload, "plan"),
        en=plan.name.en if plan else _text(payload, "plan"),
        klass=str(plan.klass) if plan else "",
        drill=_text(payload, "drill"),
        mode=_text(payload, "mode"),
        system=plan.system if plan else "",
        plan_digest=_text(payload, "plan_digest"),
        estate_digest=_text(payload, "estate_digest"),
        source=_text(payload, "from"),
        target=_text(payload, "to"),
        old_writer=_text(payload, "old_writer"),
        new_writer=_text(payload, "new_writer"),
        owner=plan.owner.person or plan.owner.unit.zh if plan else "",
        started_by=_text(payload, "starter") or _shown(head.actor),
        people=_people(payload.get("people"), plan),
        versions={name: _shown(value) for name, value in _mapping(payload.get("versions")).items()},
        state=state,
        because=because,
        began=timed[0][1],
        ended=timed[-1][1] if closed else None,
        began_wall=_unix(records[0].wall),
        steps=_steps(timed, plan, _list(payload.get("steps"))),
        gates=_gates(timed),
        approvals=tuple(
            ApprovalRecord(_text(r.payload, "role"), _text(r.payload, "by"), _text(r.payload, "until"), at)
            for r, at in timed
            if r.kind is Kind.APPROVED
        ),
        invariants=tuple(_invariant(record, at) for record, at in timed if record.kind is Kind.INVARIANT),
        answers=tuple(_answers(timed)),
        moments=tuple(_moments(timed)),
        decided=next((at for record, at in timed if record.kind is Kind.DECIDED), None),
        rebooted=len({record.boot_id for record in records}) > 1,
        measured=measured,
        head=records[-1].hash,
        records=len(records),
    )


def _timed(records: Sequence[Record]) -> Iterable[tuple[Record, int]]:
    """Each record with its moment on the clock of the first boot; another boot is joined to it by wall clock."""
    first = records[0]
    shift = {first.boot_id: 0}
    for record in records:
        if record.boot_id not in shift:
            passed = round((_unix(record.wall) - _unix(first.wall)) * NANO)
            shift[record.boot_id] = first.mono_ns + passed - record.mono_ns
        yield record, record.mono_ns + shift[record.boot_id]


def _state(records: Sequence[Record]) -> tuple[State, Words]:
    for record in reversed(records):
        if record.kind in {Kind.STATE, Kind.CLOSED}:
            word = _text(record.payload, "state")
            return State(word) if word in set(State) else State.PREFLIGHT, words(record.payload.get("because"))
    return State.PREFLIGHT, Words()


def _steps(timed: list[tuple[Record, int]], plan: Plan | None, listed: Sequence[Any]) -> tuple[StepRecord, ...]:
    """Every step of the plan, in its order; without the plan, the steps that the journal knows."""
    if plan:
        begins = planned(plan)
        known = {
            step.id: StepRecord(
                step.id, str(step.kind), step.name.zh, step.name.en, step.estimate, begins.get(step.id), ""
            )
            for step in plan.steps
        }
    else:
        names = [*(_shown(name) for name in listed), *(_text(record.payload, "step") for record, _ in timed)]
        known = {name: StepRecord(name, "", name, name, None, None, "") for name in names if name}
    return tuple(
        _step(step, [(r, at) for r, at in timed if r.payload.get("step") == step.id]) for step in known.values()
    )


def planned(plan: Plan) -> dict[str, float]:
    """When each step would begin, in seconds after the first: as soon as all that it needs is done."""
    ends: dict[str, float] = {}
    begins: dict[str, float] = {}
    waiting = list(plan.steps)
    while ready := [step for step in waiting if all(need in ends for need in step.needs)]:
        for step in ready:
            begins[step.id] = max((ends[need] for need in step.needs), default=0.0)
            ends[step.id] = begins[step.id] + step.estimate
        waiting = [step for step in waiting if step.id not in ends]
    return begins


def _step(step: StepRecord, told: list[tuple[Record, int]]) -> StepRecord:
    intents = [(r, at) for r, at in told if r.kind in {Kind.INTENT, Kind.ASKED} and r.payload.get("part") != "undo"]
    result = next(((r, at) for r, at in reversed(told) if r.kind is Kind.RESULT), None)
    undone = next((r for r, _ in reversed(told) if r.kind is Kind.UNDONE), None)
    return replace(
        step,
        outcome=_text(result[0].payload, "outcome") if result else ("open" if intents else ""),
        because=words(result[0].payload.get("because")) if result else Words(),
        start=intents[0][1] if intents else None,
        end=result[1] if result else None,
        attempts=len({_whole(r.payload.get("attempt")) for r, _ in intents if r.payload.get("part") == "do"}),
        undone=_text(undone.payload, "outcome") if undone else "",
        by_hand=words(undone.payload.get("by_hand")) if undone else Words(),
    )


def _gates(timed: list[tuple[Record, int]]) -> tuple[GateRecord, ...]:
    over = {_text(r.payload, "gate"): (r.payload, at) for r, at in timed if r.kind is Kind.OVERRIDE}
    last = {_text(r.payload, "gate"): r.payload for r, _ in timed if r.kind is Kind.GATE}
    nobody: tuple[Mapping[str, Any], int | None] = ({}, None)
    return tuple(
        GateRecord(
            name,
            gate.get("hard") is not False,
            _text(gate, "result") or "unknown",
            words(gate.get("because")),
            _text(over.get(name, nobody)[0], "by"),
            _text(over.get(name, nobody)[0], "reason"),
            over.get(name, nobody)[1],
        )
        for name, gate in last.items()
    )


def _invariant(record: Record, at: int) -> InvariantRecord:
    told = record.payload
    because = words(told.get("because"))
    return InvariantRecord(_text(told, "rule"), _text(told, "after"), _text(told, "result") or "unknown", because, at)


def _answers(timed: list[tuple[Record, int]]) -> Iterable[Answer]:
    asked: dict[str, Words] = {}
    for record, at in timed:
        told = record.payload
        step = _text(told, "step")
        if record.kind is Kind.ASKED:
            asked[step] = words(told.get("question"))
        elif record.kind is Kind.SAID:
            by, reason = _text(told, "by") or record.actor, words(told.get("reason"))
            yield Answer(_text(told, "what"), step, by, reason, at, asked.get(step, Words()))


def _moments(timed: list[tuple[Record, int]]) -> Iterable[Moment]:
    keys = {
        Kind.STATE: "state",
        Kind.CLOSED: "state",
        Kind.ABORT: "condition",
        Kind.DECIDED: "what",
        Kind.METERS: "state",
    }
    for record, at in timed:
        told, what = record.payload, "state" if record.kind is Kind.CLOSED else str(record.kind)
        if record.kind in keys:
            yield Moment(at, what, _text(told, keys[record.kind]), words(told.get("because")), _text(told, "by"))
        elif record.kind is Kind.RECOVERED:
            yield Moment(at, what, "", words(told.get("because")))


def words(value: object) -> Words:
    """A reason as the journal holds it: both languages, a code with its facts, or plain text."""
    if isinstance(value, Mapping):
        facts = {str(key): _shown(fact) for key, fact in _mapping(value.get("facts")).items()}
        return Words(_text(value, "zh"), _text(value, "en"), _text(value, "code"), facts)
    text = _shown(value)
    return Words(text, text, text if text.replace("-", "").replace("_", "").isalnum() and text.isascii() else "")


def _people(value: object, plan: Plan | None) -> dict[str, tuple[str, ...]]:
    told = {str(role): _names(people) for role, people in _mapping(value).items()}
    return told or ({duty.id: duty.people for duty in plan.roles} if plan else {})


def _names(value: object) -> tuple[str, ...]:
    return tuple(_shown(name) for name in value) if isinstance(value, list | tuple) else (_shown(value),)


def _text(payload: Mapping[str, Any], key: str) -> str:
    return _shown(payload.get(key))


def _shown(value: object) -> str:
    return "" if value is None or isinstance(value, Mapping | list) else str(value)[:LONGEST]


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _unix(wall: str) -> float:
    try:
        at = datetime.fromisoformat(wall)
    except ValueError:
        return 0.0
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
