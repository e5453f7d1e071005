"""What readiness says, in both languages; said together with the reasons of binding and gates."""

from __future__ import annotations

from collections.abc import Mapping

from failover import reasons as gates
from state import reasons
from state.verdict import Reason

#: code -> (Chinese, English)
TEXTS: Mapping[str, tuple[str, str]] = {
    "ready.no_watch": ("监测未在运行，当前状态无从得知", "the watch is not running, so nothing is known of now"),
    "ready.not_asked": (
        "监测不掌握，须现场核查（ops drill plan --look）",
        "the watch does not know; ask the hosts (ops drill plan --look)",
    ),
    "ready.asked_last": (
        "监测不掌握；上次运行 {run} 的结果为 {result}",
        "the watch does not know; the last run {run} found: {result}",
    ),
    "ready.hosts_down": ("主机中断：{hosts}", "hosts that are down: {hosts}"),
    "ready.hosts_unknown": ("主机状态未知：{hosts}", "hosts of which nothing is known: {hosts}"),
    "ready.hosts_up": ("{n} 台主机均正常", "all {n} hosts are up"),
    "ready.copy_unnamed": (
        "主库未报告名为 {host} 的副本",
        "the writer names no copy {host}",
    ),
    "ready.probes_planned": (
        "计划的探测误差不超过 {width} 秒（RTO 目标 {rto} 秒）",
        "the planned probes measure to {width} s, for an RTO of {rto} s",
    ),
    "ready.no_owner": ("预案没有责任人", "the plan has no owner by name"),
    "ready.no_people": ("角色 {role} 没有人员", "nobody has the role {role}"),
    "ready.never_run": ("从未做过实际切换", "it was never run in full"),
    "ready.never_met": (
        "做过 {n} 次实际切换，没有一次达到全部指标",
        "it was run in full {n} times and never met all its targets",
    ),
    "ready.aged": (
        "上次达标已过去 {days} 天（有效期 {limit} 天）",
        "it last met its targets {days} days ago (valid for {limit})",
    ),
    "ready.from_the_future": (
        "上次达标的时间晚于现在，时钟有误",
        "it last met its targets in the future: a clock is wrong",
    ),
    "ready.plan_changed": (
        "预案在达标之后改动过（第 {before} 版 → 第 {version} 版）",
        "the plan was changed since it met its targets (version {before} → {version})",
    ),
    "ready.estate_changed": ("资产全景在达标之后改动过", "the estate was changed since it met its targets"),
    "ready.hosts_changed": ("涉及的主机有变化：{hosts}", "other hosts are concerned: {hosts}"),
    "ready.hosts_unrecorded": (
        "达标的那次运行未记录涉及的主机",
        "the run that met its targets did not record its hosts",
    ),
    "ready.content_changed": (
        "在主机上执行的程序或处置手册在达标之后改动过",
        "the programs or runbooks carried out on hosts were changed since it met its targets",
    ),
    "ready.content_unrecorded": (
        "无法确认在主机上执行的程序与达标时一致（未记录其哈希）",
        "the programs carried out on hosts are not known to be the same (their hash was not recorded)",
    ),
    "ready.owner_changed": ("责任人已由 {before} 变更为 {now}", "the owner was {before} and is now {now}"),
    "ready.failed_since": ("此后的运行 {run} 没有达标", "the later run {run} did not meet its targets"),
    "ready.findings": ("有 {n} 项优先整改的问题未关闭（{ids}）", "{n} urgent findings are open ({ids})"),
}


def say(reason: Reason, lang: str) -> str:
    """The reason as a sentence in ``zh`` or ``en``. What is in it came from outside: escape it where it is shown."""
    return reasons.say(reason, lang, TEXTS) if reason.code in TEXTS else gates.say(reason, lang)
