"""``ops calendar``: what is planned, which times are important, and what follows from that now."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import typer

from inventory.errors import OperatorError
from reports.terminal import console

SAMPLE = Path(__file__).parents[1] / "inventory" / "estates" / "civil-affairs"
_AHEAD = timedelta(days=30)

app = typer.Typer(no_args_is_help=True, help="Planned work, drills and guard periods.")
out = console()


@app.callback()
def calendar() -> None:
    """Planned work, drills and guard periods."""


@app.command("show")
def show_command(
    start: Annotated[str, typer.Option("--from", help="Day or ISO time; default: now.")] = "",
    end: Annotated[str, typer.Option("--to", help="Day or ISO time; default: 30 days later.")] = "",
    lang: Annotated[Literal["zh", "en"], typer.Option("--lang", help="Language of the text.")] = "zh",
    estate: Annotated[Path, typer.Option("--estate", help="Folder of the estate.", envvar="OPS_ESTATE")] = SAMPLE,
) -> None:
    """What the calendar says of the next days, and what holds now."""
    from inventory.load import load
    from reports.calendar_table import calendar_view

    found = load(estate)
    if found.calendar is None:
        raise OperatorError(
            f"{found.folder} has no calendar.yml: nothing is planned, and no time is known as important"
        )
    zone, now = ZoneInfo(found.timezone), time.time()
    since = _moment(start, zone) if start else now
    until = _moment(end, zone) if end else since + _AHEAD.total_seconds()
    if until <= since:
        raise OperatorError("--to is not after --from")
    out.print(calendar_view(found.calendar, since, until, now, lang))


def _moment(text: str, zone: ZoneInfo) -> float:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise OperatorError(f"`{text}` is not a time: write it like 2026-11-28 or 2026-11-28T22:00") from error
    return (at if at.tzinfo else at.replace(tzinfo=zone)).timestamp()
