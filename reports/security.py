"""The findings of the security watch, for people and for programs. Text from outside is shown as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from checks.baseline_items import baseline
from checks.result import Status
from checks.sentence import clean
from reports.terminal import mark
from state.security import Finding, in_order, rules

_WORDS = {
    "en": {
        "rule": "rule", "status": "status", "because": "because",
        "counts": "{} findings need somebody, {} could not be looked at, {} are sound",
        "unverified": "The basis of these rules has not been compared with its source yet: {}",
        "clauses": "Which clause a baseline setting is about ({}) has not been verified.",
        "no": "These are settings and records that a machine can look at. They are no assessment.",
        "nothing": "nothing was looked at, so nothing is known",
    },
    "zh": {
        "rule": "规则", "status": "状态", "because": "依据", "counts": "需处理 {} 项，未能核查 {} 项，未见问题 {} 项",
        "unverified": "下列规则所引依据尚未与原文核对：{}",
        "clauses": "基线设置项与标准条款（{}）的对应关系尚未核对。",
        "no": "以上仅为机器可核查的设置与记录，不构成等级测评结论。",
        "nothing": "没有可核查的对象，结论未知",
    },
}  # fmt: skip
_STATUS = {
    "en": {Status.OK: "sound", Status.DEGRADED: "mend", Status.DOWN: "serious", Status.UNKNOWN: "unknown"},
    "zh": {Status.OK: "未见问题", Status.DEGRADED: "待整改", Status.DOWN: "严重", Status.UNKNOWN: "未知"},
}


def page(findings: Iterable[Finding], lang: str) -> RenderableType:
    """A table, what it counts, and what it does not claim."""
    words, shown = _WORDS[lang], in_order(findings)
    if not shown:
        return Text(words["nothing"])
    table = Table(words["rule"], words["status"], words["because"])
    for one in shown:
        name = rules()[one.rule].name.said(lang)
        table.add_row(Text(name), mark(one.status, _STATUS[lang][one.status]), Text(clean(one.because(lang), 400)))
    return Group(table, *(Text(line) for line in _below(shown, lang)))


def document(findings: Iterable[Finding], lang: str) -> dict[str, Any]:
    """The same for programs."""
    shown = in_order(findings)
    return {
        "edition": baseline().edition,
        "assessment": False,
        "notes": _below(shown, lang),
        "findings": [_row(one, lang) for one in shown],
    }


def _row(finding: Finding, lang: str) -> dict[str, Any]:
    rule = rules()[finding.rule]
    return {
        "rule": finding.rule,
        "name": rule.name.said(lang),
        "subject": finding.subject,
        "status": finding.status.value,
        "because": clean(finding.because(lang), 400),
        "basis": rule.basis.said(lang),
        "basis_verified": rule.verified,
        "items": dict(finding.items),
    }


def _below(shown: Sequence[Finding], lang: str) -> list[str]:
    """How many of what, and what must not be taken for more than it is."""
    words = _WORDS[lang]
    ill = sum(one.status in (Status.DOWN, Status.DEGRADED) for one in shown)
    unknown = sum(one.status is Status.UNKNOWN for one in shown)
    lines = [words["counts"].format(ill, unknown, len(shown) - ill - unknown)]
    used = {one.rule for one in shown}
    unverified = [rule.name.said(lang) for rule in rules().values() if rule.id in used and not rule.verified]
    if unverified:
        lines.append(words["unverified"].format(("、" if lang == "zh" else ", ").join(unverified)))
    if "baseline" in used and not all(item.verified for item in baseline().items):
        lines.append(words["clauses"].format(baseline().edition))
    return [*lines, words["no"]]
