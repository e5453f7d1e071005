"""The tables of a drill report: steps, events, gates, people, outages, phases, writes, business checks, findings."""

from __future__ import annotations

from collections.abc import Iterator

from checks.sentence import clean
from failover.drill_record import NANO, Answer, DrillRecord, GateRecord, StepRecord
from failover.findings import Finding, Severity
from failover.measured import Outage, Phase, Writes
from reports.drill_facts import DrillFacts
from reports.drill_view import (
    BusinessRow,
    EventRow,
    FindingRow,
    GateRow,
    GoalRow,
    OutageRow,
    PhaseRow,
    RoleRow,
    StepRow,
    WritesRow,
)
from reports.drill_words import (
    LONG,
    SHORT,
    bounds,
    channel_name,
    judged_word,
    moment_of,
    objective_name,
    outcome,
    reason,
    state_word,
    step_name,
    stream_name,
    term,
    told,
    until,
    vantage_name,
    verdict,
)
from reports.formats import duration, moment, percent
from reports.language import Language
from reports.view import Said, Tone

MOST_ACTS = 4
MOST_IDS = 20
MOST_LISTED = 50  #: people, notes, roles: everything that comes from outside is bounded
_GATE_TONE = {"pass": Tone.GOOD, "fail": Tone.BAD}
_SEVERITY_TONE = {Severity.HIGH: Tone.BAD, Severity.MEDIUM: Tone.ATTENTION, Severity.LOW: Tone.UNKNOWN}


def role_rows(facts: DrillFacts, say: Language) -> Iterator[RoleRow]:
    """Who was what, and what they did."""
    names = {duty.id: duty.name.said(say.code) for duty in facts.plan.roles} if facts.plan else {}
    for role, people in list(facts.record.people.items())[:MOST_LISTED]:
        acts = list(_acts(facts, role, people, say))
        more = [say("roles.more_acts", n=len(acts) - MOST_ACTS)] if len(acts) > MOST_ACTS else []
        shown = say("drill.list").join(clean(name, SHORT) for name in people[:MOST_LISTED])
        title = clean(names.get(role, "") or term("role_name", role, say), SHORT)
        yield RoleRow(title, shown, (*acts[:MOST_ACTS], *more))


def _acts(facts: DrillFacts, role: str, people: tuple[str, ...], say: Language) -> Iterator[str]:
    for one in facts.record.approvals:
        if one.role == role or one.by in people:
            yield say("roles.approved", at=told(one.at, facts), until=until(one.until, facts))
    for answer in facts.record.answers:
        if answer.by in people:
            yield say("roles.said", at=told(answer.at, facts), what=said_what(answer, facts.record, say))


def gate_rows(facts: DrillFacts, say: Language) -> Iterator[GateRow]:
    """What had to hold before anything was touched."""
    for gate in facts.record.gates[:MOST_LISTED]:
        result = term("gate_result", gate.result, say, "unknown")
        tone = _GATE_TONE.get(gate.result, Tone.UNKNOWN)
        hard = say("scenario.hard") if gate.hard else say("scenario.soft")
        yield GateRow(term("gate_name", gate.gate, say), hard, Said(result, tone), _gate_because(gate, say))


def _gate_because(gate: GateRecord, say: Language) -> str:
    because = reason(gate.because, say)
    if not gate.overridden_by:
        return because
    let = say("scenario.overridden", by=clean(gate.overridden_by, SHORT), reason=clean(gate.reason, LONG))
    return say("report.semicolon").join(part for part in (because, let) if part)


