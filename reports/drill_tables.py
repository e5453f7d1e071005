"""Runs, findings and readiness in a terminal. Never colour alone; text from outside is shown as text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from checks.sentence import clean
from failover.drill_record import Words
from failover.findings import Finding
from failover.history import ENOUGH_FOR_P95, RunLine, Trend
from failover.measured import Interval, Verdict
from failover.readiness import Expected, Readiness, Standing
from failover.readiness_words import say as reason_text
from failover.seen import Passed
from reports.drill_rows import finding_text
from reports.drill_words import bounds, reason, state_word, term
from reports.formats import duration, moment
from reports.language import Language

MOST_WHYS = 4  #: reasons of a kind that are shown of one plan; the JSON has them all
_PASSED = {Passed.PASS: ("✔", "green"), Passed.FAIL: ("✘", "red"), Passed.UNKNOWN: ("?", "magenta")}
_VERDICT = {Verdict.PASS: ("✔", "green"), Verdict.FAIL: ("✘", "red"), Verdict.INCONCLUSIVE: ("?", "magenta")}
_STANDING = {Standing.VERIFIED: ("✔", "green"), Standing.NEEDS: ("!", "yellow"), Standing.NEVER: ("✘", "red")}


def history(found: Iterable[Trend], zone: tzinfo, say: Language) -> RenderableType:
    """Every run, in comparable groups, with median and worst."""
    parts = [part for trend in found for part in (_trend(trend, zone, say), Text(_figures(trend, say)), Text(""))]
    return Group(*parts) if parts else Text(say("history.none"))


def _trend(trend: Trend, zone: tzinfo, say: Language) -> Table:
    name = clean(trend.zh if say.code == "zh" else trend.en, 80)
    title = say("history.title", name=name, version=trend.version, drill=term("drill_type", trend.drill, say))
    columns = ("at", "state", "rto", "rpo", "run")
    table = Table(*(say(f"history.{column}") for column in columns), title=Text(title), title_justify="left")
    for run in trend.runs:
        table.add_row(
            moment(run.at, zone),
            state_word(run.state, trend.drill, say),
            _cell(run.rto, run.rto_verdict, say),
            _lost(run, say),
            Text(clean(run.run, 100)),
        )
    return table


def _cell(interval: Interval | None, verdict: Verdict | None, say: Language) -> Text:
    if interval is None or verdict is None:
        return Text(say("drill.not_measured"))
    mark, colour = _VERDICT[verdict]
    return Text(f"{mark} {bounds(interval, say)}", style=colour)


def _lost(run: RunLine, say: Language) -> Text:
    if run.lost is None or run.rpo_verdict is None:
        return Text(say("drill.not_measured"))
    mark, colour = _VERDICT[run.rpo_verdict]
    return Text(f"{mark} {say('drill_card.lost', n=run.lost)}", style=colour)


def _figures(trend: Trend, say: Language) -> str:
    if trend.drill == "tabletop":
        return say("history.tabletop")
    if trend.median is None or trend.worst is None:
        return say("history.unmeasured")
    told = {"n": trend.measured, "median": _long(trend.median, say), "worst": _long(trend.worst, say)}
    if trend.p95 is not None:
        return say("history.figures_tail", **told, p95=_long(trend.p95, say))
    return say("history.figures", **told, enough=ENOUGH_FOR_P95)


def _long(seconds: float, say: Language) -> str:
    return say("drill.no_end") if math.isinf(seconds) else duration(seconds, say.code)


def findings(found: Sequence[Finding], now: float, zone: tzinfo, say: Language) -> RenderableType:
    """The register as it stands: what is open, by whom, until when."""
    if not found:
        return Text(say("history.no_findings"))
    columns = ("id", "what", "severity", "owner", "due", "status")
    table = Table(*(say(f"finding.{column}") for column in columns), say("drill.plan"))
    for one in found:
        because = reason(one.because, say) if isinstance(one.because, Words) else ""
        status = say("finding.open") if one.open else say("finding.closed", run=clean(one.closed_by, 80))
        late = one.overdue(now)
        table.add_row(
            one.id,
            Text(f"{finding_text(one, say)}{say('drill.colon') if because else ''}{because}"),
            say(f"finding.severity_{one.severity}"),
            Text(clean(one.owner, 60)),
            Text(f"{'! ' if late else ''}{moment(one.due, zone)[:10]}", style="red" if late else ""),
            Text(status),
            Text(clean(one.plan, 60)),
        )
    return table


def readiness(found: Iterable[Readiness], say: Language) -> RenderableType:
    """Each plan now: would it begin, what to expect, is it verified, and every why."""
    parts: list[RenderableType] = []
    for one in found:
        parts += [_headline(one, say), *(_whys(one, say)), Text("")]
    return Group(*parts) if parts else Text(say("ready.none"))


def _headline(one: Readiness, say: Language) -> Text:
    plan = one.file.plan
    mark, colour = _STANDING[one.standing]
    would, shade = _PASSED[one.would]
    text = Text(f"{plan.plan}  {clean(plan.name.said(say.code), 80)}\n  ", style="bold")
    text.append(f"{mark} {say(f'ready.{one.standing}')}   ", style=colour)
    text.append(f"{would} {say(f'ready.would_{one.would}')}   ", style=shade)
    text.append(f"RTO {expected(one.rto, say)}   RPO {expected(one.rpo, say)}", style="not bold")
    return text


def expected(one: Expected, say: Language) -> str:
    """A figure with where it comes from; what nobody knows is said to be unknown."""
    if one.worst is None:
        return say("ready.expected_unknown")
    if one.worst.high == 0:
        return say(f"ready.none_{one.source}", n=one.runs)
    return say(f"ready.{one.source}", figure=bounds(one.worst, say), n=one.runs)


def _whys(one: Readiness, say: Language) -> Iterator[Text]:
    for because in one.stops[:MOST_WHYS]:
        yield Text(f"    {_PASSED[one.would][0]} {clean(reason_text(because, say.code), 300)}")
    if len(one.stops) > MOST_WHYS:
        yield Text(f"    {say('report.more', n=len(one.stops) - MOST_WHYS)}")
    for because in one.why:
        yield Text(f"    ! {clean(reason_text(because, say.code), 300)}")


def readiness_json(one: Readiness, lang: str) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "plan": one.file.plan.plan,
        "standing": one.standing.value,
        "would_begin": one.would.value,
        "stops": [reason_text(because, lang) for because in one.stops],
        "why": [reason_text(because, lang) for because in one.why],
        "gates": [
            {
                "gate": gate.gate,
                "hard": gate.hard,
                "result": gate.result.value,
                "because": reason_text(gate.because, lang),
            }
            for gate in one.gates
        ],
        "rto": _expected_json(one.rto),
        "rpo": _expected_json(one.rpo),
        "verified_by": one.last.run if one.last else None,
    }


def _expected_json(one: Expected) -> dict[str, Any]:
    low, high = (one.worst.low, one.worst.high) if one.worst else (None, None)
    return {"source": one.source, "runs": one.runs, "low": low, "high": high}
