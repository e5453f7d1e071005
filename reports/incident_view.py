"""One incident ready to print or to hand on as JSON: every text said, every moment written. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any
from zoneinfo import ZoneInfo

from checks.sentence import clean
from inventory.model import Estate
from inventory.people import EmergencyPlan, EmergencyRole, People, Person
from reports.formats import duration, moment
from reports.incident_facts import IncidentFacts
from reports.language import Language, language
from reports.names import subject_name
from runbooks.reasons import say as say_reason
from state.countdown import Countdown, Stage
from state.grading import COLOURS, TEXTS
from state.incident_act import Act, Entry
from state.reasons import say as say_of
from state.verdict import Change, Incident, Reason

_SENTENCE = 300
_TOLD = {"opened", "closed", "merged", "grade", "due"}


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline."""

    at: float
    when: str
    kind: str  #: change, decision, run, person, notice, incident
    text: str


@dataclass(frozen=True, slots=True)
class ClockView:
    """One reporting clock."""

    id: str
    to: str
    stage: str
    said: str  #: the stage in words
    due: str
    left: str  #: how long until it is due, or how long it is overdue; empty when neither
    within: str
    edition: str
    verified: bool


@dataclass(frozen=True, slots=True)
class RoleView:
    """One role of an emergency plan, in the order of the call tree; ``depth`` says how many calls away."""

    depth: int
    name: str
    person: str
    deputy: str
    duties: str
    measures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanView:
    """An emergency plan card."""

    id: str
    name: str
    approved: str
    roles: tuple[RoleView, ...]