def step_rows(facts: DrillFacts, say: Language) -> Iterator[StepRow]:
    """Every step of the plan."""
    begun = [step.start for step in facts.record.steps if step.start is not None]
    zero = min(begun, default=0)
    for step in facts.record.steps:
        planned = say("timeline.start", offset=_offset(step.planned, say)) if step.planned is not None else ""
        actual, took = "", ""
        if step.start is not None:
            actual = f"{told(step.start, facts)} (+{_offset((step.start - zero) / NANO, say)})"
            took = say("timeline.took", took=duration(step.took, say.code)) if step.took is not None else ""
        yield StepRow(
            step_name(step, say),
            clean(step.id, SHORT),
            term("step_kind", step.kind, say),
            planned,
            say("timeline.estimate", estimate=duration(step.estimate, say.code)) if step.estimate is not None else "",
            actual,
            took,
            outcome(step.outcome, say, facts.record.drill),
            _step_because(step, say),
        )


def _step_because(step: StepRecord, say: Language) -> str:
    parts = [reason(step.because, say)]
    if step.undone == "done":
        parts.append(say("timeline.undone"))
    elif step.undone:
        parts.append(say("timeline.undo_failed", by_hand=reason(step.by_hand, say)))
    return say("report.semicolon").join(part for part in parts if part)


def _offset(seconds: float, say: Language) -> str:
    return duration(round(seconds, 2), say.code)


def event_rows(facts: DrillFacts, say: Language) -> list[EventRow]:
    """What happened to the run as a whole, in order: states, approvals, overrides, answers, broken rules."""
    record = facts.record
    rows: list[tuple[int, EventRow]] = []

    def add(at: int, event: str, who: str = "", because: str = "") -> None:
        rows.append((at, EventRow(told(at, facts), event, clean(who, SHORT), because)))

    for one in record.moments:
        if event := _moment(one.what, one.word, record.drill, say):
            add(one.at, event, one.by, reason(one.because, say))
    for approval in record.approvals:
        add(approval.at, say("event.approved", role=term("role_name", approval.role, say)), approval.by)
    for gate in record.gates:
        if gate.overridden_at is not None:
            overrode = say("event.overrode", gate=term("gate_name", gate.gate, say))
            add(gate.overridden_at, overrode, gate.overridden_by, clean(gate.reason, LONG))
    for answer in record.answers:
        add(answer.at, said_what(answer, record, say), answer.by, reason(answer.reason, say))
    for rule in record.invariants:
        if rule.result != "pass":
            key = "event.broke" if rule.result == "fail" else "event.unsure"
            add(rule.at, say(key, rule=term("rule_name", rule.rule, say)), "", reason(rule.because, say))
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]


def said_what(answer: Answer, record: DrillRecord, say: Language) -> str:
    """What a person said, and of which step."""
    what = term("said_what", answer.what, say, "other")
    step = next((step_name(one, say) for one in record.steps if one.id == answer.step), "")
    return say("event.said", what=what, step=step) if step else what


def _moment(what: str, word: str, drill: str, say: Language) -> str:
    if what == "state":
        return say("event.state", state=state_word(word, drill, say))
    if what == "decided":
        return say("event.decided", what=clean(word, SHORT))
    if what == "abort":
        return say("event.aborted", condition=term("condition", word, say))
    if what == "meters":
        return say("event.meters_started") if word == "started" else say("event.meters_stopped")
    return say("event.recovered") if what == "recovered" else ""


def goal_rows(facts: DrillFacts, say: Language) -> Iterator[GoalRow]:
    """Every objective of the plan; those that were not measured too."""
    record = facts.record
    judged = {one.objective: one for one in record.measured.judged} if record.measured else {}
    targets = {name: one.target for name, one in judged.items()}
    if facts.plan:
        planned = facts.plan.objectives
        known = {"rto": planned.rto, "rpo": planned.rpo, "doo": planned.doo, "nro": planned.nro}
        known |= {f"rpo:{channel}": value for channel, value in planned.rpo_of.items()}
        targets |= {name: value for name, value in known.items() if value is not None}
    for name, target in list(targets.items())[:MOST_LISTED]:
        one = judged.get(name)
        word = "rpo_of" if name.startswith("rpo:") else name
        meaning = term("goal_meaning", word, say) if f"goal_meaning.{word}" in say.sentences else ""
        measured = bounds(one.measured, say) if one and one.measured else say("drill.not_measured")
        said = judged_word(one, record, say) if one else Said(say("drill.not_measured"), Tone.UNKNOWN)
        because = term("judged", one.because, say) if one else ""
        yield GoalRow(objective_name(name, say), meaning, duration(target, say.code), measured, said, because)


