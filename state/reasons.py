"""Every reason in both languages, and the one function that says it.

Facts are text from outside. They are put in by plain replacement of ``{name}``, never by ``str.format`` (which follows
attributes and indexes), and what they contain is not read again. A fact that has a name in each language is found
under ``name_zh`` and ``name_en``; a missing one is shown as a dash.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from state.verdict import Reason

_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")
_LONGEST_FACT = 300

#: code -> (Chinese, English)
TEXTS: Mapping[str, tuple[str, str]] = {
    "any.center_dark": (
        "{center}整体失联，{what} 的实际状况无法判定",
        "{center} cannot be reached at all; how {what} really is cannot be told",
    ),
    "any.host_down": ("{what} 受主机 {host} 故障影响", "{what} suffers from host {host}, which is down"),
    "any.service_down": (
        "{what} 受主机 {host} 上的服务 {service} 故障影响",
        "{what} suffers from service {service} on host {host}, which is down",
    ),
    "service.ok": ("主机 {host} 上的服务 {service} 正常", "service {service} on host {host} works"),
    "service.down": (
        "{center}主机 {host} 上的服务 {service} 故障，主机本身正常：{said}",
        "service {service} on host {host} in {center} is down while the host answers: {said}",
    ),
    "service.unseen": (
        "主机 {host} 上的服务 {service} 状态未知：没有有效应答",
        "service {service} on host {host} is unknown: no answer speaks for it",
    ),
    "any.host_wavers": (
        "{what} 异常，其主机 {host} 登录刚刚失败，正在确认是否为主机故障",
        "{what} is in trouble and its host {host} just failed a login; being confirmed",
    ),
    "any.recovering": (
        "{what} 受 {cause} 故障影响；{cause} 已恢复，{what} 的恢复有待确认",
        "{what} suffered from {cause}, which is back; its own recovery is being confirmed",
    ),
    "any.unjudged": ("尚未判定", "not judged yet"),
    "any.gone": ("该对象已不在资产清单中", "no longer part of the estate"),
    "host.ok": ("主机 {host} 运行正常", "host {host} works"),
    "host.path_noted": (
        "主机 {host} 运行正常，但从 {from} 无法访问：{said}",
        "host {host} works, but not reached from {from}: {said}",
    ),
    "host.inside_fails": (
        "主机 {host} 在本中心内登录失败，其他中心可以登录：{said}",
        "host {host} refuses logins from its own center, others get in: {said}",
    ),
    "host.check_fails": ("主机 {host} 的检查 {check} 异常：{said}", "host {host}: check {check} is not well: {said}"),
    "host.login_fails": (
        "主机 {host} 无法登录，但其上的服务仍有应答（{check}）：{said}",
        "host {host} refuses logins, but its services answer ({check}): {said}",
    ),
    "host.frozen": (
        "主机 {host} 无响应：端口可以连接，但登录无应答，疑似系统僵死：{said}",
        "host {host} is frozen: it accepts connections and answers nothing: {said}",
    ),
    "host.down": ("主机 {host} 宕机：{said}", "host {host} is down: {said}"),
    "host.unwatched": ("主机 {host} 未配置检查", "host {host} has no checks"),
    "host.path": (
        "从 {from} 访问主机 {host} 的路径不通，主机状况无法判定：{said}",
        "the path from {from} to host {host} is dead; how the host is cannot be told: {said}",
    ),
    "host.stale": ("主机 {host} 的检查结果已过期", "the answers about host {host} are too old"),
    "host.never": ("主机 {host} 尚无检查结果", "no answer about host {host} yet"),
    "host.unsure": ("主机 {host} 的状况有待确认：{said}", "host {host}: not yet certain: {said}"),
    "component.ok": ("{center}的组件 {component} 运行正常", "{component} in {center} works"),
    "component.path_noted": (
        "{center}的组件 {component} 运行正常，但从 {from} 无法访问：{said}",
        "{component} in {center} works, but not reached from {from}: {said}",
    ),
    "component.inside_fails": (
        "{center}的组件 {component} 在本中心内访问失败，其他中心可以访问：{said}",
        "{component} in {center} fails inside its own center, others reach it: {said}",
    ),
    "component.partly": (
        "{center}的组件 {component} 部分节点故障（{host}）：{said}",
        "{component} in {center} fails on some of its hosts ({host}): {said}",
    ),
    "component.down": (
        "{center}的组件 {component} 故障，主机 {host} 本身正常：{said}",
        "{component} in {center} is down while host {host} answers: {said}",
    ),
    "component.degraded": (
        "{center}的组件 {component} 性能或状态下降（{host}）：{said}",
        "{component} in {center} is degraded ({host}): {said}",
    ),
    "component.replication": (
        "{center}的组件 {component} 的复制受 {cause} 故障影响：{said}",
        "replication of {component} in {center} suffers from {cause}: {said}",
    ),
    "component.unwatched": ("{center}的组件 {component} 未配置检查", "{component} in {center} has no checks"),
    "component.path": (
        "从 {from} 访问{center}的路径不通，组件 {component} 的状况无法判定：{said}",
        "the path from {from} to {center} is dead; how {component} is cannot be told: {said}",
    ),
    "component.stale": (
        "{center}的组件 {component} 检查结果已过期",
        "the answers about {component} in {center} are too old",
    ),
    "component.never": ("{center}的组件 {component} 尚无检查结果", "no answer about {component} in {center} yet"),
    "component.unsure": (
        "{center}的组件 {component} 状况有待确认：{said}",
        "{component} in {center}: not yet certain: {said}",
    ),
    "province.ok": ("{province}数据交换正常", "exchange with {province} works"),
    "province.path_noted": (
        "{province}数据交换正常，但从 {from} 无法核实：{said}",
        "exchange with {province} works, though not seen from {from}: {said}",
    ),
    "province.inside_fails": (
        "{province}数据交换在本中心内核查失败，其他中心核查正常：{said}",
        "exchange with {province} fails as seen inside, others find it working: {said}",
    ),
    "province.down": ("{province}数据交换中断：{said}", "exchange with {province} has stopped: {said}"),
    "province.degraded": ("{province}数据交换异常：{said}", "exchange with {province} is not well: {said}"),
    "province.unwatched": ("{province}数据交换未配置检查", "exchange with {province} has no checks"),
    "province.path": (
        "从 {from} 核查的路径不通，{province}数据交换状况无法判定：{said}",
        "the path from {from} is dead; how the exchange with {province} is cannot be told: {said}",
    ),
    "province.stale": ("{province}数据交换的检查结果已过期", "the answers about {province} are too old"),
    "province.never": ("{province}数据交换尚无检查结果", "no answer about {province} yet"),
    "province.unsure": ("{province}数据交换状况有待确认：{said}", "exchange with {province}: not yet certain: {said}"),
    "center.ok": ("{center}运行正常", "{center} works"),
    "center.dark": (
        "{center}整体失联：{from}及值守端均无法到达，内部状况未知，可能为断电或通信全部中断",
        "{center} is dark: neither {from} nor the desk reaches it; inside nothing is known (power or all lines lost)",
    ),
    "center.cut_off": (
        "{center}与其他中心通信中断（{from}均无法到达），中心内部仍在运行",
        "{center} is cut off from the others ({from} cannot reach it); inside it is alive",
    ),
    "center.city_lost": (
        "{site}城市级失联：同城的{centers}同时无法到达，内部状况未知",
        "{site} is lost as a whole: {centers} became unreachable together; what goes on inside is unknown",
    ),
    "center.down": (
        "{center}故障：{hosts} 台主机中有 {down} 台宕机（{which}）",
        "{center} is down: {down} of {hosts} hosts are down ({which})",
    ),
    "center.hosts_down": (
        "{center}有 {down} 台主机宕机（共 {hosts} 台）：{which}",
        "{center}: {down} of {hosts} hosts are down: {which}",
    ),
    "center.one_voice": (
        "仅 {from} 无法到达{center}，单一观测不足以判定",
        "only {from} cannot reach {center}; one voice is not enough to judge",
    ),
    "center.unseen": ("没有任何观测点能够说明{center}的状况", "no vantage can tell how {center} is"),
    "link.ok": ("链路 {link} 正常", "link {link} works"),
    "link.cut": (
        "链路 {link} 中断：两端中心均正常且可从 {referee} 到达，但彼此不通",
        "link {link} is cut: both ends live and are reached from {referee}, but not from each other",
    ),
    "link.cut_no_referee": (
        "链路 {link} 中断：两端中心均正常但彼此不通（无第三方中心佐证）",
        "link {link} is cut: both ends live and do not reach each other (no third center to confirm)",
    ),
    "link.one_way": (
        "链路 {link} 单向中断：{near}到{far}不通，反向正常",
        "link {link} fails one way: from {near} to {far}; the other way works",
    ),
    "link.slow": (
        "链路 {link} 质量下降：{near}到{far} {said}",
        "link {link} is slow from {near} to {far}: {said}",
    ),
    "link.half_seen": (
        "链路 {link} 仅有一端可观测：{near}到{far}不通，另一端没有数据",
        "link {link} is seen from one end only: {near} does not reach {far}, the other end says nothing",
    ),
    "link.unseen": ("链路 {link} 尚无有效检查结果", "nothing valid is known about link {link}"),
    "link.center_lost": (
        "{center}失联，链路 {link} 随之不可用",
        "{center} is lost and link {link} with it",
    ),
    "watch.ok": ("{center}观测点工作正常", "the watch in {center} works"),
    "watch.unreached": (
        "值守端无法到达{center}的 Prometheus，该中心观测数据缺失",
        "the desk does not reach the Prometheus of {center}: its observations are missing",
    ),
    "watch.never": ("{center}观测点尚未上报结果", "the prober of {center} has not reported yet"),
    "watch.silent": (
        "{center}观测点停止上报，Prometheus 可以到达但没有新结果",
        "the prober of {center} went silent: no new answers from it",
    ),
    "notices.ok": ("通知链路正常", "the path of the notices works"),
    "notices.silent": (
        "通知链路中断：心跳告警经 Alertmanager 已 {time} 未送达，通知可能无法到达值守人员",
        "notices do not get through: the heartbeat has not come back from Alertmanager for {time}",
    ),
    "notices.stuck": (
        "通知渠道 {channel} 发送失败，积压 {rows} 条：{said}",
        "channel {channel} does not take notices, {rows} wait: {said}",
    ),
    "system.ok": ("{system}运行正常", "{system} works"),
    "system.path_noted": (
        "{system}运行正常，但从 {from} 因路径问题无法访问：{said}",
        "{system} works; from {from} it is not reached because of the path: {said}",
    ),
    "system.cut_off": (
        "{system}在所在中心内可用，但该中心与外部通信中断，从 {from} 无法访问",
        "{system} works inside its center, which is cut off: not reached from {from}",
    ),
    "system.journey_fails": ("{system}用户访问失败：{said}", "people cannot use {system}: {said}"),
    "system.journey_degraded": (
        "{system}部分用户访问异常或变慢：{said}",
        "{system} fails or is slow for some people: {said}",
    ),
    "system.parts_down": ("{system}不可用：组件 {parts} 故障", "{system} is down: {parts} failed"),
    "system.parts_ill": (
        "{system}可以使用，但组件异常：{parts}",
        "{system} can be used, but parts are in trouble: {parts}",
    ),
    "system.readiness_lost": (
        "{system}可以使用，但备用组件不可用，切换能力下降：{parts}",
        "{system} can be used, but readiness is lost: standby parts are not available: {parts}",
    ),
    "system.unseen": ("{system}的状况无法判定", "how {system} is cannot be told"),
    "system.dependency_down": (
        "{system}不可用，所依赖的系统 {dependency} 故障",
        "{system} is down, and so is what it depends on: {dependency}",
    ),
    "system.dependency_ill": (
        "{system}受所依赖的系统 {dependency} 影响：{said}",
        "{system} suffers from what it depends on, {dependency}: {said}",
    ),
    "estate.ok": ("全部 {systems} 个业务系统及基础设施运行正常", "all {systems} systems and what they stand on work"),
    "estate.down": (
        "{systems} 个业务系统中有 {down} 个不可用：{which}",
        "{down} of {systems} systems are down: {which}",
    ),
    "estate.trouble": (
        "共 {systems} 个业务系统：正常 {ok}，异常 {degraded}，不可用 {down}，未知 {unknown}；根因：{which}",
        "{systems} systems: {ok} ok, {degraded} degraded, {down} down, {unknown} unknown; roots: {which}",
    ),
    "estate.unseen": (
        "多数业务系统状况未知（{unknown}/{systems}）",
        "most systems are unknown ({unknown} of {systems})",
    ),
    "estate.partly_unseen": (
        "部分业务系统状况未知（{unknown}/{systems}），其余正常",
        "some systems are unknown ({unknown} of {systems}), the others work",
    ),
}


def say(reason: Reason, lang: str, among: Mapping[str, tuple[str, str]] = TEXTS) -> str:
    """The reason as a sentence in ``zh`` or ``en`` (anything else is English), from a table of texts.

    The facts in it are hostile: escape the sentence where it is shown. An unknown code is said as it is, with facts.
    """
    texts = among.get(reason.code)
    if texts is None:
        facts = ", ".join(f"{key}: {value[:_LONGEST_FACT]}" for key, value in sorted(reason.facts.items()))
        return f"{reason.code} ({facts})" if facts else reason.code
    chosen = "zh" if lang == "zh" else "en"
    sentence = _PLACEHOLDER.sub(lambda found: _fact(reason.facts, found[1], chosen), texts[chosen == "en"])
    return sentence.removesuffix("：—").removesuffix(": —")


def _fact(facts: Mapping[str, str], name: str, lang: str) -> str:
    value = facts.get(f"{name}_{lang}") or facts.get(name) or "—"
    return str(value)[:_LONGEST_FACT]