@dataclass(frozen=True, slots=True)
class IncidentView:
    """Everything on the page of an incident."""

    number: int
    subject: str
    state: str
    fault: str
    because: str
    opened: str
    noticed: str
    closed: str
    lasted: str
    affects: tuple[str, ...]
    acknowledged: str
    assigned: str
    cause: str
    grade: str
    grade_id: str
    colour: str
    grade_because: tuple[str, ...]
    grade_editions: tuple[str, ...]
    next_grade: str
    people_judge: tuple[str, ...]
    clocks: tuple[ClockView, ...]
    plans: tuple[PlanView, ...]
    timeline: tuple[Moment, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def incident_view(
    facts: IncidentFacts, estate: Estate, people: People, lang: str, judge: tuple[str, ...]
) -> IncidentView:
    """The page of an incident in ``zh`` or ``en``; ``judge`` is what only people can measure, for the grade."""
    return _View(facts, estate, people, language(lang)).page(judge)


def state_of(incident: Incident, say: Language) -> str:
    """How an incident stands, in a word or two."""
    if incident.merged is not None:
        return say("state.merged", root=incident.merged)
    if incident.settled_at is not None:
        return say("state.settled")
    return say("state.open" if incident.closed is None else "state.over")


class _View:
    def __init__(self, facts: IncidentFacts, estate: Estate, people: People, say: Language) -> None:
        self._facts, self._estate, self._people, self._say = facts, estate, people, say
        self._zone = ZoneInfo(estate.timezone)

    def page(self, judge: tuple[str, ...]) -> IncidentView:
        facts, incident, say = self._facts, self._facts.incident, self._say
        end = facts.now if incident.closed is None else incident.closed
        return IncidentView(
            number=incident.id,
            subject=self._name(incident.subject),
            state=state_of(incident, say),
            fault=say(f"fault.{incident.fault}"),
            because=self._because(incident.because),
            opened=self._moment(incident.opened),
            noticed=self._moment(incident.noticed),
            closed=self._moment(incident.closed),
            lasted=duration(max(0.0, end - incident.opened), say.code),
            affects=tuple(self._name(each) for each in incident.affects),
            acknowledged=self._held(incident.acknowledged_by, incident.acknowledged_at),
            assigned=clean(incident.assigned_to or "", 60),
            cause=self._held(incident.cause and f"{incident.cause} ({incident.settled_by})", incident.settled_at),
            **self._grade(),
            people_judge=judge,
            clocks=tuple(self._clock(one) for one in facts.clocks),
            plans=tuple(self._plan(plan) for plan in facts.plans),
            timeline=tuple(sorted(self._timeline(), key=lambda one: one.at)),
        )

    def _grade(self) -> dict[str, Any]:
        suggestion, grade, say = self._facts.suggestion, self._facts.grade, self._say
        by_person = self._facts.incident.grade is not None
        how = say("grade.by_person" if by_person else "grade.suggested") if grade else ""
        unsure = "" if by_person or suggestion.sure else say("grade.unsure")
        ahead = suggestion.next
        said = ""
        if ahead is not None:
            why = clean(say_of(ahead.because, say.code, TEXTS), _SENTENCE)
            said = f"{self._moment(ahead.at)} → {say(f'grade.{ahead.grade}')}: {why}"
            said += "" if ahead.edition.sure else say("grade.unsure")
        return {
            "grade": say(f"grade.{grade or 'none'}") + how + unsure,
            "grade_id": grade.value if grade else "",
            "colour": COLOURS[grade] if grade else "",
            "grade_because": tuple(clean(say_of(one, say.code, TEXTS), _SENTENCE) for one in suggestion.because),
            "grade_editions": tuple(f"{one.title.said(say.code)} ({one.effective})" for one in suggestion.editions),
            "next_grade": said,
        }

    def _clock(self, one: Countdown) -> ClockView:
        left = ""
        if one.due is not None and one.stage in (Stage.RUNNING, Stage.OVERDUE):
            left = duration(abs(one.due - self._facts.now), self._say.code)
        return ClockView(
            id=one.clock.id,
            to=one.clock.to.said(self._say.code),
            stage=one.stage.value,
            said=self._say(f"stage.{one.stage}"),
            due=self._moment(one.due),
            left=left,
            within=duration(one.clock.within, self._say.code),
            edition=f"{one.edition.title.said(self._say.code)} ({one.edition.effective})",
            verified=one.edition.sure,
        )

    def _plan(self, plan: EmergencyPlan) -> PlanView:
        code = self._say.code
        approved = plan.approved.said(code) if plan.approved else ""
        return PlanView(plan.id, plan.name.said(code), approved, tuple(self._roles(plan, plan.first_call, 0)))

    def _roles(self, plan: EmergencyPlan, id_: str, depth: int) -> Iterator[RoleView]:
        """The call tree, each role before those it calls; loading has refused circles."""
        role = next(one for one in plan.roles if one.id == id_)
        yield self._role(plan, role, depth)
        for called in role.calls:
            yield from self._roles(plan, called, depth + 1)

    def _role(self, plan: EmergencyPlan, role: EmergencyRole, depth: int) -> RoleView:
        code, noticed = self._say.code, self._facts.incident.noticed
        measures = tuple(
            f"{self._moment(noticed + one.within)} {one.do.said(code)}" for one in plan.measures if one.role == role.id
        )
        deputy = self._person(self._people.person(role.deputy)) if role.deputy else ""
        holder = self._person(self._people.person(role.person))
        return RoleView(depth, role.name.said(code), holder, deputy, role.duties.said(code), measures)

    def _person(self, person: Person | None) -> str:
        code = self._say.code
        return f"{person.name.said(code)} ({person.post.said(code)}) {person.phone}" if person else ""

    def _timeline(self) -> Iterator[Moment]:
        facts = self._facts
        for change in facts.changes:
            yield self._at(change.since, "change", self._change(change))
        for decision in facts.decisions:
            because = Reason(decision["because"]["code"], decision["because"]["facts"])
            text = f"{clean(decision['runbook'], 60)}: {self._because(because)}"
            yield self._at(decision["at"], "decision", text)
        for run in facts.runs:
            ended = "…" if run.running else f"{self._say(f'outcome.{run.outcome}')}: {clean(run.sentence, _SENTENCE)}"
            yield self._at(run.started, "run", f"{clean(run.runbook, 60)}: {ended}")
        for entry in facts.acts:
            yield self._at(entry.at, "person", self._act(entry))
        for told in facts.told:
            yield self._at(told["sent"] or told["given_up"] or told["at"], "notice", self._told(told))
        for part in facts.merged:
            text = self._say("state.merged", root=facts.incident.id)
            yield self._at(part.closed or part.opened, "incident", f"#{part.id} {self._name(part.subject)}: {text}")

    def _change(self, change: Change) -> str:
        return f"{self._name(change.subject)}: {change.old} → {change.new}: {self._because(change.because)}"

    def _act(self, entry: Entry) -> str:
        key = "act.took_over" if entry.act is Act.ACKNOWLEDGE and entry.said else f"act.{entry.act}"
        return f"{clean(entry.person, 60)}: {self._say(key, said=clean(entry.said, 2000))}"

    def _told(self, told: Any) -> str:
        event = told["event"] if told["event"] in _TOLD else "opened"
        mark = "✓" if told["sent"] else "✗" if told["given_up"] else "…"
        error = f" ({clean(told['error'], 150)})" if told["error"] else ""
        return f"{mark} {told['channel']}: {event}{error}"

    def _held(self, who: str | None, at: float | None) -> str:
        return f"{clean(who, 2100)}, {self._moment(at)}" if who else ""

    def _at(self, at: float, kind: str, text: str) -> Moment:
        return Moment(at, self._moment(at), kind, text)

    def _because(self, reason: Reason) -> str:
        return clean(say_reason(reason, self._say.code), _SENTENCE)

    def _name(self, subject: str) -> str:
        return subject_name(self._estate, subject, self._say)

    def _moment(self, at: float | None) -> str:
        return "" if at is None else moment(at, self._zone)
