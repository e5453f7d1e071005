"""What a reader needs to trust the rest: the window, the watch itself, what was not counted, and the sources."""

from __future__ import annotations

from collections.abc import Iterator

from inventory import subject as subjects
from reports.facts import Facts
from reports.formats import duration, moment, percent
from reports.language import Language
from reports.plans import plans
from reports.subjects import Histories, gaps, subject_row
from reports.view import Gap, Source, WatchView, WindowView
from state.verdict import Availability

METHOD = "1"  #: version of the definitions printed in the report; raised whenever a figure would come out otherwise
WEEK = 7 * 86400.0
MOST_GAPS = 20

_EXCLUDED = (Availability.OUT, Availability.MAINT, Availability.DRILL)


def window_view(facts: Facts, known: Histories, say: Language) -> WindowView:
    """Which time the report speaks of, and what is unusual about it."""
    return WindowView(
        start=moment(facts.start, facts.zone),
        end=moment(facts.end, facts.zone),
        length=duration(facts.end - facts.start, say.code),
        zone=facts.estate.timezone,
        generated=moment(facts.now, facts.zone),
        notices=tuple(_notices(facts, known, say)),
    )


def _notices(facts: Facts, known: Histories, say: Language) -> list[str]:
    elapsed = facts.until - facts.start
    fine = facts.estate.defaults.interval
    budgets = [known[subjects.system(system.id)].figures.budget for system in facts.estate.systems]
    too_fine = sum(allowed < fine for allowed in budgets)
    notices = []
    if facts.until < facts.end:
        notices.append(say("report.running_window", at=moment(facts.until, facts.zone)))
    if elapsed != WEEK:
        key = "report.short_window" if elapsed < WEEK else "report.long_window"
        notices.append(say(key, length=duration(elapsed, say.code)))
    if facts.filled:
        notices.append(say("report.filled"))
    if too_fine:
        notices.append(say("report.too_fine", n=too_fine, interval=duration(fine, say.code)))
    return notices


def watch_view(facts: Facts, known: Histories, say: Language) -> WatchView:
    """The watch itself: a report is worth what its monitoring was."""
    away = gaps(facts)
    lost = sum(gap.end - gap.start for gap in away)
    elapsed = facts.until - facts.start
    probers = [subjects.watch(center.id) for center in facts.estate.centers]
    return WatchView(
        share=percent(1 - lost / elapsed, 1) if elapsed else say("report.dash"),
        watched=lost < elapsed,
        gaps=tuple(
            Gap(moment(gap.start, facts.zone), moment(gap.end, facts.zone), duration(gap.end - gap.start, say.code))
            for gap in away[:MOST_GAPS]
        ),
        gaps_hidden=max(0, len(away) - MOST_GAPS),
        probers=tuple(subject_row(facts, prober, known[prober], "", say) for prober in probers),
    )


def exclusions(facts: Facts, known: Histories, say: Language) -> tuple[str, ...]:
    """Time that counts neither for nor against a system; and who approved it, and what did not keep to it."""
    return (*_left_out(facts, known, say), *plans(facts, known, say))


def _left_out(facts: Facts, known: Histories, say: Language) -> Iterator[str]:
    yield from (
        say(
            "method.exclusion",
            system=system.name.said(say.code),
            kind=say(f"class.{kind}"),
            length=duration(seconds, say.code),
        )
        for system in facts.estate.systems
        for kind in _EXCLUDED
        if (seconds := known[subjects.system(system.id)].seconds(kind)) > 0
    )


def sources(facts: Facts, say: Language) -> tuple[Source, ...]:
    """From what the report was computed, for those who compute it again."""
    counts = {
        "changes": len(facts.changes),
        "incidents": len(facts.incidents),
        "runs": len(facts.runs),
        "spans": len(facts.watched),
    }
    window = f"[{moment(facts.start, facts.zone)}, {moment(facts.until, facts.zone)})"
    return (
        Source(say("method.window"), window),
        Source(say("method.elapsed"), duration(facts.until - facts.start, say.code)),
        Source(say("method.zone"), facts.estate.timezone),
        Source(say("method.records"), say("method.records_text", **counts)),
        Source(say("method.estate"), facts.estate.digest),
        Source(say("method.input"), facts.digest),
        Source(say("method.version"), METHOD),
        Source(say("method.revision"), str(facts.revision)),
    )
