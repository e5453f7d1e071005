"""What the charts of a drill show: which samples, bars, phases and steps, in which window. Pure; draws nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from checks.sentence import clean
from failover.drill_record import NANO, DrillRecord, Seen, StepRecord, Track
from failover.measured import Outage
from reports.axis import Tick, ticks
from reports.drill_facts import DrillFacts
from reports.drill_words import bounds, channel_name, outcome, step_name, stream_name, vantage_name
from reports.formats import moment
from reports.language import Language
from reports.view import Tone

MOST_GOOD = 150  #: good samples of one row inside the window; the rest is thinned out evenly
MOST_BAD = 600  #: other samples of one row
MOST_ROWS = 12
MISSING_ROWS = 3
MOST_STEPS = 40
LABEL = 60  #: characters of a label
KEY_KINDS = ("fence", "promote", "traffic")  #: steps whose beginning is marked through the whole picture
_GOOD = frozenset({Seen.OK, Seen.KEPT, Seen.REFUSED})


@dataclass(frozen=True, slots=True)
class Span:
    """A named stretch of time; Unix seconds, or seconds from the first step."""

    name: str
    start: float
    end: float
    kind: str = ""
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of samples, with what came of it."""

    label: str
    note: str
    tone: Tone
    points: tuple[tuple[float, Seen], ...]
    sure: tuple[float, float] | None = None  #: surely without service
    possible: tuple[float, float] | None = None  #: possibly without service


@dataclass(frozen=True, slots=True)
class SwitchChart:
    """Probes of every vantage and canary writes across the switch on one axis of time."""

    start: float
    end: float
    ticks: tuple[Tick, ...]
    phases: tuple[Span, ...]
    steps: tuple[Span, ...]
    rows: tuple[Row, ...]
    headline: str
    thinned: int  #: one of so many good samples is shown; 1: all
    capped: bool
    alt: str


@dataclass(frozen=True, slots=True)
class StepsChart:
    """Every step as planned and as it was, in seconds from the first."""

    planned: tuple[Span | None, ...]
    actual: tuple[Span | None, ...]
    labels: tuple[str, ...]
    end: float
    alt: str