def outage_rows(facts: DrillFacts, say: Language) -> Iterator[OutageRow]:
    """What every stream of every vantage saw."""
    measured = facts.record.measured
    for one in measured.outages[:MOST_LISTED] if measured else ():
        interval = bounds(one.rto, say) if one.rto else say("switch.none_seen")
        yield OutageRow(
            vantage_name(facts, one.vantage, say),
            stream_name(one.stream, say),
            interval if one.sent else say("drill.not_measured"),
            str(one.sent),
            str(one.failed),
            duration(one.resolution, say.code),
            _notes(one, say),
            measured is not None and one == measured.worst and one.rto is not None,
        )


def _notes(one: Outage, say: Language) -> str:
    return say("report.semicolon").join(term("outage_note", note, say) for note in one.notes[:MOST_LISTED])[:LONG]


def phase_rows(facts: DrillFacts, say: Language) -> Iterator[PhaseRow]:
    """The parts of the worst outage."""
    phases = facts.record.measured.phases if facts.record.measured else ()
    whole = sum(phase.end - phase.start for phase in phases) or 1
    for phase in phases[:MOST_LISTED]:
        share = (phase.end - phase.start) / whole
        yield PhaseRow(
            term("phase", phase.name, say), _length(phase, say), percent(share, 1), share, clean(phase.actor, SHORT)
        )


def _length(phase: Phase, say: Language) -> str:
    """To hundredths, so that the parts add up as printed."""
    seconds = (phase.end - phase.start) / NANO
    unit = duration(1, say.code).partition(" ")[2]
    return f"{seconds:.2f} {unit}" if seconds < 600 else duration(seconds, say.code)


def declared(record: DrillRecord, say: Language) -> str:
    """How long it took from the order to switch."""
    worst = record.measured.worst if record.measured else None
    if record.decided is None or not record.measured or not record.measured.phases or not worst:
        return ""
    back = next((phase.start for phase in record.measured.phases if phase.name == "settle"), None)
    if back is None or back < record.decided:
        return ""
    return say("achieved.declared", length=duration(round((back - record.decided) / NANO, 1), say.code))


def writes_rows(facts: DrillFacts, say: Language) -> Iterator[WritesRow]:
    """What became of the canary writes."""
    for one in facts.record.measured.writes[:MOST_LISTED] if facts.record.measured else ():
        ids = say("drill.list").join(str(number) for number in one.lost[:MOST_IDS])
        more = "…" if len(one.lost) > MOST_IDS else ""
        split = f"{say('achieved.recovered')} {one.recovered}{say('drill.join')}{say('achieved.dropped')} {one.dropped}"
        yield WritesRow(
            f"{channel_name(one.channel, say)} · {vantage_name(facts, one.vantage, say)}",
            str(one.acked),
            say("achieved.kept_waiting", kept=one.kept, waiting=one.waiting) if one.waiting else str(one.kept),
            str(len(one.lost)),
            str(one.rejected),
            str(one.unknown),
            split,
            _span(one, say),
            say("achieved.odd_text", phantom=len(one.phantom), duplicate=len(one.duplicate), holes=len(one.holes)),
            _fenced(one, say),
            say("achieved.lost_ids", ids=ids + more) if one.lost else "",
        )


def _span(one: Writes, say: Language) -> str:
    if one.rpo is not None and one.lost:
        return bounds(one.rpo, say)
    if one.loss_bound is not None:
        # a bound is never made smaller than it is
        return say("achieved.bound", share=percent(min(1.0, one.loss_bound + 0.00005), 2))
    return say("drill.not_measured")


