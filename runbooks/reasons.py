"""What the reasons of a decision say, in both languages.

As in ``state/reasons.py``, facts come from outside and are put in by plain replacement; what they contain is not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from state import reasons
from state.verdict import Reason

_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")
_LONGEST_FACT = 300

#: code -> (Chinese, English)
TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "runbook.fits": (
        "{runbook} 适用：{subject} 为 {status}，故障归属 {fault}，检查 {check} 不通过；目标 {target}",
        "{runbook} fits: {subject} is {status}, the fault lies with the {fault}, {check} fails; target {target}",
    ),
    "runbook.no_verdict": (
        "暂不执行：{subject} 的状态未知",
        "not now: what {subject} is, is not known",
    ),
    "runbook.status": (
        "{subject} 为 {status}；本手册只用于 {wanted}",
        "{subject} is {status}; this runbook is for {wanted}",
    ),
    "runbook.fault": (
        "{subject} 的故障归属为 {fault}；本手册只用于归属为 {wanted} 的故障",
        "the fault of {subject} lies with the {fault}; this runbook helps when it lies with the {wanted}",
    ),
    "runbook.suffers": (
        "{subject} 受 {cause} 影响：应先处置后者",
        "{subject} only suffers from {cause}: that must be repaired first",
    ),
    "runbook.doubt": (
        "暂不执行：尚待确认 {subject} 是否受 {cause} 影响",
        "not now: whether {subject} only suffers from {cause} is not settled yet",
    ),
    "runbook.young": (
        "暂不执行：事件刚刚生成（{age} 秒前），满 {wait} 秒后再作判断",
        "not now: the incident is only {age} s old; it has to stand for {wait} s",
    ),
    "runbook.unless": (
        "此处不自动执行：{check} 表明需要人工处置",
        "never automatic here: {check} shows that this needs a person",
    ),
    "runbook.no_check": (
        "{subject} 未通过的检查均不属于本手册的适用范围",
        "no failing check of {subject} is one that this runbook is for",
    ),
    "runbook.inputs": (
        "参数不符：{problem}",
        "the inputs do not fit: {problem}",
    ),
    "runbook.no_host_key": (
        "资产全景中没有 {host} 的 SSH 主机公钥，无法安全登录",
        "the estate does not know the ssh host key of {host}, and no other way in is safe",
    ),
    "runbook.unreachable": (
        "暂不执行：{host} 为 {status}，且没有 SSH 检查表明其可登录",
        "not now: {host} is {status}, and no SSH check says that it can be reached",
    ),
    "runbook.per_incident": (
        "本事件已执行 {count} 次；上限 {limit} 次",
        "it ran {count} times for this incident; its limit is {limit}",
    ),
    "runbook.gave_up": (
        "最近 {count} 次在 {target} 上执行均未奏效：请人工处置",
        "the last {count} runs on {target} did not help: people must look",
    ),
    "runbook.host_busy": (
        "暂不执行：{runbook} 正在 {host} 上执行",
        "not now: {runbook} is at work on {host}",
    ),
    "runbook.scope": (
        "暂不执行：正在 {count} 台主机上执行；上限 {limit} 台",
        "not now: it is at work on {count} hosts; its limit is {limit}",
    ),
    "runbook.busy": (
        "暂不执行：正在执行 {count} 项；上限 {limit} 项",
        "not now: {count} runs are under way; the limit is {limit}",
    ),
    "runbook.cool_down": (
        "暂不执行：{ago} 秒前曾在 {target} 上执行；两次之间至少间隔 {wait} 秒",
        "not now: it ran on {target} {ago} s ago; it waits {wait} s between runs",
    ),
    "runbook.per_hour": (
        "暂不执行：一小时内已执行 {count} 次；上限 {limit} 次",
        "not now: it ran {count} times in the last hour; its limit is {limit}",
    ),
    "runbook.last_serving": (
        "暂不执行：{host} 是 {subject} 最后一个仍在服务的成员",
        "not now: {host} is the last member of {subject} that still serves",
    ),
    "runbook.approval": (
        "需人工批准：风险为 {risk}，自动执行上限为 {policy}",
        "a person must agree: the risk is {risk}, and up to {policy} is automatic",
    ),
}


def say(reason: Reason, lang: str) -> str:
    """The reason as a sentence in ``zh`` or ``en``; one that is not about runbooks as ``state.reasons.say`` says it.

    The facts in it are hostile: escape the sentence where it is shown.
    """
    texts = TEXTS.get(reason.code)
    if texts is None:
        return reasons.say(reason, lang)
    return _PLACEHOLDER.sub(lambda found: reason.facts.get(found[1], "—")[:_LONGEST_FACT], texts[lang != "zh"])
