"""The calendar in a terminal: what is planned, what is important, who works on which day, and what nobody knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from inventory.calendar import DayKind, Effects, Entry, Kind, Rest, at, between, day_kind, unknown
from inventory.calendar_model import Calendar, Freeze, Guard, Mode, Window

_KIND = {Kind.MAINTENANCE: ("计划维护", "maintenance"), Kind.DRILL: ("演练", "drill"), Kind.GUARD: ("重保", "guard")}
_MODE = {
    Mode.TABLETOP: ("桌面推演", "table-top"),
    Mode.REHEARSAL: ("预演", "rehearsal"),
    Mode.FULL: ("实战切换", "full switchover"),
}
_FREEZE = {
    Freeze.ALL: ("自动处置全部冻结", "no runbook starts by itself"),
    Freeze.RISKY: ("只自动执行低风险处置", "only low-risk runbooks start by themselves"),
    Freeze.NOTHING: ("自动处置照常", "runbooks as always"),
}
_REST = {
    Rest.HOLIDAY: ("放假", "holiday"),
    Rest.EXCHANGED: ("调休上班", "working day in exchange"),
    Rest.WORKING: ("工作日", "working day"),
    Rest.WEEKEND: ("周末", "weekend"),
}
_DAY = timedelta(days=1)
Pair = tuple[str, str]


def calendar_view(calendar: Calendar, start: float, end: float, now: float, lang: str) -> RenderableType:
    """All entries that touch ``[start, end)``, the days that are not as their weekday says, and what is not known."""
    zone = ZoneInfo(calendar.timezone)
    days = [day_kind(calendar, one) for one in _days(_date(start, zone), _date(end - 1, zone))]
    parts: list[RenderableType] = [*_now(at(calendar, now), zone, lang)]
    parts.append(_entries(between(calendar, start, end), now, zone, lang))
    parts += [Text(line) for line in _rest(days, lang)]
    parts += [Text(line, style="yellow") for line in _unknown(calendar, days, lang)]
    return Group(*parts)


def _said(pair: Pair, lang: str) -> str:
    return pair[lang != "zh"]


def _now(effects: Effects, zone: ZoneInfo, lang: str) -> Iterator[Text]:
    """What holds at this moment, each with its because."""
    freeze, why = effects.freeze
    faster, pace = effects.faster
    if not effects.entries:
        yield Text(_said(("当前：无计划维护、演练或重保", "now: no planned work, no drill, no guard period"), lang))
    for entry in effects.entries:
        until = _moment(entry.end, zone)
        words = ("当前：{kind}“{name}”，至 {until}", "now: {kind} “{name}”, until {until}")
        shown = {"kind": _said(_KIND[entry.kind], lang), "name": entry.name.said(lang), "until": until}
        yield Text(_said(words, lang).format_map(shown))
    if why:
        yield Text(f"  {_said(_FREEZE[freeze], lang)} — {why.name.said(lang)}")
    if pace:
        words = (f"检查加密 {faster:g} 倍", f"checks {faster:g} times as often")
        yield Text(f"  {_said(words, lang)} — {pace.name.said(lang)}")
    for due in effects.zero_reports:
        late = due.at <= effects.instant
        words = (
            ("今日零报告应于 {at} 上报", "today's zero report is due at {at}")
            if not late
            else ("今日零报告已到时限（{at}）", "today's zero report was due at {at}")
        )
        yield Text(f"  {_said(words, lang).replace('{at}', _moment(due.at, zone))} — {due.because.name.said(lang)}")


def _entries(entries: Iterable[Entry], now: float, zone: ZoneInfo, lang: str) -> Table:
    table = Table(
        *(_said(pair, lang) for pair in (("开始", "from"), ("结束", "until"), ("类别", "kind"), ("名称", "name")))
    )
    table.add_column(_said(("作用", "effect"), lang))
    table.add_column(_said(("依据", "because"), lang))
    for entry in entries:
        mark = "▶ " if entry.holds(now) else ""
        cells = (
            f"{mark}{_moment(entry.start, zone)}",
            _moment(entry.end, zone),
            _said(_KIND[entry.kind], lang),
            entry.name.said(lang),
            "\n".join(_effects(entry, lang)),
            _because(entry, lang),
        )
        table.add_row(*(Text(cell) for cell in cells), style="" if entry.counts else "yellow")
    return table


def _effects(entry: Entry, lang: str) -> Iterator[str]:
    if isinstance(entry.said, Guard):
        yield _said(_FREEZE[entry.said.runbooks], lang)
        if not entry.said.full_drills:
            yield _said(("不得进行实战切换演练", "no full drills"), lang)
        if entry.said.faster > 1:
            yield _said((f"检查加密 {entry.said.faster:g} 倍", f"checks {entry.said.faster:g} times as often"), lang)
        if entry.said.zero_report:
            due = f"{entry.said.zero_report:%H:%M}"
            yield _said((f"每日 {due} 零报告", f"zero report daily at {due}"), lang)
        return
    if not entry.counts:
        yield _said(("未经批准，中断按非计划计入", "not approved: what is down counts"), lang)
    mode = getattr(entry.said, "mode", None)
    if mode is not None:
        yield " ".join(part for part in (_said(_MODE[mode], lang), getattr(entry.said, "plan", "")) if part)
    yield ", ".join(entry.said.subjects)


def _because(entry: Entry, lang: str) -> str:
    if isinstance(entry.said, Window):
        approved = entry.said.approved
        return f"{approved.by} {approved.at:%Y-%m-%d %H:%M}" if approved else "—"
    if entry.days is None:
        return _said(("资产日历", "the estate's calendar"), lang)
    said = f"{entry.days.source} ({entry.days.edition})"
    if entry.verified:
        return said
    return f"{said}\n{_said(('日期未核实', 'days not verified'), lang)}: {entry.days.note}"


def _rest(days: Iterable[DayKind], lang: str) -> Iterator[str]:
    """Days of rest by law, and days on which people work instead."""
    for rest in (Rest.HOLIDAY, Rest.EXCHANGED):
        found = [one for one in days if one.rest is rest]
        if found:
            listed = ", ".join(f"{one.day:%m-%d}{'' if one.certain else '?'}" for one in found)
            yield f"{_said(_REST[rest], lang)}: {listed}"


def _unknown(calendar: Calendar, days: list[DayKind], lang: str) -> Iterator[str]:
    for year in sorted({one.day.year for one in days}):
        for guard in unknown(calendar, year):
            words = (
                f"{year} 年“{guard.name.zh}”的日期尚未录入",
                f"nobody has entered the days of “{guard.name.en}” in {year}",
            )
            yield _said(words, lang)
        if year not in calendar.almanac.announced:
            words = (f"{year} 年放假与调休安排尚未录入", f"holidays and exchanged days of {year} are not entered yet")
            yield _said(words, lang)


def _days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += _DAY


def _date(instant: float, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(instant, zone).date()


def _moment(instant: float, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(instant, zone):%Y-%m-%d %H:%M}"
