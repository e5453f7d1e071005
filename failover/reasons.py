"""Why a plan cannot be bound or a gate is shut, in both languages; said by ``state/reasons.py`` as all reasons are."""

from __future__ import annotations

from collections.abc import Mapping

from state import reasons
from state.verdict import Reason

#: code -> (Chinese, English)
TEXTS: Mapping[str, tuple[str, str]] = {
    "bind.no_system": ("资产全景 {estate} 中没有业务系统 {system}", "the estate {estate} has no system {system}"),
    "bind.no_database": (
        "业务系统 {system} 没有名为 database 的组件",
        "the system {system} has no component named database",
    ),
    "bind.no_center": (
        "资产全景 {estate} 中没有角色为 {role} 的中心",
        "the estate {estate} has no center of role {role}",
    ),
    "bind.no_third": (
        "资产全景 {estate} 中没有第三个中心，而预案的步骤涉及它",
        "the estate {estate} has no third center, which steps of the plan speak of",
    ),
    "bind.no_database_in": (
        "业务系统 {system} 在中心 {center} 没有部署数据库",
        "no database of the system {system} is placed in center {center}",
    ),
    "bind.many_databases_in": (
        "业务系统 {system} 在中心 {center} 有多台数据库（{hosts}），无法确定主库",
        "the system {system} has several databases in center {center} ({hosts}), so the writer cannot be told",
    ),
    "bind.no_entry": ("各中心均无角色为 entry 的入口主机", "no center has a host of role entry"),
    "bind.empty_place": (
        "步骤 {step} 需要中心 {center} 的 {part} 主机，但没有这样的主机",
        "step {step} needs hosts for {part} in {center}, and there are none",
    ),
    "bind.gone_host": (
        "步骤 {step} 涉及主机 {host}，资产全景 {estate} 中已没有该主机",
        "step {step} speaks of host {host}, which is gone from the estate {estate}",
    ),
    "bind.lost_host": (
        "步骤 {step} 要在主机 {host} 上执行，而其所在中心 {center} 按预案视为失效",
        "step {step} would be carried out on host {host} in center {center}, which the plan takes for lost",
    ),
    "bind.no_key": (
        "主机 {host}（中心 {center}）未登记主机公钥，无法确认所连接的就是该主机",
        "host {host} in center {center} has no host key on record, so a connection could reach another machine",
    ),
    "bind.not_sync": (
        "预案承诺不丢失数据，但业务系统 {system} 到中心 {center} 的复制不是同步复制",
        "the plan promises no loss, but the system {system} does not replicate synchronously to center {center}",
    ),
    "gate.not_known": ("关口 {gate} 没有对应的检查", "the gate {gate} has no check"),
    "gate.two_writers": ("同时有多台主库：{hosts}", "there are several writers: {hosts}"),
    "gate.other_writer": (
        "当前主库是 {host}，而预案以 {wanted} 为主库",
        "{host} is the writer, and the plan means {wanted}",
    ),
    "gate.silent_databases": ("数据库未应答：{hosts}", "databases that do not answer: {hosts}"),
    "gate.no_writer": (
        "在线数据库中没有主库（{hosts}），可以接管",
        "none of the databases that are left writes ({hosts})",
    ),
    "gate.none_writes": ("没有主库，{wanted} 也不是主库", "there is no writer; {wanted} is none either"),
    "gate.one_writer": ("唯一的主库是 {host}", "{host} is the one writer"),
    "gate.writer_silent": (
        "主库 {host} 未应答，其复制是否同步无法得知",
        "the writer {host} does not answer, so whether its copy is synchronous cannot be told",
    ),
    "gate.not_receiving": ("{host} 没有从主库 {writer} 接收日志", "{host} does not receive from the writer {writer}"),
    "gate.sync": ("{host} 是同步副本", "{host} is a synchronous copy"),
    "gate.not_sync": (
        "{host} 不是同步副本（复制方式 {sync}，状态 {state}）",
        "{host} is not a synchronous copy ({sync}, {state})",
    ),
    "gate.no_sync_copy": ("主库 {host} 没有同步副本", "the writer {host} has no synchronous copy"),
    "gate.was_sync": (
        "监测最后一次收到主库 {writer} 应答（{seconds} 秒前）时，{host} 是同步副本",
        "{host} was a synchronous copy when the watch last heard the writer {writer}, {seconds} s ago",
    ),
    "gate.was_not_sync": (
        "监测最后一次收到主库 {writer} 应答（{seconds} 秒前）时，{host} 不是同步副本",
        "{host} was no synchronous copy when the watch last heard the writer {writer}, {seconds} s ago",
    ),
    "gate.writer_stays": ("主库保持在 {host}，不作切换", "the writer stays at {host}"),
    "gate.lag": ("{host} 落后 {seconds} 秒，不超过 {limit} 秒", "{host} lags {seconds} s, within {limit} s"),
    "gate.lags": ("{host} 落后 {seconds} 秒，超过 {limit} 秒", "{host} lags {seconds} s, over {limit} s"),
    "gate.lag_untold": ("{host} 落后多少无法得知", "how far {host} lags cannot be told"),
    "gate.lag_at_most": (
        "{host} 最后一次收到主库消息是在 {seconds} 秒之前；主库何时停止确认写入不明，无法判断是否在 {limit} 秒以内",
        "{host} last heard of the writer {seconds} s ago; when the writer stopped acknowledging is not known, "
        "so whether it lags within {limit} s cannot be told",
    ),
    "gate.hosts_unasked": ("尚未查看的主机：{hosts}", "hosts that nobody asked: {hosts}"),
    "gate.hosts_silent": ("主机未应答：{hosts}（{said}）", "hosts that do not answer: {hosts} ({said})"),
    "gate.hosts_answer": ("{count} 台主机全部应答", "all {count} hosts answer"),
    "gate.entries_silent": ("入口未应答：{hosts}", "entries that do not answer: {hosts}"),
    "gate.entries_answer": ("{count} 个在线入口全部应答", "all {count} entries that are left answer"),
    "gate.entries_elsewhere": (
        "入口 {hosts} 没有把会话全部送往 {wanted}",
        "the entries {hosts} do not send their sessions to {wanted}",
    ),
    "gate.entries_serve": (
        "{count} 个入口均将会话送往 {host}",
        "all {count} entries send their sessions to {host}",
    ),
    "gate.capacity_untold": ("容量数据缺失：{hosts}", "no data on the capacity of {hosts}"),
    "gate.survivor_busy": (
        "{host} 自身负载 {load} 已超过其 {cpus} 个处理器",
        "{host} is busy itself: load {load} on {cpus} processors",
    ),
    "gate.survivor_small": (
        "{host} 的容量不足 {writer} 的一半（{what}）",
        "{host} has less than half of what {writer} has ({what})",
    ),
    "gate.survivor_capacity": ("{host} 的容量足以承载", "{host} can carry the load"),
    "gate.disk_short": ("磁盘剩余空间不足 {least} MiB：{hosts}", "less than {least} MiB of disk are left: {hosts}"),
    "gate.disk_free": (
        "{count} 台数据库主机的磁盘剩余空间均不少于 {least} MiB",
        "all {count} database hosts have {least} MiB of disk or more",
    ),
    "gate.clocks_differ": (
        "{host} 的时钟偏差 {seconds} 秒，超过 {limit} 秒",
        "the clock of {host} is off by {seconds} s, over {limit} s",
    ),
    "gate.clocks_untold": ("时钟偏差不明：{hosts}", "how far these clocks are off cannot be told: {hosts}"),
    "gate.clocks_agree": (
        "{count} 台主机的时钟偏差均在 {limit} 秒以内",
        "the clocks of all {count} hosts are within {limit} s",
    ),
    "gate.runs_untold": ("是否有其他演练或切换正在进行不明", "whether another run is under way cannot be told"),
    "gate.other_run": ("另有演练或切换正在进行：{runs}", "another run is under way: {runs}"),
    "gate.no_other_run": ("没有其他演练或切换正在进行", "no other run is under way"),
    "gate.no_calendar": ("未配置重保日历，按无重保处理", "the estate has no calendar of guard periods"),
    "gate.guard_period": ("正处于重保时段：{names}", "a guard period is in force: {names}"),
    "gate.undated": (
        "不能确定当前是否重保：{names} 本年的日期尚未录入",
        "whether a guard period is in force is not known: nobody has entered the days of {names} this year",
    ),
    "gate.no_guard_period": ("当前不在重保时段", "no guard period is in force"),
    "gate.probes_coarse": (
        "探测误差可达 {width} 秒，对 {rto} 秒的 RTO 目标过粗",
        "the probes measure to {width} s, too coarse for an RTO of {rto} s",
    ),
    "gate.vantages_untold": ("没有观测点的探测情况", "nothing is known of the vantages"),
    "gate.vantage_silent": ("观测点无法测量：{names}（{said}）", "vantages that do not measure: {names} ({said})"),
    "gate.vantage_coarse": (
        "观测点 {names} 的探测对 {rto} 秒的 RTO 目标过粗",
        "the vantages {names} probe too coarsely for an RTO of {rto} s",
    ),
    "gate.few_vantages": ("只有 {count} 个观测点，不足以测量", "only {count} vantages measure, which are too few"),
    "gate.probes_fine": (
        "{count} 个观测点正在测量，误差不超过 {width} 秒（RTO 目标 {rto} 秒）",
        "{count} vantages measure to {width} s, for an RTO of {rto} s",
    ),
}


def say(reason: Reason, lang: str) -> str:
    """The reason as a sentence in ``zh`` or ``en``. What is in it came from outside: escape it where it is shown."""
    return reasons.say(reason, lang, TEXTS)