def _fenced(one: Writes, say: Language) -> Said:
    if one.exchange:
        return Said(say("achieved.fenced_exchange"), Tone.ATTENTION)
    if not one.after_fence:
        return Said(say("achieved.fenced_none"), Tone.UNKNOWN)
    text = say("achieved.fenced_text", tries=one.after_fence, acked=one.acked_after_fence)
    return Said(text, Tone.BAD if one.acked_after_fence else Tone.GOOD)


def measuring(facts: DrillFacts, say: Language) -> Iterator[str]:
    """Degradation, clocks, and which logs are missing."""
    measured = facts.record.measured
    if measured is None:
        return
    for one in measured.judged:
        if one.objective == "doo":
            word = verdict(one.verdict, say).text
            yield say("achieved.degraded_text", target=duration(one.target, say.code), verdict=word)
    parts = [
        say(
            "achieved.offset_part",
            vantage=vantage_name(facts, vantage, say),
            offset=f"{offset / 1e6:+.1f}",
            error=f"{error / 1e6:.1f}",
        )
        for vantage, (offset, error) in list(measured.offsets.items())[:MOST_LISTED]
    ]
    if parts:
        yield say("achieved.offsets", parts=say("drill.list").join(parts))
    for vantage, why in list(measured.missing.items())[:MOST_LISTED]:
        yield say("achieved.missing", vantage=vantage_name(facts, vantage, say), why=clean(why, LONG))


def business_rows(facts: DrillFacts, say: Language) -> Iterator[BusinessRow]:
    """The checks of the business, and who confirmed them; a table-top checks none."""
    if facts.record.tabletop:
        return
    said = {answer.step: answer for answer in facts.record.answers if answer.step}
    for step in facts.record.steps:
        if step.kind in {"business", "human"}:
            answer = said.get(step.id)
            note = reason(answer.reason, say) if answer else reason(step.because, say)
            yield BusinessRow(
                step_name(step, say), outcome(step.outcome, say), clean(answer.by, SHORT) if answer else "", note
            )


def finding_rows(facts: DrillFacts, say: Language) -> Iterator[FindingRow]:
    """What has to be mended, by whom, until when."""
    for one in facts.findings:
        severity = Said(say(f"finding.severity_{one.severity}"), _SEVERITY_TONE[one.severity])
        status = say("finding.open") if one.open else say("finding.closed", run=clean(one.closed_by, SHORT))
        again = say("finding.repeated", n=len(one.seen)) if len(one.seen) > 1 else ""
        yield FindingRow(
            one.id,
            finding_text(one, say),
            reason(one.because, say),
            severity,
            clean(one.owner, SHORT) or say("finding.nobody"),
            moment(one.due, facts.zone)[:10],
            say("report.semicolon").join(part for part in (status, again) if part),
        )


def finding_text(one: Finding, say: Language) -> str:
    """What was found, in one sentence."""
    facts = {key: clean(value, SHORT) for key, value in one.facts.items()}
    facts["step"] = facts.get("zh" if say.code == "zh" else "en") or facts.get("step", "")
    facts["gate"] = term("gate_name", facts.get("gate", ""), say)
    facts["rule"] = term("rule_name", facts.get("rule", ""), say)
    facts["condition"] = term("condition", facts.get("condition", ""), say)
    facts["objective"] = objective_name(facts.get("objective", ""), say)
    facts["channel"] = channel_name(facts.get("channel", ""), say)
    known = f"finding_text.{one.code}" in say.sentences
    return say(f"finding_text.{one.code}", **facts) if known else clean(one.code, SHORT)


def when(facts: DrillFacts, say: Language) -> str:
    """From and to, with how long it took."""
    record = facts.record
    if record.ended is None:
        return f"{moment_of(record.began, facts)} {say('report.until')} {say('drill.until_open')}"
    length = duration((record.ended - record.began) / NANO, say.code)
    return f"{moment_of(record.began, facts)} {say('report.until')} {moment_of(record.ended, facts)} · {length}"
