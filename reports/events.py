"""Incidents and runbook runs as rows: what it was and why, how long it took, who repaired it."""

from __future__ import annotations

from collections.abc import Mapping

from state.reasons import say as say_reason

from reports.facts import Facts
from reports.formats import duration, moment_short
from reports.language import Language
from reports.names import subject_name
from reports.view import Ending, IncidentRow, RunRow, Said, Tone
from runbooks.run_record import Outcome, Run
from state.verdict import Incident, Reason

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
        runbook=run.runbook,
        subject=subject_name(facts.estate, run.subject, say),
        because=f"#{incident.id} {because(incident.because, say)}" if incident else say("runs.by_hand"),
        outcome=Said(say(f"outcome.{run.outcome}"), _OUTCOME_TONE[run.outcome]),
        sentence=run.sentence,
        took=duration(run.took, say.code),
        changed=say("runs.check_mode") if run.check_mode else say("runs.changed", n=run.changed),
    )


def because(reason: Reason, say: Language) -> str:
    """The reason as a sentence in the report's language."""
    return say_reason(reason, say.code) or say("incidents.unrecorded")


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
        return say("incidents.by_run", run=incident.repaired_by)
    return say("incidents.by_runbook", runbook=run.runbook)
