"""The drill report: one run as it is on record, one HTML document out. Pure, and equal facts give equal bytes."""

from __future__ import annotations

from collections.abc import Iterator

from checks.sentence import clean
from failover.drill_record import switched
from failover.measured import Verdict
from reports.drill_bands import band_sentences
from reports.drill_chart import steps_chart, switch_chart
from reports.drill_facts import DrillFacts
from reports.drill_headline import cards, chart_headline, headline, support, tone
from reports.drill_rows import (
    business_rows,
    declared,
    event_rows,
    finding_rows,
    gate_rows,
    goal_rows,
    measuring,
    outage_rows,
    phase_rows,
    role_rows,
    step_rows,
    when,
    writes_rows,
)
from reports.drill_view import DrillView, FileRow
from reports.drill_words import LONG, SHORT, center_name, reason, state_word, step_name, term
from reports.language import Language, language
from reports.render import render_drill
from reports.view import Source, Tone

MOST_STEPS = 100
MOST_EVENTS = 60
MOST_FINDINGS = 60
MOST_FILES = 60


def drill(facts: DrillFacts, lang: str) -> str:
    """The report on one run in ``zh`` or ``en`` as one self-contained HTML document."""
    say = language(lang)
    return render_drill(drill_view(facts, say), say)


def drill_view(facts: DrillFacts, say: Language) -> DrillView:
    """Everything that stands on the report, said in one language."""
    record, plan = facts.record, facts.plan
    steps, events, findings = list(step_rows(facts, say)), event_rows(facts, say), list(finding_rows(facts, say))
    files = list(_files(facts))
    name = clean(record.zh if say.code == "zh" else record.en, SHORT)
    return DrillView(
        lang=say.code,
        estate=facts.estate.name.said(say.code),
        title=_title(facts, say),
        plan=say("drill.plan_version", name=name, version=record.version),
        when=when(facts, say),
        zone=facts.estate.timezone,
        run=clean(record.run, SHORT),
        notices=tuple(_notices(facts, say)),
        headline=(said := headline(facts, say)),
        mark=say(f"{'tabletop' if record.tabletop else 'drill'}_tone.{said.tone}"),
        support=tuple(support(facts, say)),
        cards=cards(facts, say),
        switch=switch_chart(facts, chart_headline(record, say), say),
        steps_chart=steps_chart(facts, say),
        overview=tuple(_overview(facts, say)),
        goals=tuple(goal_rows(facts, say)),
        roles=tuple(role_rows(facts, say)),
        summary=clean(plan.summary.said(say.code), LONG) if plan else "",
        gates=tuple(gate_rows(facts, say)),
        injects=tuple(clean(one.text.said(say.code), LONG) for one in plan.injects) if plan and record.tabletop else (),
        timeline_lead=say("timeline.lead_tabletop") if record.tabletop else say("timeline.lead"),
        no_business=say("business.tabletop") if record.tabletop else say("business.none"),
        steps=tuple(steps[:MOST_STEPS]),
        steps_hidden=max(0, len(steps) - MOST_STEPS),
        events=tuple(events[:MOST_EVENTS]),
        events_hidden=max(0, len(events) - MOST_EVENTS),
        outages=tuple(outage_rows(facts, say)),
        phases=tuple(phase_rows(facts, say)),
        declared=declared(record, say),
        writes=tuple(writes_rows(facts, say)),
        measuring=tuple(measuring(facts, say)),
        business=tuple(business_rows(facts, say)),
        findings=tuple(findings[:MOST_FINDINGS]),
        findings_hidden=max(0, len(findings) - MOST_FINDINGS),
        conclusion=tuple(_conclusion(facts, say)),
        evidence=tuple(_evidence(facts, say)),
        files=tuple(files[:MOST_FILES]),
        files_hidden=max(0, len(files) - MOST_FILES),
        left_out=_left_out(facts, say),
    )


