"""The charts of a drill drawn: what ``drill_chart.py`` chose, as figures. Every meaning has a shape besides its colour.

Plain data for plotly, which ``charts.py`` checks and embeds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from failover.drill_record import Seen
from reports.charts import DOWN, INK, MUTED, Chart, label_text, layout_of, row_height, sketched
from reports.drill_chart import KEY_KINDS, Span, StepsChart, SwitchChart
from reports.drill_view import DrillView
from reports.language import Language
from reports.view import Tone

GOOD, ATTENTION, UNSEEN, BRAND = "#1d6b58", "#8a5a00", "#6b7682", "#12355b"
SURE, POSSIBLE = "#f0b8b0", "#c0574b"
#: symbol, colour, size, width of the line
_LOOK: dict[Seen, tuple[str, str, int, int]] = {
    Seen.OK: ("circle", GOOD, 6, 0),
    Seen.KEPT: ("circle", GOOD, 6, 0),
    Seen.REFUSED: ("circle-open", BRAND, 6, 1),
    Seen.FAILED: ("x-thin", DOWN, 8, 2),
    Seen.REJECTED: ("square-open", ATTENTION, 8, 2),
    Seen.RECOVERED: ("diamond-open", ATTENTION, 9, 2),
    Seen.DROPPED: ("diamond-open", UNSEEN, 9, 2),
    Seen.UNKNOWN: ("diamond-open", UNSEEN, 9, 2),
    Seen.LOST: ("diamond", DOWN, 13, 1),
    Seen.ACKED: ("star", DOWN, 14, 1),
}
_TONE = {Tone.GOOD: GOOD, Tone.BAD: DOWN, Tone.ATTENTION: INK, Tone.UNKNOWN: UNSEEN}
_SIGN = {"failed": "✕ ", "unknown": "? ", "open": "? "}


def drill_charts(view: DrillView, say: Language) -> tuple[Chart, ...]:
    """Every chart of the report that has something to show."""
    switch = switch_figure(view.switch, view.zone, say) if view.switch else None
    steps = steps_figure(view.steps_chart, say) if view.steps_chart else None
    return tuple(chart for chart in (switch, steps) if chart is not None)


def switch_figure(shown: SwitchChart, zone: str, say: Language) -> Chart:
    """Probes and writes of every vantage across the switch on one axis."""
    top = 1  #: the first row is for phases and steps
    rows = len(shown.rows) + top
    data = [*_outage_bars(shown, top), *_points(shown, top, say)]
    layout = layout_of(rows)
    layout["margin"] |= {"t": 40}
    layout["height"] = row_height(rows) + 26
    layout["xaxis"] |= {
        "range": [shown.start, shown.end],
        "tickmode": "array",
        "tickangle": 0,
        "tickvals": [tick.at for tick in shown.ticks],
        "ticktext": [tick.label for tick in shown.ticks],
        "title": {"text": say("switch.axis", zone=zone), "font": {"size": 12}},
    }
    layout["yaxis"] |= {"range": [rows - 0.4, -1.1]}
    layout["legend"] |= {"y": 1.0, "yanchor": "bottom"}
    layout["shapes"] = [*_bands(shown), *_marks(shown)]
    layout["annotations"] = [*_band_names(shown), *_mark_names(shown), *_row_names(shown, top)]
    caption = [say("switch.caption")]
    caption += [say("switch.thinned", n=shown.thinned)] if shown.thinned > 1 else []
    caption += [say("switch.capped")] if shown.capped else []
    title = f"{say('switch.title')}{say('drill.colon')}{shown.headline}"
    return Chart("switch", title, " ".join(caption), shown.alt, layout["height"], sketched(data, layout))


def _outage_bars(shown: SwitchChart, top: int) -> Iterator[dict[str, Any]]:
    """Possibly without service: hatched; surely: solid."""
    looks = (("possible", "/", POSSIBLE, "#ffffff"), ("sure", "", SURE, SURE))
    for which, pattern, colour, back in looks:
        spans = [(place + top, getattr(row, which)) for place, row in enumerate(shown.rows) if getattr(row, which)]
        if spans:
            yield {
                "type": "bar",
                "orientation": "h",
                "y": [place for place, _ in spans],
                "x": [end - start for _, (start, end) in spans],
                "base": [start for _, (start, _) in spans],
                "width": 0.34,
                "showlegend": False,
                "hoverinfo": "skip",
                "marker": {
                    "color": colour,
                    "line": {"color": POSSIBLE, "width": 1},
                    "pattern": {"shape": pattern, "fgcolor": colour, "bgcolor": back, "size": 6, "solidity": 0.3},
                },
            }


def _points(shown: SwitchChart, top: int, say: Language) -> Iterator[dict[str, Any]]:
    for seen, (symbol, colour, size, width) in _LOOK.items():
        found = [(at, place + top) for place, row in enumerate(shown.rows) for at, kind in row.points if kind is seen]
        if found:
            yield {
                "type": "scatter",
                "mode": "markers",
                "x": [round(at, 3) for at, _ in found],
                "y": [place for _, place in found],
                "name": say(f"seen.{seen}"),
                "hoverinfo": "name",
                "cliponaxis": True,
                "marker": {"symbol": symbol, "color": colour, "size": size, "line": {"color": colour, "width": width}},
            }


def _bands(shown: SwitchChart) -> Iterator[dict[str, Any]]:
    """The phases, as a band above the samples."""
    tints = ("#dfe8f1", "#c4d5e6")
    for number, phase in enumerate(shown.phases):
        yield {
            "type": "rect",
            "x0": max(phase.start, shown.start),
            "x1": min(phase.end, shown.end),
            "y0": 0.08,
            "y1": 0.42,
            "fillcolor": tints[number % 2],
            "line": {"color": BRAND, "width": 1},
            "layer": "below",
        }


def _band_names(shown: SwitchChart) -> Iterator[dict[str, Any]]:
    whole = shown.end - shown.start
    for phase in shown.phases:
        start, end = max(phase.start, shown.start), min(phase.end, shown.end)
        if (end - start) / whole * 560 > _wide(phase.name):
            yield _note(phase.name, (start + end) / 2, 0.25, size=12, color=BRAND, xanchor="center", yanchor="middle")


def _wide(text: str) -> int:
    return 8 + sum(13 if ord(sign) > 0x2000 else 7 for sign in text)


def _key(shown: SwitchChart) -> list[Span]:
    return [span for span in shown.steps if span.kind in KEY_KINDS and shown.start <= span.start <= shown.end]


def _marks(shown: SwitchChart) -> Iterator[dict[str, Any]]:
    for span in _key(shown):
        line = {"color": INK, "width": 1, "dash": "dot"}
        yield {"type": "line", "x0": span.start, "x1": span.start, "y0": 0, "y1": 1, "yref": "paper", "line": line}


def _mark_names(shown: SwitchChart) -> Iterator[dict[str, Any]]:
    """The names of the marked steps, each on its own level so that close ones stay readable."""
    for number, span in enumerate(_key(shown)):
        right = span.start > (shown.start + shown.end) / 2
        text = f"{_SIGN.get(span.outcome, '')}{label_text(span.name, 24)}"
        yield _note(
            f"▾{text}" if not right else f"{text}▾",
            span.start,
            -1.05 + 0.36 * (number % 3),
            size=11,
            color=DOWN if span.outcome == "failed" else INK,
            xanchor="right" if right else "left",
            yanchor="top",
            bgcolor="rgba(255,255,255,0.8)",
        )


def _row_names(shown: SwitchChart, top: int) -> Iterator[dict[str, Any]]:
    for place, row in enumerate(shown.rows):
        y = place + top - 0.22
        name: dict[str, Any] = {"xref": "paper", "yanchor": "bottom", "bgcolor": "rgba(255,255,255,0.85)", "size": 13}
        yield _note(label_text(row.label, 60), 0, y, color=INK, xanchor="left", **name)
        yield _note(f"<b>{label_text(row.note, 60)}</b>", 1, y, color=_TONE[row.tone], xanchor="right", **name)


def _note(text: str, x: float, y: float, *, size: int, color: str, **more: Any) -> dict[str, Any]:
    font = {"size": size, "color": color}
    return {"text": text, "x": x, "y": y, "showarrow": False, "borderpad": 0, "font": font, **more}


def steps_figure(shown: StepsChart, say: Language) -> Chart:
    """Every step as planned and as it was."""
    rows = len(shown.labels)
    data = [
        _steps_bars(shown.planned, say("timeline.gantt_planned"), "/", 0.12, 0.13),
        _steps_bars(shown.actual, say("timeline.gantt_actual"), "", -0.05, 0.2),
    ]
    layout = layout_of(rows)
    layout["height"] = 90 + 38 * rows
    layout["xaxis"] |= {
        "range": [0, shown.end * 1.03 + 0.1],
        "title": {"text": say("timeline.axis")},
        "ticksuffix": " s",
    }
    layout["annotations"] = [
        _note(
            f"{_SIGN.get(span.outcome, '') if span else ''}{label_text(label, 60)}",
            0,
            place - 0.18,
            size=12,
            color=DOWN if span and span.outcome == "failed" else INK,
            xref="paper",
            xanchor="left",
            yanchor="bottom",
            bgcolor="rgba(255,255,255,0.85)",
        )
        for place, (label, span) in enumerate(zip(shown.labels, shown.actual, strict=True))
    ]
    title, caption = say("timeline.gantt_title"), say("timeline.gantt_caption")
    return Chart("steps", title, caption, shown.alt, layout["height"], sketched(data, layout))


def _steps_bars(spans: tuple[Span | None, ...], name: str, pattern: str, shift: float, width: float) -> dict[str, Any]:
    told = [(place, span) for place, span in enumerate(spans) if span]
    colours = [DOWN if span.outcome in {"failed", "unknown", "open"} else BRAND for _, span in told]
    shade = MUTED if pattern else colours
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "y": [place + shift for place, _ in told],
        "x": [round(span.end - span.start, 3) for _, span in told],
        "base": [round(span.start, 3) for _, span in told],
        "width": width,
        "hoverinfo": "skip",
        "marker": {
            "color": shade,
            "line": {"color": shade, "width": 1},
            "pattern": {"shape": pattern, "fgcolor": MUTED, "bgcolor": "#ffffff", "size": 5, "solidity": 0.4},
        },
    }
