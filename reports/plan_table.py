"""Plans in a terminal: the list of them, and one as it would run today, or every reason why it would not."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from checks.sentence import clean
from failover.plan import Plan, Step
from failover.reasons import say
from failover.seen import Judged, Passed
from failover.today import Line, Today, told, undo_of
from inventory.model import Role
from reports.formats import duration

_WORDS = {
    "en": {
        "step": "step", "who": "who", "do": "does", "verify": "verified by", "undo": "undone by",
        "estimate": "estimate", "waited": "clients waited", "gate": "gate", "because": "because",
        "plan": "plan", "name": "name", "from": "from", "to": "to", "rto": "RTO", "rpo": "RPO", "steps": "steps",
        "back": "returns by", "refused": "REFUSED: it would not run today", "writer": "writer",
        "takes": "takes {} in all; clients wait {} by estimate, promised {} (RTO)",
        "no_return": "point of no return", "optional": "may fail", "after": "after",
        "vouches": "if unknown, vouched for by",
        "unlooked": "the hosts were not asked (--look asks them)", "hard": "stops the run", "stays": "stays",
    },
    "zh": {
        "step": "步骤", "who": "执行者", "do": "动作", "verify": "验证", "undo": "撤销", "estimate": "预计用时",
        "waited": "累计中断", "gate": "关口", "because": "依据", "plan": "预案", "name": "名称", "from": "自",
        "to": "至", "rto": "RTO", "rpo": "RPO", "steps": "步骤数", "back": "返回预案", "refused": "拒绝：今日不能执行",
        "writer": "主库", "takes": "全程预计 {}；业务中断预计 {}，承诺 {}（RTO）",
        "no_return": "不可撤回点", "optional": "允许失败", "after": "前置", "vouches": "无法得知时由其确认",
        "unlooked": "未查看主机现状（加 --look 查看）", "hard": "阻止执行", "stays": "不变",
    },
}  # fmt: skip
_MARKS = {Passed.PASS: ("✔", "green"), Passed.FAIL: ("✘", "red"), Passed.UNKNOWN: ("?", "magenta")}
_ROLES = {
    "zh": {Role.PRODUCTION: "生产", Role.METRO: "同城", Role.REMOTE: "异地"},
    "en": {role: role.value for role in Role},
}
_LONGEST = 400


def plans(found: Iterable[Plan], lang: str) -> Table:
    """The plans there are."""
    words = _words(lang)
    table = Table(*(words[key] for key in ("plan", "name", "from", "to", "rto", "rpo", "steps", "back")))
    for plan in found:
        stays = plan.source is plan.target
        table.add_row(
            Text(plan.plan),
            Text(clean(plan.name.said(lang), 120)),
            _ROLES[_lang(lang)][plan.source],
            words["stays"] if stays else _ROLES[_lang(lang)][plan.target],
            duration(plan.objectives.rto, _lang(lang)),
            duration(plan.objectives.rpo, _lang(lang)),
            str(len(plan.steps)),
            Text(plan.returns_by or ""),
        )
    return table


def plan_today(view: Today, lang: str) -> RenderableType:
    """One plan in today's estate."""
    words = _words(lang)
    shown: list[RenderableType] = [_head(view, lang)]
    if view.refused:
        shown.append(Text(words["refused"], style="bold red"))
        shown.extend(Text(f"  • {clean(say(reason, lang), _LONGEST)}") for reason in view.reasons)
    if view.bound:
        shown.append(_gates(view.gates, words, lang) if view.gates is not None else Text(words["unlooked"]))
        shown.extend((_steps(view, words, lang), _sum(view, words, lang)))
    return Group(*shown)


def _head(view: Today, lang: str) -> Text:
    name = clean(view.plan.name.said(lang), 120)
    text = Text.assemble((f"{view.plan.plan} v{view.plan.version}  ", "bold"), name)
    if view.bound:
        old, new = view.bound.old_writer, view.bound.new_writer
        text.append(f"   {_words(lang)['writer']}: {old}" + (f" → {new}" if new != old else ""))
    return text


def _gates(gates: tuple[Judged, ...], words: dict[str, str], lang: str) -> Table:
    table = Table(words["gate"], "", words["because"])
    for gate in gates:
        sign, style = _MARKS[gate.result]
        stops = f" ({words['hard']})" if gate.stops else ""
        because = clean(say(gate.because, lang), _LONGEST)
        table.add_row(Text(gate.gate), Text(sign, style=style), Text(f"{because}{stops}"))
    return table


def _steps(view: Today, words: dict[str, str], lang: str) -> Table:
    table = Table("", show_lines=True)
    for key in ("step", "who", "do", "verify", "undo", "estimate", "waited"):
        table.add_column(words[key], overflow="fold")
    for number, line in enumerate(view.lines, 1):
        table.add_row(
            str(number),
            _name(line.step.step, words, lang),
            _who(line, lang),
            _calls(told(line.step.do, line.hosts)),
            _verify(line, view, words, lang),
            Text(clean(undo_of(line.step, lang), _LONGEST)),
            duration(line.estimate, _lang(lang)),
            "" if line.waited is None else duration(line.waited, _lang(lang)),
        )
    return table


def _name(step: Step, words: dict[str, str], lang: str) -> Text:
    text = Text.assemble((step.id, "bold"), f"\n{clean(step.name.said(lang), 120)}")
    if step.needs:
        text.append(f"\n{words['after']}: {', '.join(step.needs)}", style="dim")
    for flag in ("no_return", "optional"):
        if getattr(step, flag):
            text.append(f"\n{words[flag]}", style="bold")
    return text


def _who(line: Line, lang: str) -> Text:
    return Text(clean(line.role.said(lang), 80) if line.role else "\n".join(line.hosts))


def _verify(line: Line, view: Today, words: dict[str, str], lang: str) -> Text:
    """Its proofs; and who vouches where they stay unknown."""
    text, step = _calls(told(line.step.verify, line.hosts)), line.step.step
    if step.ask and step.role and not line.role:
        name = next((duty.name.said(lang) for duty in view.plan.roles if duty.id == step.role), step.role)
        text.append(f"\n{words['vouches']}: {clean(name, 80)}", style="dim")
    return text


def _calls(said: list[str]) -> Text:
    return Text("\n".join(clean(one, 160) for one in said))


def _sum(view: Today, words: dict[str, str], lang: str) -> Text:
    times = (view.takes, view.waits, view.plan.objectives.rto)
    return Text(words["takes"].format(*(duration(time, _lang(lang)) for time in times)))


def _lang(lang: str) -> str:
    return "zh" if lang == "zh" else "en"


def _words(lang: str) -> dict[str, str]:
    return _WORDS[_lang(lang)]
