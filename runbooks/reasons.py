"""What the reasons of a decision say, in both languages.

As in ``state/reasons.py``, facts come from outside and are put in by plain replacement; what they contain is not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from state import reasons
from state.verdict import Reason

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
        "需人工批准：风险为 {risk}，自动执行上限为 {policy}；已批准 {agreed} 人，需 {needed} 人",
        "people must agree: the risk is {risk}, up to {policy} is automatic; {agreed} of {needed} persons have agreed",
    ),
    "runbook.rehearse": (
        "{runbook} 适用：{subject} 为 {status}，故障归属 {fault}，检查 {check} 不通过；目标 {target}；先以检查模式试跑",
        "{runbook} fits: {subject} is {status}, the fault lies with the {fault}, {check} fails; target {target}; "
        "first in check mode",
    ),
    "runbook.check_failed": (
        "暂不执行：{ago} 秒前在 {target} 上的检查模式试跑未通过：{said}",
        "not now: in check mode it failed on {target} {ago} s ago: {said}",
    ),
    "runbook.check_gave_up": (
        "在 {target} 上的检查模式试跑连续 {count} 次未通过，请人工处置：{said}",
        "in check mode it failed {count} times on {target}, people must look: {said}",
    ),
    "runbook.quorum": (
        "暂不执行：{check} 仅 {agree} 个观测点判为不通过，需 {needed} 个（{silent} 个无应答）",
        "not now: {agree} vantages say that {check} fails, {needed} must ({silent} say nothing)",
    ),
    "runbook.maintenance": (
        "暂不执行：{subject} 正在计划维护（{entry}），至 {until}",
        "not now: people are at work on {subject} ({entry}), until {until}",
    ),
    "runbook.drill": (
        "暂不执行：{subject} 正在演练（{entry}），至 {until}",
        "not now: a drill is under way on {subject} ({entry}), until {until}",
    ),
    "runbook.guard_period": (
        "重保期间冻结自动处置：{entry}，至 {until}；经 {eyes} 人批准方可执行",
        "frozen in a guard period: {entry}, until {until}; {eyes} persons may agree to it",
    ),
    "runbook.held": (
        "暂不执行：切换或演练 {run} 正在进行",
        "not now: the failover or drill {run} is under way",
    ),
    "runbook.storm": (
        "暂不执行：一小时内全局已执行 {count} 次；上限 {limit} 次，请人工处置",
        "not now: {count} runs in the last hour over the whole estate; the limit is {limit}, people must look",
    ),
    "runbook.share": (
        "暂不执行：将同时处置 {subject} 的 {count}/{of} 个成员；上限 {limit} 个",
        "not now: {count} of the {of} members of {subject} would be acted on at once; the limit is {limit}",
    ),
    "runbook.pair": (
        "暂不执行：{center} 的 {host} 正在处置，不同时处置 {subject} 的另一中心",
        "not now: {host} in {center} is being acted on; the other centers of {subject} are what is left",
    ),
}


def say(reason: Reason, lang: str) -> str:
    """The reason as a sentence in ``zh`` or ``en``; one that is not about runbooks as ``state.reasons.say`` says it.

    The facts in it are hostile: escape the sentence where it is shown.
    """
    return reasons.say(reason, lang, TEXTS) if reason.code in TEXTS else reasons.say(reason, lang)
