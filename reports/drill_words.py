"""How the things of a drill are called and written, the same everywhere: intervals, steps, centers, reasons."""

from __future__ import annotations

import math
from datetime import datetime

from checks.sentence import clean
from failover.drill_record import DrillRecord, StepRecord, Words, switched
from failover.measured import Interval, Judged, Verdict
from reports.drill_facts import DrillFacts
from reports.formats import duration, moment
from reports.language import Language
from reports.view import Said, Tone

SHORT = 80  #: characters of a name from outside
LONG = 400  #: of a sentence from outside

_VERDICT_TONE = {Verdict.PASS: Tone.GOOD, Verdict.FAIL: Tone.BAD, Verdict.INCONCLUSIVE: Tone.UNKNOWN}
_OUTCOME_TONE = {"done": Tone.GOOD, "failed": Tone.BAD, "unknown": Tone.UNKNOWN, "open": Tone.UNKNOWN}


def bounds(interval: Interval, say: Language) -> str:
    """An interval, never narrower than measured: its low end cut down, its high end rounded up."""
    if interval.high is None or math.isinf(interval.high):
        return say("drill.at_least", low=_seconds(interval.low, interval.low, say))
    high = _seconds(interval.high, interval.high, say, up=True)
    low = _seconds(interval.low, interval.high, say)
    if interval.low <= 0:
        return say("drill.at_most", high=high)
    unit = high.partition(" ")[2]
    short = low.partition(" ")[0] if low.endswith(unit) and " " not in unit else low
    return say("drill.between", low=short, high=high)


def _seconds(value: float, scale: float, say: Language, *, up: bool = False) -> str:
    """To hundredths below a second, tenths below two minutes, then whole seconds; the scale is the larger bound's."""
    places = 2 if scale < 1 else 1 if scale < 120 else 0
    exact = value * 10**places
    whole = math.ceil(exact - 1e-6) if up else math.floor(exact + 1e-6)
    if places == 0:
        return duration(float(whole), say.code)
    unit = duration(1, say.code).partition(" ")[2]
    return f"{whole / 10**places:.{places}f} {unit}"


def verdict(value: Verdict, say: Language) -> Said:
    """A verdict as a word with its tone."""
    return Said(say(f"drill_verdict.{value}"), _VERDICT_TONE[value])


def outcome(word: str, say: Language, drill: str = "") -> Said:
    """How a step ended; at a table it was only talked through."""
    key = f"{'table' if drill == 'tabletop' else 'step'}_outcome.{word or 'untouched'}"
    known = say(key) if key in say.sentences else clean(word, SHORT)
    return Said(known, _OUTCOME_TONE.get(word, Tone.UNKNOWN if word not in {"", "skipped"} else Tone.ATTENTION))


def step_name(step: StepRecord, say: Language) -> str:
    """What a step is called."""
    return clean((step.zh if say.code == "zh" else step.en) or step.id, SHORT)


def center_name(facts: DrillFacts, center: str, say: Language) -> str:
    """What a center is called; one that the estate does not know is called by its id."""
    known = {one.id: one.name.said(say.code) for one in facts.estate.centers}
    return clean(known.get(center, center), SHORT)


def vantage_name(facts: DrillFacts, vantage: str, say: Language) -> str:
    """A vantage by the center that it stands in, with its id where it shares one; outside by its name, else its id."""
    centers = {host.id: host.center for host in facts.estate.hosts}
    known = facts.estate.meters.vantages if facts.estate.meters else ()
    names = {one.id: one.name.said(say.code) for one in known if one.name}
    if vantage in names:
        return clean(names[vantage], SHORT)
    placed = {one.id: centers[one.host] for one in known if one.host in centers}
    if vantage not in placed:
        return center_name(facts, vantage, say)
    name = center_name(facts, placed[vantage], say)
    shared = list(placed.values()).count(placed[vantage]) > 1
    return clean(f"{name} · {vantage}" if shared else name, SHORT)


def judged_word(one: Judged, record: DrillRecord, say: Language) -> Said:
    """A verdict; what was taken back, or never came, met no target however short the outage was."""
    if one.verdict is Verdict.PASS and not switched(record):
        return Said(say("drill_verdict.uncounted"), Tone.UNKNOWN)
    return verdict(one.verdict, say)


def state_word(state: str, drill: str, say: Language) -> str:
    """Where a run stands; a table-top switches nothing, so its words are others."""
    table = f"tabletop_state.{state}"
    return say(table) if drill == "tabletop" and table in say.sentences else term("drill_state", state, say)


def channel_name(channel: str, say: Language) -> str:
    """A channel of the meters: those that everybody knows by a name, others by their id."""
    return term("channel", channel, say)


def objective_name(objective: str, say: Language) -> str:
    """An objective by its code; ``rpo:exchange`` is that of one channel."""
    kind, colon, channel = objective.partition(":")
    if colon and kind == "rpo":
        return say("objective.rpo_of", channel=channel_name(channel, say))
    return term("objective", objective, say, "other")


def stream_name(stream: str, say: Language) -> str:
    """How a stream of probes connects; ``write:db`` is the writer of a channel, who is a client, too."""
    kind, colon, channel = stream.partition(":")
    return (
        say("stream.write", channel=channel_name(channel, say))
        if colon and kind == "write"
        else term("stream", stream, say)
    )


def term(group: str, word: str, say: Language, default: str = "") -> str:
    """A word of ours in the reader's language; a word that is not ours as it is, or as the default says."""
    key = f"{group}.{word}"
    if key in say.sentences:
        return say(key)
    return say(f"{group}.{default}") if default else clean(word, SHORT)


def reason(words: Words, say: Language) -> str:
    """Why, in the reader's language where the journal has it or the code is known."""
    for group in ("judged", "condition", "drill_state"):
        if f"{group}.{words.code}" in say.sentences:
            return say(f"{group}.{words.code}")
    text = (words.zh if say.code == "zh" else words.en) or words.zh or words.en or words.code
    facts = say("drill.list").join(f"{key}={value}" for key, value in words.facts.items())
    return clean(f"{text} ({facts})" if facts and not words.zh and not words.en else text, LONG)


def told(at: int, facts: DrillFacts) -> str:
    """A moment to the tenth of a second, on the estate's clocks."""
    wall = facts.record.wall(at)
    return f"{datetime.fromtimestamp(wall, facts.zone):%H:%M:%S}.{int(wall * 10) % 10}"


def until(written: str, facts: DrillFacts) -> str:
    """A moment that was written down, on the estate's clocks; what is no moment as it is."""
    try:
        return moment(datetime.fromisoformat(written).timestamp(), facts.zone)
    except (ValueError, OverflowError, OSError):
        return clean(written, SHORT)


def moment_of(at: int, facts: DrillFacts) -> str:
    """A moment with its day."""
    return moment(facts.record.wall(at), facts.zone)
