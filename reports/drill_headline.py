"""The first screen of a drill report: the sentence a person who reads nothing else must read, and what carries it."""

from __future__ import annotations

from collections.abc import Iterator

from failover.drill_record import DrillRecord, switched
from failover.findings import Severity
from failover.history import judged
from failover.measured import Interval, Judged, Verdict
from failover.records import State
from reports.drill_facts import DrillFacts
from reports.drill_view import Card
from reports.drill_words import SHORT, bounds, channel_name, judged_word, objective_name, term, verdict
from reports.formats import duration
from reports.language import Language
from reports.view import Said, Tone

_BAD = frozenset({State.FAILED_DIRTY, State.ROLLED_BACK})
_OBJECTIVES = ("rto", "rpo", "doo", "nro")
MOST_CARDS = 8


def headline(facts: DrillFacts, say: Language) -> Said:
    """One sentence: how it ended, how long clients waited, what was lost, whether the targets were met."""
    record = facts.record
    if record.tabletop:
        return _tabletop(record, say)
    parts = [term("drill_state", record.state, say)]
    if record.state not in {State.REFUSED, State.ABORTED}:
        parts += [part for part in (rto(record, say), rpo(record, say), targets(record, say)) if part]
    return Said(parts[0] + "".join(_joined(parts[1:], say)) + say("drill.stop"), tone(facts))


def _joined(parts: list[str], say: Language) -> Iterator[str]:
    for place, part in enumerate(parts):
        yield (say("drill.colon") if place == 0 else say("drill.join")) + part


def tone(facts: DrillFacts) -> Tone:
    """The worst that is certain decides; what nobody knows is never good."""
    record = facts.record
    verdicts = [one.verdict for one in record.measured.judged] if record.measured else []
    broken = any(one.result == "fail" for one in record.invariants)
    if record.state in _BAD or Verdict.FAIL in verdicts or broken:
        return Tone.BAD
    if record.state in {State.REFUSED, State.ABORTED}:
        return Tone.ATTENTION
    if not switched(record) or not verdicts or Verdict.INCONCLUSIVE in verdicts:
        return Tone.UNKNOWN
    urgent = any(one.severity is not Severity.LOW for one in facts.findings)
    return Tone.ATTENTION if urgent or record.state is not State.COMPLETED else Tone.GOOD


def _tabletop(record: DrillRecord, say: Language) -> Said:
    done = [step.outcome for step in record.steps if step.outcome]
    denied = len([word for word in done if word != "done"])
    finished = switched(record)
    key = "drill_head.tabletop" if finished else "drill_head.tabletop_open"
    text = say(key, done=len(done), confirmed=len(done) - denied, denied=denied)
    return Said(text + say("drill.stop"), Tone.ATTENTION if denied or not finished else Tone.GOOD)


def rto(record: DrillRecord, say: Language) -> str:
    """How long clients were without service."""
    one = judged(record, "rto")
    if one is None or one.measured is None:
        return say("drill_head.rto_unmeasured")
    measured = record.measured
    if one.because == "no-outage-seen" or (measured and measured.worst and measured.worst.rto is None):
        return say("drill_head.rto_none_seen", high=bounds(Interval(0, one.measured.high), say))
    if one.measured.high is None:
        return say("drill_head.rto_no_end", low=duration(one.measured.low, say.code))
    return say("drill_head.rto", interval=bounds(one.measured, say))


def rpo(record: DrillRecord, say: Language) -> str:
    """What was lost in databases; an exchange has a line of its own in the tables."""
    writes = record.measured.of_databases if record.measured else ()
    acked, lost = sum(one.acked for one in writes), sum(len(one.lost) for one in writes)
    if not acked or (one := judged(record, "rpo")) is None or one.because == "not-read-back":
        return say("drill_head.rpo_unmeasured")
    return say("drill_head.rpo_lost", lost=lost) if lost else say("drill_head.rpo_none", acked=acked)


def targets(record: DrillRecord, say: Language) -> str:
    """Which targets were met."""
    told = record.measured.judged if record.measured else ()
    missed = [objective(one, say) for one in told if one.verdict is Verdict.FAIL]
    open_ = [objective(one, say) for one in told if one.verdict is Verdict.INCONCLUSIVE]
    if not told:
        return say("drill_head.no_targets")
    parts = [say("drill_head.missed", names=say("drill.list").join(missed))] if missed else []
    parts += [say("drill_head.undetermined", names=say("drill.list").join(open_))] if open_ else []
    if parts or not switched(record):
        return say("drill.join").join(parts)
    return say("drill_head.all_met")


