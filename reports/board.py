"""The status board in a terminal: centers, systems by centers, links, provinces, incidents, and every datum's age."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from checks.result import Status
from checks.sentence import clean
from inventory import subject
from inventory.model import Estate
from reports.terminal import mark
from state.overview import Line, Overview
from state.reasons import say

_WORDS = {
    "en": {
        "center": "center", "status": "status", "since": "since", "age": "age", "because": "because",
        "system": "system", "users": "users see", "link": "link",
        "provinces": "provinces", "incidents": "open incidents",
        "none": "none", "watched": "last cycle of the watch", "never": "there was none", "ago": "{} ago",
        "affects": "{} more affected", "hosts": "hosts that are not ok",
    },
    "zh": {
        "center": "中心", "status": "状态", "since": "始于", "age": "数据时延", "because": "判定依据",
        "system": "业务系统", "users": "用户所见", "link": "链路", "provinces": "省级节点", "incidents": "未关闭事件",
        "none": "无", "watched": "值守最近一轮", "never": "尚无", "ago": "{}前",
        "affects": "另有 {} 个对象受影响", "hosts": "非正常主机",
    },
}  # fmt: skip
_STATUS = {
    "en": {status: status.value for status in Status},
    "zh": {Status.OK: "正常", Status.DEGRADED: "降级", Status.DOWN: "中断", Status.UNKNOWN: "未知"},
}


def board(view: Overview, estate: Estate, lang: str) -> RenderableType:
    """Everything that is known now, on one page."""
    return _Board(view, ZoneInfo(estate.timezone), "zh" if lang == "zh" else "en").page()


class _Board:
    def __init__(self, view: Overview, zone: ZoneInfo, lang: str) -> None:
        self._view, self._zone, self._lang, self._words = view, zone, lang, _WORDS[lang]

    def page(self) -> RenderableType:
        return Group(self._head(), self._centers(), self._systems(), self._links(), *self._rest())

    def _head(self) -> Text:
        view, words = self._view, self._words
        last = words["never"] if view.watched_at is None else words["ago"].format(_span(view.at - view.watched_at))
        name = view.estate.name.said(self._lang) if view.estate.name else ""
        return Text.assemble(name, "  ", self._mark(view.estate.status), f"   {words['watched']}: {last}")

    def _centers(self) -> Table:
        table = self._table("center", "status", "since", "age", "because")
        for line, watch in zip(self._view.centers, self._view.watch, strict=True):
            table.add_row(self._name(line), *self._cells(replace(line, age=watch.age)))  # as old as its last word to us
        for line in (watch for watch in self._view.watch if watch.status is not Status.OK):
            table.add_row(Text(line.subject), *self._cells(line))
        return table

    def _systems(self) -> Table:
        names = [subject.name(line.subject) for line in self._view.centers]
        table = Table(*(self._words[key] for key in ("system", "users")), *names, *self._heads("age", "because"))
        for row in self._view.systems:
            cells = [self._mark(cell.status) if cell else Text("") for cell in row.cells.values()]
            because = "" if row.line.status is Status.OK else say(row.line.because, self._lang)
            table.add_row(
                self._name(row.line),
                self._mark(row.line.status),
                *cells,
                _span(row.line.age),
                Text(clean(because, 120)),
            )
        return table

    def _links(self) -> Table:
        table = self._table("link", "status", "since", "age", "because")
        for line in self._view.links:
            table.add_row(self._name(line), *self._cells(line))
        return table

    def _rest(self) -> Iterator[Text]:
        view, words = self._view, self._words
        counts = ", ".join(f"{count} {_STATUS[self._lang][status]}" for status, count in view.provinces.items())
        yield Text(f"{words['provinces']}: {counts or words['none']}")
        for line in view.province_lines:
            yield Text.assemble("  ", self._mark(line.status), f" {subject.name(line.subject)}: {self._because(line)}")
        ill = [line for line in view.hosts if line.status is not Status.OK]
        if ill:
            yield Text(f"{words['hosts']}:")
        for line in ill:
            yield Text.assemble("  ", self._mark(line.status), f" {subject.name(line.subject)}: {self._because(line)}")
        yield Text(f"{words['incidents']}: {len(view.incidents) or words['none']}")
        for incident in view.incidents:
            more = "; " + words["affects"].format(len(incident.affects)) if incident.affects else ""
            sentence = clean(say(incident.because, self._lang), 300)
            yield Text(f"  #{incident.id} {incident.subject} {self._clock(incident.opened)}: {sentence}{more}")

    def _cells(self, line: Line) -> tuple[Text, str, str, Text]:
        return self._mark(line.status), self._clock(line.since), _span(line.age), Text(self._because(line))

    def _because(self, line: Line) -> str:
        return clean(say(line.because, self._lang), 200)

    def _mark(self, status: Status) -> Text:
        return mark(status, _STATUS[self._lang][status])

    def _name(self, line: Line) -> Text:
        return Text(line.name.said(self._lang) if line.name else subject.name(line.subject))

    def _table(self, *keys: str) -> Table:
        return Table(*self._heads(*keys))

    def _heads(self, *keys: str) -> list[str]:
        return [self._words[key] for key in keys]

    def _clock(self, moment: float) -> str:
        return f"{datetime.fromtimestamp(moment, self._zone):%m-%d %H:%M:%S}"


def _span(seconds: float | None) -> str:
    """Seconds as people say them; a datum that never came has no age."""
    if seconds is None:
        return "—"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
