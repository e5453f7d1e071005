"""The charts of a report: figures for plotly, drawn from the view alone. The only file that knows plotly.

Labels stand above their bars instead of beside the axis, so that a chart reads the same on a desk and on a phone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from checks.sentence import clean
from reports.formats import duration, percent
from reports.language import Language
from reports.view import Ending, IncidentRow, SystemRow, WeeklyView

LIBRARY = Path(__file__).parent / "vendor" / "plotly-basic.min.js"

INK, MUTED, RULE = "#1b2733", "#5a6775", "#d9dfe5"
#: the colours of the style sheet; each comes with a pattern, so that nobody needs the colour
DOWN, UNSEEN, RUNBOOK, PEOPLE = "#a3271c", "#8a94a0", "#2a6f97", "#7a5c99"
FONT = 'system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Source Han Sans SC", sans-serif'

ROW = 46  #: pixels a bar takes with its label
MOST_BARS = 40  #: bars in one chart
CUT = 3.0  #: shares of the budget beyond which a bar is cut
_ENDING_STYLE = {Ending.RUNBOOK: (RUNBOOK, ""), Ending.PEOPLE: (PEOPLE, "\\"), Ending.OPEN: (DOWN, "x")}


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart ready to embed: what plotly needs, and what those need who cannot see it."""

    id: str
    title: str
    caption: str
    alt: str
    height: int
    figure: Mapping[str, Any]  #: ``data``, ``layout`` and ``config`` for ``Plotly.newPlot``


def charts(view: WeeklyView, say: Language) -> tuple[Chart, ...]:
    """Every chart of the report that has something to show."""
    drawn = (budget_chart(view.systems, say), incident_chart(view, say))
    return tuple(chart for chart in drawn if chart is not None)


def budget_chart(systems: tuple[SystemRow, ...], say: Language) -> Chart | None:
    """Used share of the allowed downtime, system by system: one scale for all targets.

    It shows the verdict exactly: missed iff D > allowed, met iff D + N <= allowed.
    """
    rows = [row for row in systems if row.budget.allowed > 0]
    if not rows:
        return None
    spent = [min(CUT, row.budget.spent / row.budget.allowed) for row in rows]
    whole = [min(CUT, (row.budget.spent + row.budget.unseen) / row.budget.allowed) for row in rows]
    hover = [_budget_hover(row, say) for row in rows]
    places = list(range(len(rows)))
    figure = go.Figure(
        data=[
            _bar(_Look(say("charts.budget_spent"), DOWN, ""), places, [0.0] * len(rows), spent, hover),
            _bar(_Look(say("charts.budget_unseen"), UNSEEN, "/"), places, spent, whole, hover),
        ],
        layout=_layout(len(rows)),
    )
    figure.update_xaxes(range=[0, max(1.15, *whole) * 1.02], tickformat=".0%", title_text=say("charts.budget_axis"))
    figure.add_vline(x=1, line={"color": INK, "width": 2, "dash": "dash"})
    _label_bars(figure, [f"{_text(row.name, 60)}  <b>{_share(row)}</b>" for row in rows])
    parts = say("report.semicolon").join(say("charts.budget_part", system=row.name, share=_share(row)) for row in rows)
    return Chart(
        "budget",
        say("charts.budget_title"),
        say("charts.budget_caption", most=percent(CUT)),
        say("charts.budget_alt", parts=parts),
        _height(len(rows)),
        _embedded(figure),
    )


def incident_chart(view: WeeklyView, say: Language) -> Chart | None:
    """Incidents from beginning to end, the longest ``MOST_BARS`` of them, in the order they began."""
    if not view.incidents:
        return None
    longest = sorted(view.incidents, key=lambda row: row.start - row.end)[:MOST_BARS]
    rows = sorted(longest, key=lambda row: (row.start, row.number))
    figure = go.Figure(layout=_layout(len(rows)))
    for how in Ending:
        if any(row.ending is how for row in rows):
            figure.add_trace(_incident_bars(rows, how, say))
    figure.add_trace(_beginnings(rows, say))
    figure.update_xaxes(
        range=[view.start, view.end],
        tickmode="array",
        tickangle=0,
        tickvals=[tick.at for tick in view.wide_axis],
        ticktext=[tick.label for tick in view.wide_axis],
    )
    _label_bars(figure, [f"#{row.number} {_text(row.subject, 60)}  <b>{row.length}</b>" for row in rows])
    hidden = len(view.incidents) > len(rows)
    caption = [say("charts.incident_caption"), *([say("charts.only_longest", n=len(rows))] if hidden else [])]
    return Chart(
        "incidents",
        say("charts.incident_title"),
        " ".join(caption),
        say("charts.incident_alt", n=len(rows)),
        _height(len(rows)),
        _embedded(figure),
    )


def _incident_bars(rows: list[IncidentRow], how: Ending, say: Language) -> go.Bar:
    places = [place for place, row in enumerate(rows) if row.ending is how]
    chosen = [rows[place] for place in places]
    look = _Look(say(f"charts.{how}"), *_ENDING_STYLE[how])
    hover = [_incident_hover(row, say) for row in chosen]
    return _bar(look, places, [row.start for row in chosen], [row.end for row in chosen], hover)


