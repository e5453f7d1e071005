"""Calendars in values: what a calendar.yml says, without the file, by the clock of Asia/Shanghai."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from inventory.almanac import almanac
from inventory.calendar_model import Almanac, Calendar, Drill, Guard, Window

_ALL = {"name": {"zh": "名", "en": "name"}, "mark": {"file": str(Path("calendar.yml")), "line": 1}}
_APPROVED = {"by": "li", "at": "2026-01-01T00:00"}

Written = Mapping[str, Mapping[str, Any]]


def moment(text: str) -> datetime:
    """A moment of the estate's clock."""
    return datetime.fromisoformat(text)


def calendar(
    maintenance: Written | None = None,
    drills: Written | None = None,
    guard: Written | None = None,
    *,
    book: Almanac | None = None,
    timezone: str = "Asia/Shanghai",
) -> Calendar:
    """A calendar; planned work is approved unless it says ``approved: None``, and concerns everything."""
    work = {"subjects": ("*",), "approved": _APPROVED}
    return Calendar(
        timezone=timezone,
        almanac=book or almanac("china"),
        maintenance=tuple(_made(Window, key, {**work, **said}) for key, said in (maintenance or {}).items()),
        drills=tuple(_made(Drill, key, {**work, "mode": "full", **said}) for key, said in (drills or {}).items()),
        guards=tuple(_made(Guard, key, said) for key, said in (guard or {}).items()),
    )


def _made(model: type[Any], key: str, said: Mapping[str, Any]) -> Any:
    return model.model_validate({**_ALL, "id": key, **said})
