"""Incidents and runbook runs as rows: what it was and why, how long it took, who repaired it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from checks.sentence import clean
from reports.facts import Facts
from reports.formats import duration, moment_short
from reports.language import Language
from reports.names import LONGEST, subject_name
from reports.view import Ending, IncidentRow, RunRow, Said, Tone
from runbooks.reasons import say as say_reason
from runbooks.run_record import Outcome, Run
from state.verdict import Incident, Reason

SENTENCE = 300  #: characters of a sentence from outside


_OUTCOME_TONE = {
    Outcome.REPAIRED: Tone.GOOD,
    Outcome.NOT_REPAIRED: Tone.BAD,
    Outcome.FAILED: Tone.BAD,
    Outcome.TIMEOUT: Tone.BAD,
    Outcome.CHECKED: Tone.GOOD,
    Outcome.CANCELED: Tone.ATTENTION,
    Outcome.UNKNOWN: Tone.UNKNOWN,
}


def ending(incident: Incident, until: float) -> Ending:
    """How an incident stood at the end of the window; one closed later was open then."""
    if incident.closed is None or incident.closed > until:
        return Ending.OPEN
    return Ending.RUNBOOK if incident.repaired_by else Ending.PEOPLE


def longest(incidents: Sequence[Incident], until: float, most: int) -> list[Incident]:
    """The ``most`` longest incidents, in the order in which they began."""

    def lasted(incident: Incident) -> float:
        return (until if incident.closed is None else incident.closed) - incident.opened

    chosen = sorted(incidents, key=lasted, reverse=True)[:most]
    return sorted(chosen, key=lambda incident: (incident.opened, incident.id))


def incident_row(incident: Incident, facts: Facts, runs: Mapping[str, Run], say: Language) -> IncidentRow:
    """One incident, as known at the end of the window; ``runs`` are the runs by id."""
    how = ending(incident, facts.until)
    end = facts.until if how is Ending.OPEN or incident.closed is None else incident.closed
    length = duration(end - incident.opened, say.code)
    return IncidentRow(
        number=incident.id,
        subject=subject_name(facts.estate, incident.subject, say),
        because=because(incident.because, say),
        affects=_affects(incident, facts, say),
        decision="" if how is Ending.RUNBOOK else _decision(facts, incident.id, None, say),
        fault=say(f"fault.{incident.fault}"),
        opened=moment_short(incident.opened, facts.zone),
        noticed=moment_short(incident.noticed, facts.zone),
        closed=say("incidents.open") if how is Ending.OPEN else moment_short(end, facts.zone),
        length=say("incidents.so_far", length=length) if how is Ending.OPEN else length,
        detect=duration(incident.noticed - incident.opened, say.code),
        repaired=_repaired(incident, how, runs, say),
        ending=how,
        start=max(incident.opened, facts.start),
        end=end,
    )


def run_row(run: Run, facts: Facts, incidents: Mapping[int, Incident], say: Language) -> RunRow:
    """One run; ``incidents`` by id give the cause."""
    incident = incidents.get(run.incident) if run.incident is not None else None
    return RunRow(
        started=moment_short(run.started, facts.zone),
        runbook=clean(run.runbook, LONGEST),
        subject=subject_name(facts.estate, run.subject, say),
        because=f"#{incident.id} {because(incident.because, say)}" if incident else say("runs.by_hand"),
        decision=_decision(facts, run.incident, run.runbook, say),
        outcome=Said(say(f"outcome.{run.outcome}"), _OUTCOME_TONE[run.outcome]),
        sentence=clean(run.sentence, SENTENCE),
        took=duration(run.took, say.code),
        changed=say("runs.check_mode") if run.check_mode else say("runs.changed", n=run.changed),
    )


def because(reason: Reason, say: Language) -> str:
    """The reason of a verdict or of a decision as a sentence in the report's language."""
    return clean(say_reason(reason, say.code), SENTENCE) or say("incidents.unrecorded")


def _decision(facts: Facts, incident: int | None, runbook: str | None, say: Language) -> str:
    """Why ``runbook`` was let run for the incident; without a runbook: why the last one thought of was not."""
    fitting = [
        decision.because
        for decision in facts.decisions
        if decision.incident == incident
        and decision.allowed == (runbook is not None)
        and runbook in (None, decision.runbook)
    ]
    if incident is None or not fitting:
        return ""
    why = because(fitting[-1], say)
    return say("runs.decided", because=why) if runbook else say("incidents.not_run", because=why)


def _affects(incident: Incident, facts: Facts, say: Language) -> str:
    names = [subject_name(facts.estate, subject, say) for subject in incident.affects]
    return say("incidents.affects", names=say.joined(names, most=5)) if names else ""


def _repaired(incident: Incident, how: Ending, runs: Mapping[str, Run], say: Language) -> str:
    if how is Ending.OPEN:
        return say("incidents.still_open")
    if how is Ending.PEOPLE or incident.repaired_by is None:
        return say("incidents.by_people")
    run = runs.get(incident.repaired_by)
    if run is None:
        return say("incidents.by_run", run=clean(incident.repaired_by, LONGEST))
    return say("incidents.by_runbook", runbook=clean(run.runbook, LONGEST))