def switch_chart(facts: DrillFacts, headline: str, say: Language) -> SwitchChart | None:
    """The picture of the switch; None when there is nothing to show, or nothing was measured."""
    record = facts.record
    window = _window(facts)
    if record.tabletop or window is None or not facts.tracks:
        return None
    start, end = window
    inside = [(track, _inside(track, start, end)) for track in facts.tracks[:MOST_ROWS]]
    every = max((-(-sum(seen in _GOOD for _, seen in points) // MOST_GOOD) for _, points in inside), default=1)
    rows = [_row(facts, track, _thinned(points, max(1, every)), say) for track, points in inside]
    rows += list(_missing(facts, say))
    began, ended = record.wall(start), record.wall(end)
    steps = [_span(step, record, say) for step in record.steps if step.start is not None]
    told = tuple(span for span in steps if span.end > began and span.start < ended)
    return SwitchChart(
        began,
        ended,
        ticks(began, ended, facts.zone, say.code, most=5),
        tuple(_phases(facts, say)),
        told,
        tuple(rows),
        headline,
        max(1, every),
        any(sum(seen not in _GOOD for _, seen in points) > MOST_BAD for _, points in inside),
        _alt(facts, told, began, say),
    )


def _missing(facts: DrillFacts, say: Language) -> Iterator[Row]:
    """A vantage of which nothing came home has a row, too: an empty one."""
    measured = facts.record.measured
    for vantage in list(measured.missing)[:MISSING_ROWS] if measured else ():
        yield Row(vantage_name(facts, vantage, say), say("switch.missing"), Tone.UNKNOWN, ())


def _window(facts: DrillFacts) -> tuple[int, int] | None:
    """From well before the first loss of service to well after the last recovery, or around the switching steps."""
    record = facts.record
    outages = record.measured.outages if record.measured else ()
    begins = [one.last_ok for one in outages if one.rto and one.last_ok is not None]
    ends = [one.first_ok for one in outages if one.rto and one.first_ok is not None]
    lost = [sample.at for track in facts.tracks for sample in track.samples if sample.seen in {Seen.LOST, Seen.ACKED}]
    key = [step for step in record.steps if step.kind in KEY_KINDS and step.start is not None]
    begins = begins or [step.start for step in key if step.start is not None]
    ends = ends or [step.end for step in key if step.end is not None]
    if not begins:
        return None
    first = min([*begins, *lost[:1]])
    last = max([*ends, *lost[-1:], first + NANO])
    pad = max(NANO, (last - first) * 6 // 10)
    return first - pad, last + pad


def _inside(track: Track, start: int, end: int) -> list[tuple[int, Seen]]:
    return [(sample.at, sample.seen) for sample in track.samples if start <= sample.at <= end]


def _thinned(points: Sequence[tuple[int, Seen]], every: int) -> list[tuple[int, Seen]]:
    shown, good, bad = [], 0, 0
    for at, seen in points:
        if seen in _GOOD:
            good += 1
            if (good - 1) % every == 0:
                shown.append((at, seen))
        elif (bad := bad + 1) <= MOST_BAD:
            shown.append((at, seen))
    return shown


def _row(facts: DrillFacts, track: Track, points: Sequence[tuple[int, Seen]], say: Language) -> Row:
    record = facts.record
    drawn = tuple((record.wall(at), seen) for at, seen in points)
    if track.what == "probe":
        return _probe_row(facts, track, drawn, say)
    counted = [sample.seen for sample in track.samples]
    channel = clean(channel_name(track.name, say), LABEL)
    if track.what == "old-writer":
        leaked = counted.count(Seen.ACKED)
        note = say("switch.leaked", n=leaked) if leaked else say("switch.refused")
        return Row(say("switch.row_old", channel=channel), note, Tone.BAD if leaked else Tone.GOOD, drawn)
    lost = counted.count(Seen.LOST)
    label = say("switch.row_write", channel=channel, vantage=vantage_name(facts, track.vantage, say))
    open_ = Seen.UNKNOWN in counted and not lost
    note = say("switch.lost", n=lost) if lost else say("switch.not_known") if open_ else say("switch.nothing_lost")
    tone = Tone.BAD if lost else Tone.UNKNOWN if open_ else Tone.GOOD
    seen = outage_of(record, track)
    return Row(label, note, tone, drawn, *(_bars(record, seen) if seen and seen.rto else ()))


def _probe_row(facts: DrillFacts, track: Track, points: tuple[tuple[float, Seen], ...], say: Language) -> Row:
    seen = outage_of(facts.record, track)
    label = say(
        "switch.row_probe",
        vantage=vantage_name(facts, track.vantage, say),
        stream=clean(stream_name(track.name, say), LABEL),
    )
    if seen is None or not seen.sent:
        return Row(label, say("drill.not_measured"), Tone.UNKNOWN, points)
    if seen.rto is None:
        return Row(label, say("switch.none_seen"), Tone.GOOD, points)
    note = say("switch.outage", interval=bounds(seen.rto, say))
    return Row(label, note, Tone.ATTENTION, points, *_bars(facts.record, seen))


def _bars(record: DrillRecord, seen: Outage) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
    end = record.ended if record.ended is not None else seen.last_fail
    last = seen.first_ok if seen.first_ok is not None else end
    sure = (seen.first_fail, seen.last_fail)
    possible = (seen.last_ok, last)
    return _walls(record, sure), _walls(record, possible)


def _walls(record: DrillRecord, pair: tuple[int | None, int | None]) -> tuple[float, float] | None:
    start, end = pair
    return None if start is None or end is None or end < start else (record.wall(start), record.wall(end))


def outage_of(record: DrillRecord, track: Track) -> Outage | None:
    """What was measured from the samples of a track; a client that writes is a client, too."""
    outages = record.measured.outages if record.measured else ()
    stream = f"write:{track.name}" if track.what == "write" else track.name
    return next((one for one in outages if (one.vantage, one.stream) == (track.vantage, stream)), None)


def _phases(facts: DrillFacts, say: Language) -> Iterator[Span]:
    record = facts.record
    for phase in record.measured.phases if record.measured else ():
        if phase.end > phase.start:
            key = f"phase.{phase.name}"
            name = say(key) if key in say.sentences else clean(phase.name, LABEL)
            yield Span(name, record.wall(phase.start), record.wall(phase.end), phase.name)


def _span(step: StepRecord, record: DrillRecord, say: Language) -> Span:
    assert step.start is not None
    end = step.end if step.end is not None else (record.ended or step.start)
    return Span(clean(step_name(step, say), LABEL), record.wall(step.start), record.wall(end), step.kind, step.outcome)


def _alt(facts: DrillFacts, steps: Iterable[Span], began: float, say: Language) -> str:
    join = say("report.semicolon")
    names = say("drill.list").join(span.name for span in steps)
    return say("switch.alt", when=moment(began, facts.zone), rows=join.join(_alt_rows(facts, say)), steps=names)


def _alt_rows(facts: DrillFacts, say: Language) -> Iterator[str]:
    for track in facts.tracks[:MOST_ROWS]:
        row = _row(facts, track, (), say)
        if track.what == "write":
            counted = [sample.seen for sample in track.samples]
            open_ = sum(counted.count(seen) for seen in (Seen.UNKNOWN, Seen.DROPPED, Seen.RECOVERED))
            counts = {"kept": counted.count(Seen.KEPT), "lost": counted.count(Seen.LOST), "unknown": open_}
            yield say("switch.alt_writes", name=row.label, **counts)
        elif track.what == "probe" and (seen := outage_of(facts.record, track)) and seen.rto:
            yield say("switch.alt_row", name=row.label, interval=bounds(seen.rto, say))
        elif track.what == "probe":
            yield say("switch.alt_row_none", name=row.label)


def steps_chart(facts: DrillFacts, say: Language) -> StepsChart | None:
    """Planned and actual beginnings and ends; None for a table-top, whose times are those of talking."""
    record = facts.record
    begun = [step.start for step in record.steps if step.start is not None]
    if record.tabletop or not begun:
        return None
    zero = min(begun)
    shown = [step for step in record.steps if step.start is not None or step.planned is not None][:MOST_STEPS]
    planned = tuple(_planned(step) for step in shown)
    actual = tuple(_actual(step, zero, record) for step in shown)
    names = [clean(step_name(step, say), LABEL) for step in shown]
    parts = [
        say(
            "timeline.gantt_part",
            step=name,
            start=f"{span.start:.1f}",
            end=f"{span.end:.1f}",
            outcome=outcome(step.outcome, say).text,
        )
        for name, span, step in zip(names, actual, shown, strict=True)
        if span
    ]
    return StepsChart(
        planned,
        actual,
        tuple(f"{number}. {name}" for number, name in enumerate(names, 1)),
        max(span.end for span in (*planned, *actual) if span),
        say("timeline.gantt_alt", parts=say("report.semicolon").join(parts)),
    )


def _planned(step: StepRecord) -> Span | None:
    if step.planned is None or step.estimate is None:
        return None
    return Span(step.id, step.planned, step.planned + step.estimate, step.kind)


def _actual(step: StepRecord, zero: int, record: DrillRecord) -> Span | None:
    if step.start is None:
        return None
    end = step.end if step.end is not None else (record.ended or step.start)
    return Span(step.id, (step.start - zero) / NANO, (end - zero) / NANO, step.kind, step.outcome)