def _title(facts: DrillFacts, say: Language) -> str:
    key = f"drill.title_{facts.record.drill}"
    return say(key) if key in say.sentences else say("drill.title_other")


def _notices(facts: DrillFacts, say: Language) -> Iterator[str]:
    record = facts.record
    if record.tabletop:
        yield say("drill.nothing_measured")
    if record.drill == "rehearsal":
        yield say("drill.rehearsal_note")
    if record.rebooted:
        yield say("drill.clock_note")
    if facts.plan is None:
        yield say("drill.no_plan_note")


def _overview(facts: DrillFacts, say: Language) -> Iterator[Source]:
    record = facts.record
    source, target = (center_name(facts, center, say) for center in (record.source, record.target))
    versions = [f"{clean(name, SHORT)} {clean(version, SHORT)}" for name, version in list(record.versions.items())[:20]]
    system = next((one.name.said(say.code) for one in facts.estate.systems if one.id == record.system), record.system)
    writers = clean(record.old_writer, SHORT), clean(record.new_writer, SHORT)
    arrow = say("overview.arrow", source=writers[0], target=writers[1]) if any(writers) else say("drill.none")
    yield Source(say("drill.run"), clean(record.run, SHORT))
    yield Source(say("overview.type"), term("drill_type", record.drill, say))
    yield Source(say("overview.class"), term("drill_class", record.klass, say))
    yield Source(say("overview.mode"), term("drill_mode", record.mode, say))
    yield Source(say("overview.system"), clean(system, SHORT))
    yield Source(say("overview.from_to"), say("overview.arrow", source=source, target=target))
    yield Source(say("overview.writers"), arrow)
    yield Source(say("overview.started_by"), clean(record.started_by, SHORT))
    yield Source(say("overview.result"), state_word(record.state, record.drill, say))
    yield Source(say("overview.versions"), say("drill.list").join(versions) or say("drill.none"))


def _conclusion(facts: DrillFacts, say: Language) -> Iterator[str]:
    record = facts.record
    yield headline(facts, say).text
    because = reason(record.because, say)
    if because:
        yield because
    for step in record.steps:
        if step.undone and step.undone != "done":
            yield say("conclusion.by_hand", step=step_name(step, say), by_hand=reason(step.by_hand, say))
    if record.tabletop:
        yield say("conclusion.tabletop")
        return
    judged = record.measured.judged if record.measured else ()
    passed = bool(judged) and all(one.verdict is Verdict.PASS for one in judged)
    proven = passed and switched(record) and record.drill in {"switchover", "real"} and tone(facts) is not Tone.BAD
    yield say("conclusion.verified") if proven else say("conclusion.not_verified")
    if proven:
        yield from band_sentences(record, say)


def _evidence(facts: DrillFacts, say: Language) -> Iterator[Source]:
    record, manifest = facts.record, facts.manifest
    yield Source(say("evidence.records"), str(record.records))
    yield Source(say("evidence.journal"), clean(record.head, SHORT))
    if facts.manifest_hash:
        yield Source(say("evidence.manifest"), facts.manifest_hash)
        yield Source(say("evidence.algorithm"), clean(str(manifest.get("alg", "")), SHORT).upper())
        yield Source(
            say("evidence.verify"),
            f"python verify_bundle.py {clean(record.run, SHORT)}.tar.gz --head {facts.manifest_hash}",
        )
    yield Source(say("evidence.plan_digest"), clean(record.plan_digest, SHORT))
    yield Source(say("evidence.estate_digest"), clean(record.estate_digest, SHORT))


def _files(facts: DrillFacts) -> Iterator[FileRow]:
    for name, entry in sorted(facts.manifest.get("files", {}).items()):
        yield FileRow(clean(name, SHORT), f"{entry['size']:,}", clean(str(entry["hash"]), SHORT))


def _left_out(facts: DrillFacts, say: Language) -> str:
    names = [clean(name, SHORT) for name in facts.manifest.get("left_out", {})]
    return say("evidence.left_out", names=say.joined(names, most=20)) if names else ""