def objective(one: Judged, say: Language) -> str:
    """What an objective is called."""
    return objective_name(one.objective, say)


def cards(facts: DrillFacts, say: Language) -> tuple[Card, ...]:
    """The objectives on the first screen, RTO and RPO always."""
    record = facts.record
    if record.tabletop or record.state in {State.REFUSED, State.ABORTED}:
        return ()
    measured = {one.objective: one for one in record.measured.judged} if record.measured else {}
    shown = [name for name in _OBJECTIVES if name in measured or name in {"rto", "rpo"}]
    shown += [name for name in measured if name.startswith("rpo:")]
    return tuple(_card(name, measured.get(name), record, say) for name in shown[:MOST_CARDS])


def _card(name: str, one: Judged | None, record: DrillRecord, say: Language) -> Card:
    _, one_channel, channel = name.partition(":")
    title = objective_name(name, say) if one_channel else say(f"drill_card.{name}")
    if one is None:
        return Card(title, say("drill.not_measured"), "", verdict(Verdict.INCONCLUSIVE, say))
    note = target(one.target, say)
    if name == "rpo" or one_channel:
        measured = record.measured
        every = (measured.writes if one_channel else measured.of_databases) if measured else ()
        writes = [each for each in every if not one_channel or each.channel == channel]
        lost, acked = sum(len(each.lost) for each in writes), sum(each.acked for each in writes)
        figure = say("drill_card.lost", n=lost) if acked else say("drill.not_measured")
        if lost and one.measured:
            note = say("drill.join").join([say("drill_card.lost_span", interval=bounds(one.measured, say)), note])
        return Card(title, figure, note, judged_word(one, record, say))
    figure = bounds(one.measured, say) if one.measured else say("drill.not_measured")
    return Card(title, figure, note, judged_word(one, record, say))


def target(seconds: float, say: Language) -> str:
    """A target as it is promised."""
    return say("drill_card.target", target=duration(seconds, say.code)) if seconds else say("drill_card.target_zero")


def support(facts: DrillFacts, say: Language) -> Iterator[str]:
    """The sentences that carry the headline."""
    record = facts.record
    outcomes = [step.outcome for step in record.steps]
    done, failed = outcomes.count("done"), outcomes.count("failed")
    open_ = outcomes.count("unknown") + outcomes.count("open")
    counts = {"total": len(outcomes), "done": done, "failed": failed, "unknown": open_}
    if not record.tabletop:
        yield say("drill_head.support_steps", **counts, rest=len(outcomes) - done - failed - open_)
        yield _invariants(record, say)
        yield from _fences(record, say)
        yield from _exchanges(record, say)
    found = facts.findings
    high = sum(one.severity is Severity.HIGH for one in found)
    yield (
        say("drill_head.support_findings", n=len(found), high=high)
        if found
        else say("drill_head.support_findings_none")
    )


def _invariants(record: DrillRecord, say: Language) -> str:
    results = [one.result for one in record.invariants]
    if not results:
        return say("drill_head.support_invariants_none")
    passed, failed = results.count("pass"), results.count("fail")
    rest = len(results) - passed - failed
    return say("drill_head.support_invariants", total=len(results), passed=passed, failed=failed, unknown=rest)


def _fences(record: DrillRecord, say: Language) -> Iterator[str]:
    writes = record.measured.writes if record.measured else ()
    tries = sum(one.after_fence for one in writes)
    if tries:
        yield say("drill_head.support_fence", tries=tries, acked=sum(one.acked_after_fence for one in writes))


def _exchanges(record: DrillRecord, say: Language) -> Iterator[str]:
    """What became of the envelopes; where the plan sets no objective for them, this is all that is said."""
    for one in record.measured.writes if record.measured else ():
        if one.exchange:
            known = "drill_head.support_exchange" if one.acked and one.read_back else "drill_head.support_exchange_open"
            told = {"acked": one.acked, "lost": len(one.lost), "unknown": one.unknown, "waiting": one.waiting}
            yield say(known, channel=channel_name(one.channel, say), **told)


def chart_headline(record: DrillRecord, say: Language) -> str:
    """What the picture shows, in a few words."""
    return say("drill.join").join([rto(record, say), rpo(record, say)])[:SHORT]
