"""From a view to HTML: one file that needs nothing else. The only file that knows Jinja2.

Every printed value passes :func:`checks.sentence.clean` and is escaped; scripts are bound by hash in a content
security policy, so that even text that slipped through both could run nowhere.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from checks.sentence import clean
from reports.charts import LIBRARY, Chart, charts
from reports.drill_figure import drill_charts
from reports.drill_view import DrillView
from reports.language import Language
from reports.view import WeeklyView

_TEMPLATES = Path(__file__).parent / "templates"

LIMIT = 2000  #: characters of one printed text; the view cuts what comes from outside much shorter


def render(view: WeeklyView, say: Language) -> str:
    """The weekly report as one HTML document; equal views give equal bytes."""
    return _document("weekly.html.j2", view, charts(view, say), say)


def render_drill(view: DrillView, say: Language) -> str:
    """The report of a drill, likewise."""
    return _document("drill.html.j2", view, drill_charts(view, say), say)


def render_text(template: str, view: object) -> str:
    """A text by its template (``notice.zh.txt.j2``): values as they are, for text knows no markup, but each a line."""
    return _environment().get_template(template).render(view=view)


def _document(template: str, view: WeeklyView | DrillView, drawn: tuple[Chart, ...], say: Language) -> str:
    scripts = (_file(LIBRARY), _file(_TEMPLATES / "charts.js")) if drawn else ()
    return (
        _environment()
        .get_template(template)
        .render(
            view=view,
            say=say,
            charts={chart.id: chart for chart in drawn},
            style=Markup(_file(_TEMPLATES / "report.css")),  # noqa: S704 (our own file)
            scripts=[Markup(script) for script in scripts],  # noqa: S704 (our own files)
            script_sources=" ".join(f"'sha256-{_digest(script)}'" for script in scripts) or "'none'",
        )
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(disabled_extensions=("txt.j2",), default=True),
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _printable(value: object) -> object:
    """What is printed for an expression: markup as it is, everything else as bounded text without hidden signs."""
    return value if isinstance(value, Markup) else clean(str(value), LIMIT)


@cache
def _file(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _digest(script: str) -> str:
    return b64encode(hashlib.sha256(script.encode()).digest()).decode()
