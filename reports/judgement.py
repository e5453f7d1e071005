"""The first screen: the sentence a person who reads nothing else must read, the counts, and what needs a person."""

from __future__ import annotations

from dataclasses import dataclass, replace

from inventory import subject as subjects
from inventory.model import System
from reports.events import because, ending
from reports.facts import Facts
from reports.formats import duration, percent
from reports.language import Language
from reports.names import subject_name
from reports.subjects import Histories, gaps, standing
from reports.view import Ending, Judgement, Said, Tally, Tone
from state.availability import Met
from state.verdict import Availability, Incident

MOST_ATTENTION = 6  #: lines on the first screen; the rest is counted
_TROUBLE = (Availability.DOWN, Availability.DEGRADED)


@dataclass(frozen=True, slots=True)
class Standing:
    """The systems by name: how they stand against their targets, and which are down as the window ends."""

    met: list[str]
    missed: list[str]
    undetermined: list[str]
    down_now: list[str]

    @property
    def total(self) -> int:
        """All systems."""
        return len(self.met) + len(self.missed) + len(self.undetermined)


def judgement(facts: Facts, known: Histories, counted: Tally, say: Language) -> Judgement:
    """The headline, the sentences that carry it, and the list of what needs a person."""
    stands = system_standing(facts, known, say)
    items = attention(facts, known, say)
    said = headline(stands, say)
    if items and said.tone is Tone.GOOD:  # all targets met, and still something to look at
        said = replace(said, tone=Tone.ATTENTION)
    return Judgement(
        headline=said,
        support=(incident_sentence(counted, say), watch_sentence(facts, say)),
        attention=tuple(items[:MOST_ATTENTION]),
        attention_hidden=max(0, len(items) - MOST_ATTENTION),
    )


def system_standing(facts: Facts, known: Histories, say: Language) -> Standing:
    """The systems sorted by verdict."""

    ids = [subjects.system(system.id) for system in facts.estate.systems]

    def names(outcome: Met) -> list[str]:
        return [subject_name(facts.estate, id_, say) for id_ in ids if known[id_].figures.verdict is outcome]

    down = [id_ for id_ in ids if known[id_].at_end is Availability.DOWN]
    return Standing(
        met=names(Met.MET),
        missed=names(Met.MISSED),
        undetermined=names(Met.UNDETERMINED),
        down_now=[subject_name(facts.estate, id_, say) for id_ in down],
    )


def headline(stands: Standing, say: Language) -> Said:
    """One sentence. The worst that is certain comes first; "unknown" never reads as "fine"."""
    names = say.joined
    if stands.total == 0:
        return Said(say("judgement.no_systems"), Tone.UNKNOWN)
    if stands.down_now:
        return Said(say("judgement.down_now", n=len(stands.down_now), names=names(stands.down_now)), Tone.BAD)
    if stands.missed:
        text = say("judgement.missed", total=stands.total, n=len(stands.missed), names=names(stands.missed))
        return Said(text, Tone.BAD)
    if not stands.met:
        return Said(say("judgement.nothing"), Tone.UNKNOWN)
    if stands.undetermined:
        unsure = stands.undetermined
        text = say("judgement.undetermined", met=len(stands.met), n=len(unsure), names=names(unsure))
        return Said(text, Tone.ATTENTION)
    return Said(say("judgement.met", total=stands.total), Tone.GOOD)


def tally(facts: Facts, known: Histories) -> Tally:
    """The counts of the first screen."""
    verdicts = [_verdict(system, known) for system in facts.estate.systems]
    endings = [ending(incident, facts.until) for incident in facts.incidents]
    return Tally(
        met=verdicts.count(Met.MET),
        missed=verdicts.count(Met.MISSED),
        undetermined=verdicts.count(Met.UNDETERMINED),
        incidents=len(endings),
        incidents_open=endings.count(Ending.OPEN),
        incidents_by_runbook=endings.count(Ending.RUNBOOK),
    )


def incident_sentence(counted: Tally, say: Language) -> str:
    """How many incidents there were, and who ended them."""
    if counted.incidents == 0:
        return say("judgement.quiet")
    return say(
        "judgement.incidents",
        total=counted.incidents,
        runbook=counted.incidents_by_runbook,
        other=counted.incidents - counted.incidents_by_runbook - counted.incidents_open,
        open=counted.incidents_open,
    )


def watch_sentence(facts: Facts, say: Language) -> str:
    """How much of the window was watched."""
    lost = sum(gap.end - gap.start for gap in gaps(facts))
    if not facts.watched:
        return say("judgement.unwatched")
    if lost == 0:
        return say("judgement.watched")
    share = percent(lost / (facts.until - facts.start), 1)
    return say("judgement.gaps", lost=duration(lost, say.code), share=share)


def attention(facts: Facts, known: Histories, say: Language) -> list[str]:
    """What needs a person: open incidents, missed and undetermined targets, centers and links not in order."""
    open_ = [one for one in facts.incidents if ending(one, facts.until) is Ending.OPEN]
    missed = [system for system in facts.estate.systems if _verdict(system, known) is Met.MISSED]
    unsure = system_standing(facts, known, say).undetermined
    return [
        *(_open_incident(incident, facts, say) for incident in open_),
        *(_missed(system, facts, known, say) for system in missed),
        *_places(facts, known, "center", [subjects.center(center.id) for center in facts.estate.centers], say),
        *_places(facts, known, "link", [subjects.link(link.id) for link in facts.estate.links], say),
        *([say("attention.undetermined", n=len(unsure), systems=say.joined(unsure))] if unsure else []),
    ]


def _open_incident(incident: Incident, facts: Facts, say: Language) -> str:
    return say(
        "attention.open",
        subject=subject_name(facts.estate, incident.subject, say),
        length=duration(facts.until - incident.opened, say.code),
        because=because(incident.because, say),
    )


def _missed(system: System, facts: Facts, known: Histories, say: Language) -> str:
    id_ = subjects.system(system.id)
    found = known[id_].figures
    spent, allowed = duration(found.down, say.code), duration(found.budget, say.code)
    return say("attention.missed", system=subject_name(facts.estate, id_, say), down=spent, budget=allowed)


def _places(facts: Facts, known: Histories, kind: str, ids: list[str], say: Language) -> list[str]:
    ill = [id_ for id_ in ids if known[id_].at_end in _TROUBLE]
    names = {id_: subject_name(facts.estate, id_, say) for id_ in ill}
    return [say(f"attention.{kind}", name=names[id_], status=standing(known[id_].at_end, say).text) for id_ in ill]


def _verdict(system: System, known: Histories) -> Met:
    return known[subjects.system(system.id)].figures.verdict
