"""What the reasons of a decision say, in both languages. The facts in them come from outside and stay text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from inventory.model import Name

TEXTS: Final[Mapping[str, Name]] = {
    "runbook.fits": Name(
        en="{runbook} fits: {subject} is {status}, the fault lies with the {fault}, {check} fails; target {target}",
        zh="{runbook} 适用：{subject} 为 {status}，故障归属 {fault}，检查 {check} 不通过；目标 {target}",
    ),
    "runbook.no_verdict": Name(en="not now: what {subject} is, is not known", zh="暂不执行：{subject} 的状态未知"),
    "runbook.status": Name(
        en="{subject} is {status}; this runbook is for {wanted}", zh="{subject} 为 {status}；本手册只用于 {wanted}"
    ),
    "runbook.fault": Name(
        en="the fault of {subject} lies with the {fault}; this runbook helps when it lies with the {wanted}",
        zh="{subject} 的故障归属为 {fault}；本手册只用于归属为 {wanted} 的故障",
    ),
    "runbook.suffers": Name(
        en="{subject} only suffers from {cause}: that must be repaired first",
        zh="{subject} 受 {cause} 影响：应先处置后者",
    ),
    "runbook.unless": Name(
        en="never automatic here: {check} shows that this needs a person", zh="此处不自动执行：{check} 表明需要人工处置"
    ),
    "runbook.no_check": Name(
        en="no failing check of {subject} is one that this runbook is for",
        zh="{subject} 未通过的检查均不属于本手册的适用范围",
    ),
    "runbook.inputs": Name(en="the inputs do not fit: {problem}", zh="参数不符：{problem}"),
    "runbook.no_host_key": Name(
        en="the estate does not know the ssh host key of {host}, and no other way in is safe",
        zh="资产全景中没有 {host} 的 SSH 主机公钥，无法安全登录",
    ),
    "runbook.unreachable": Name(
        en="not now: {host} is {status}, and no SSH check says that it can be reached",
        zh="暂不执行：{host} 为 {status}，且没有 SSH 检查表明其可登录",
    ),
    "runbook.per_incident": Name(
        en="it ran {count} times for this incident; its limit is {limit}", zh="本事件已执行 {count} 次；上限 {limit} 次"
    ),
    "runbook.gave_up": Name(
        en="the last {count} runs on {target} did not help: people must look",
        zh="最近 {count} 次在 {target} 上执行均未奏效：请人工处置",
    ),
    "runbook.host_busy": Name(
        en="not now: {runbook} is at work on {host}", zh="暂不执行：{runbook} 正在 {host} 上执行"
    ),
    "runbook.scope": Name(
        en="not now: it is at work on {count} hosts; its limit is {limit}",
        zh="暂不执行：正在 {count} 台主机上执行；上限 {limit} 台",
    ),
    "runbook.busy": Name(
        en="not now: {count} runs are under way; the limit is {limit}",
        zh="暂不执行：正在执行 {count} 项；上限 {limit} 项",
    ),
    "runbook.cool_down": Name(
        en="not now: it ran on {target} {ago} s ago; it waits {cool_down} s between runs",
        zh="暂不执行：{ago} 秒前曾在 {target} 上执行；两次之间至少间隔 {cool_down} 秒",
    ),
    "runbook.per_hour": Name(
        en="not now: it ran {count} times in the last hour; its limit is {limit}",
        zh="暂不执行：一小时内已执行 {count} 次；上限 {limit} 次",
    ),
    "runbook.last_serving": Name(
        en="not now: {host} is the last member of {subject} that still serves",
        zh="暂不执行：{host} 是 {subject} 最后一个仍在服务的成员",
    ),
    "runbook.approval": Name(
        en="a person must agree: the risk is {risk}, and up to {policy} is automatic",
        zh="需人工批准：风险为 {risk}，自动执行上限为 {policy}",
    ),
}
