"""Incidents in a terminal: the list of them, and one with its grade, clocks, plans and timeline. Never colour alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from checks.sentence import clean, visible
from inventory.model import Estate
from reports.formats import duration, moment
from reports.incident_view import ClockView, IncidentView, Moment, PlanView, state_of
from reports.language import language
from reports.names import subject_name
from runbooks.reasons import say as say_reason
from state.verdict import Incident

_WORDS = {
    "en": {
        "number": "incident", "state": "state", "subject": "subject", "grade": "grade", "opened": "began",
        "lasted": "lasted", "who": "taken up by", "because": "because", "none": "no incidents",
        "noticed": "noticed", "closed": "over", "affects": "suffer from it", "assigned": "assigned to",
        "cause": "closed", "next": "next grade", "judge": "people must judge", "basis": "basis",
        "clock": "report to", "due": "due", "left": "left", "stage": "stage", "unverified": "not verified",
        "role": "role", "person": "person", "deputy": "deputy", "duties": "duties and measures",
        "plan": "emergency plan", "clocks": "reporting clocks",
    },
    "zh": {
        "number": "编号", "state": "状态", "subject": "对象", "grade": "等级", "opened": "始于",
        "lasted": "持续", "who": "认领人", "because": "判定依据", "none": "没有事件",
        "noticed": "发现于", "closed": "恢复于", "affects": "受影响", "assigned": "负责人",
        "cause": "关闭", "next": "等级预测", "judge": "须人工研判", "basis": "分级依据",
        "clock": "报告对象", "due": "截止", "left": "剩余", "stage": "阶段", "unverified": "未经核对",
        "role": "角色", "person": "人员", "deputy": "代理", "duties": "职责与措施",
        "plan": "应急预案", "clocks": "报告时限",
    },
}  # fmt: skip
_COLOUR = {"red": "bold red", "orange": "dark_orange", "yellow": "yellow", "blue": "blue", "": ""}


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """One incident in the list."""

    number: int
    state: str
    grade: str
    colour: str
    subject: str
    opened: str
    lasted: str
    who: str
    because: str


def line(incident: Incident, grade: str, colour: str, estate: Estate, lang: str, now: float) -> IncidentLine:
    """An incident as a line of the list; ``grade`` is a grade or ``none``."""
    say = language(lang)
    end = now if incident.closed is None else incident.closed
    return IncidentLine(
        incident.id,
        state_of(incident, say),
        say(f"grade.{grade}"),
        colour,
        subject_name(estate, incident.subject, say),
        moment(incident.opened, ZoneInfo(estate.timezone)),
        duration(max(0.0, end - incident.opened), lang),
        incident.assigned_to or incident.acknowledged_by or "",
        say_reason(incident.because, lang),
    )


def incident_list(lines: Iterable[IncidentLine], lang: str) -> RenderableType:
    """The list, newest last."""
    words = _WORDS[lang]
    names = ("number", "state", "grade", "subject", "opened", "lasted", "who", "because")
    table = Table(*(words[name] for name in names))
    for line in lines:
        grade = Text(line.grade, style=_COLOUR[line.colour])
        rest = (line.subject, line.opened, line.lasted, line.who, line.because)
        table.add_row(str(line.number), Text(line.state), grade, *(Text(clean(cell, 120)) for cell in rest))
    return table if table.row_count else Text(words["none"])


def incident_page(view: IncidentView, lang: str) -> RenderableType:
    """Everything that is known of one incident."""
    words = _WORDS[lang]
    parts: list[RenderableType] = [_head(view, words)]
    if view.clocks:
        parts += [Text(words["clocks"], style="bold"), _clocks(view.clocks, words)]
    for plan in view.plans:
        parts += [Text(f"{words['plan']}: {plan.name} {plan.approved and f'({plan.approved})'}", style="bold")]
        parts.append(_plan(plan, words))
    return Group(*parts, _timeline(view.timeline))


def _head(view: IncidentView, words: dict[str, str]) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row(words["number"], Text(f"{view.number}  {view.subject}  [{view.state}]", style="bold"))
    table.add_row(words["because"], Text(f"{view.fault}: {view.because}"))
    table.add_row(words["opened"], Text(f"{view.opened} ({words['noticed']} {view.noticed})"))
    table.add_row(words["closed"], Text(f"{view.closed or '—'} ({words['lasted']} {view.lasted})"))
    table.add_row(words["grade"], Text(view.grade, style=_COLOUR[view.colour]))
    for text in (*view.grade_because, *view.grade_editions):
        table.add_row("", Text(text))
    rest = {
        "next": view.next_grade,
        "judge": ", ".join(view.people_judge),
        "affects": ", ".join(view.affects[:20]) + (" …" if len(view.affects) > 20 else ""),
        "who": view.acknowledged,
        "assigned": view.assigned,
        "cause": view.cause,
    }
    for name, said in rest.items():
        if said:
            table.add_row(words[name], Text(visible(said)))
    return table


def _clocks(clocks: Iterable[ClockView], words: dict[str, str]) -> Table:
    table = Table(*(words[name] for name in ("clock", "due", "left", "stage", "basis")), "id")
    for clock in clocks:
        style = {"overdue": "bold red", "running": "yellow", "late": "red"}.get(clock.stage, "")
        sure = "" if clock.verified else f" [{words['unverified']}]"
        cells = (clock.to, clock.due or "—", clock.left or "—")
        table.add_row(*map(Text, cells), Text(clock.said, style=style), Text(clock.edition + sure), Text(clock.id))
    return table


def _plan(plan: PlanView, words: dict[str, str]) -> Table:
    table = Table(*(words[name] for name in ("role", "person", "deputy", "duties")))
    for role in plan.roles:
        indent = "" if not role.depth else "  " * (role.depth - 1) + "└ "
        table.add_row(
            Text(indent + role.name),
            Text(role.person),
            Text(role.deputy or "—"),
            Text("\n".join((role.duties, *role.measures))),
        )
    return table


def _timeline(moments: Iterable[Moment]) -> RenderableType:
    return Group(Text(), *(Text(f"{one.when}  {one.kind:<9} {visible(one.text)}") for one in moments))