def _beginnings(rows: list[IncidentRow], say: Language) -> go.Scatter:
    return go.Scatter(
        x=[row.start for row in rows],
        y=list(range(len(rows))),
        mode="markers",
        name=say("charts.start"),
        marker={"symbol": "diamond", "size": 10, "color": INK, "line": {"color": "#ffffff", "width": 1}},
        hoverinfo="text",
        hovertext=[_incident_hover(row, say) for row in rows],
    )


@dataclass(frozen=True, slots=True)
class _Look:
    """How the bars of one meaning look: the name in the legend, colour and pattern."""

    name: str
    colour: str
    pattern: str


def _bar(look: _Look, places: list[int], starts: list[float], ends: list[float], hover: list[str]) -> go.Bar:
    return go.Bar(
        orientation="h",
        y=places,
        x=[end - start for start, end in zip(starts, ends, strict=True)],
        base=starts,
        name=look.name,
        width=0.36,
        marker={
            "color": look.colour,
            "line": {"color": look.colour, "width": 1},
            "pattern": {
                "shape": look.pattern,
                "fgcolor": look.colour,
                "bgcolor": "#ffffff",
                "size": 6,
                "solidity": 0.4,
            },
        },
        hoverinfo="text",
        hovertext=hover,
    )


def _label_bars(figure: go.Figure, labels: list[str]) -> None:
    for place, label in enumerate(labels):
        figure.add_annotation(
            xref="paper",
            x=0,
            y=place - 0.22,  # the axis runs downwards: above the bar
            text=label,
            showarrow=False,
            xanchor="left",
            yanchor="bottom",
            align="left",
            bgcolor="rgba(255,255,255,0.85)",
            borderpad=0,
            font={"size": 13, "color": INK},
        )


def _layout(rows: int) -> go.Layout:
    return go.Layout(
        template="none",
        height=_height(rows),
        margin={"l": 20, "r": 16, "t": 34, "b": 44},
        barmode="overlay",
        font={"family": FONT, "size": 12, "color": MUTED},
        paper_bgcolor="#ffffff",
        plot_bgcolor="#ffffff",
        showlegend=True,
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "itemclick": False}
        | {"itemdoubleclick": False},
        hoverlabel={"bgcolor": "#ffffff", "bordercolor": MUTED, "align": "left", "font": {"color": INK}},
        xaxis={"gridcolor": RULE, "zeroline": False, "fixedrange": True, "linecolor": RULE, "showline": True},
        yaxis={"range": [rows - 0.5, -0.75], "visible": False, "fixedrange": True},
    )


def _embedded(figure: go.Figure) -> dict[str, Any]:
    """The figure for ``Plotly.newPlot``; the mode bar, its cloud button and its logo are off."""
    config = {"displayModeBar": False, "showSendToCloud": False, "displaylogo": False, "showTips": False}
    drawn = figure.to_plotly_json()
    return {"data": drawn["data"], "layout": drawn["layout"], "config": {**config, "responsive": True}}


def _height(rows: int) -> int:
    return 90 + ROW * rows


def _share(row: SystemRow) -> str:
    low = row.budget.spent / row.budget.allowed
    high = (row.budget.spent + row.budget.unseen) / row.budget.allowed
    return _whole(low) if _whole(low) == _whole(high) else f"{_whole(low)} – {_whole(high)}"


def _whole(share: float) -> str:
    # Used budget is cut upwards where it is small: a second of downtime must not print as 0 %.
    return "<1%" if 0 < share < 0.01 else percent(share, 0)


def _budget_hover(row: SystemRow, say: Language) -> str:
    budget = row.budget
    lengths = {
        "down": duration(budget.spent, say.code),
        "unseen": duration(budget.unseen, say.code),
        "budget": duration(budget.allowed, say.code),
    }
    return say("charts.budget_hover", system=_text(row.name, 80), **lengths)


def _incident_hover(row: IncidentRow, say: Language) -> str:
    return say(
        "charts.incident_hover",
        number=row.number,
        subject=_text(row.subject, 80),
        opened=row.opened,
        length=row.length,
        repaired=_text(row.repaired, 80),
    )


def layout_of(rows: int) -> dict[str, Any]:
    """The look that all charts share, as plain data to be changed: for files that draw without plotly."""
    plain: dict[str, Any] = _layout(rows).to_plotly_json()
    return plain


def sketched(data: list[dict[str, Any]], layout: dict[str, Any]) -> dict[str, Any]:
    """A figure drawn as plain data, checked by plotly and ready to embed; ValueError for what plotly does not know."""
    return _embedded(go.Figure(data=data, layout=layout))


def row_height(rows: int) -> int:
    """Pixels of a chart of so many rows."""
    return _height(rows)


def label_text(text: str, limit: int) -> str:
    """Text from outside as a label: bounded, and nothing that plotly would read as markup."""
    return _text(text, limit)


def _text(text: str, limit: int) -> str:
    """Plotly reads ``<b>`` and entities in labels: names must stay text there too."""
    return escape(clean(text, limit), quote=False)
