"""A run's records as lines for the people at the desk, in Chinese and English, as they come. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from checks.sentence import clean
from failover.records import Kind, Record, State
from failover.replay import Standing

_MARK = {"pass": "✓", "done": "✓", "fail": "✗", "failed": "✗", "unknown": "?", "skipped": "–"}
_WORDS: Mapping[str, tuple[str, str]] = {
    "opened": (
        "开始：预案 {plan}，{from_} → {to}，发起人 {starter}",
        "begun: plan {plan}, {from_} → {to}, by {starter}",
    ),
    "approved": ("已批准：{role}（{by}）", "approved: {role} ({by})"),
    "gate": ("前置条件 {gate}：{because}", "gate {gate}: {because}"),
    "override": ("{by} 越过前置条件 {gate}：{reason}", "{by} overrides {gate}: {reason}"),
    "warmed": ("连接已就绪，{count} 台主机", "connections open to {count} hosts"),
    "meters": ("测量：{state}（{vantages}）", "meters {state} ({vantages})"),
    "decided": ("下令：{by}", "the word is given by {by}"),
    "intent": ("{part} {step}（第 {attempt} 次）", "{part} {step} (attempt {attempt})"),
    "result": ("步骤 {step}：{outcome} {because}", "step {step}: {outcome} {because}"),
    "undone": ("撤销 {step}：{outcome} {because}", "undo of {step}: {outcome} {because}"),
    "by_hand": ("须人工处理：{text}", "to be done by hand: {text}"),
    "invariant": ("安全规则 {rule}（{after}）：{because}", "rule {rule} (after {after}): {because}"),
    "asked": ("请 {role} 答复（步骤 {step}）：{question}", "for {role} to answer (step {step}): {question}"),
    "said": ("{by}：{what} {step} {reason}", "{by} says: {what} {step} {reason}"),
    "not_counted": ("{by} 的“{what}”不予采纳：{because}", "`{what}` by {by} does not count: {because}"),
    "state": ("状态：{state} {because}", "state: {state} {because}"),
    "abort": ("中止条件 {condition}：{because}", "abort condition {condition}: {because}"),
    "recovered": ("恢复运行；待确认步骤：{unknown}", "taken up again; steps to be settled: {unknown}"),
    "closed": ("结束：{state} {because}", "ended: {state} {because}"),
}
_STATES: Mapping[State, tuple[str, str]] = {
    State.PREFLIGHT: ("前置检查", "preflight"),
    State.PENDING_APPROVAL: ("等待批准", "waiting for approval"),
    State.RUNNING: ("执行中", "running"),
    State.PAUSED: ("已暂停", "paused"),
    State.SOAKING: ("观察期", "soaking"),
    State.COMMIT_WAIT: ("等待确认", "waiting for a commit"),
    State.ROLLING_BACK: ("回退中", "rolling back"),
    State.COMPLETED: ("已完成", "completed"),
    State.COMPLETED_WITH_EXCEPTIONS: ("已完成（有例外）", "completed with exceptions"),
    State.ROLLED_BACK: ("已回退", "rolled back"),
    State.FAILED_DIRTY: ("回退不完整，须人工处理", "failed, to be mended by hand"),
    State.REFUSED: ("已拒绝，未触动任何系统", "refused, nothing was touched"),
    State.ABORTED: ("已中止，未触动任何系统", "aborted, nothing was touched"),
}
_NEXT = (
    "下一步：`ops drill resume {run} --as 姓名` 继续，或 `ops drill abort {run} --as 姓名 --because 原因` 回退",
    "next: `ops drill resume {run} --as PERSON` goes on, `ops drill abort {run} --as PERSON --because WHY` goes back",
)
_COMMIT = (
    "下一步：`ops drill say {run} commit --as 姓名` 确认，或 `… roll-back --as 姓名 --because 原因` 回退",
    "next: `ops drill say {run} commit --as PERSON` or `ops drill say {run} roll-back --as PERSON --because WHY`",
)
_ANSWER = (
    "答复：`ops drill say {run} confirm --step {step} --as 姓名`（或 deny）",
    "answer: `ops drill say {run} confirm --step {step} --as PERSON` (or deny)",
)


def line(record: Record, lang: str, began_ns: int | None = None) -> str:
    """One record as one line; empty when it is of no interest to people who watch."""
    facts = _FACTS.get(record.kind, _plain)(record.payload, lang)
    if facts is None:
        return ""
    key = str(facts.pop("key", record.kind.value))
    text = _say(_WORDS[key], lang).format_map(_Texts(facts))
    at = (record.mono_ns - began_ns) / 1e9 if began_ns is not None else 0.0
    mark = _MARK.get(str(record.payload.get("outcome") or record.payload.get("result") or ""), "·")
    return f"{at:9.2f} s {mark} {clean(' '.join(text.split()), 400)}"


def advice(record: Record, lang: str) -> str:
    """What people have to do now because of that record; empty when nothing."""
    if record.kind is Kind.ASKED:
        return _say(_ANSWER, lang).format(run=record.run, step=clean(str(record.payload.get("step", "")), 60))
    if record.kind is not Kind.STATE:
        return ""
    texts = {State.PAUSED.value: _NEXT, State.COMMIT_WAIT.value: _COMMIT}.get(str(record.payload.get("state")))
    return _say(texts, lang).format(run=record.run) if texts else ""


def standing(run: str, found: Standing, lang: str) -> list[str]:
    """Where a run stands, for ``ops drill status``."""
    state = f"{run}: {_say(_STATES[found.state], lang)} {found.because}".rstrip()
    steps = [
        f"  {_MARK.get(step.progress.value, '·')} {name}: {step.progress.value} {step.because}".rstrip()
        for name, step in found.steps.items()
    ]
    waits = [f"  ? {name}" for name in sorted(found.asked)]
    return [
        clean(each, 400) if not each.startswith(" ") else "  " + clean(each, 400) for each in (state, *steps, *waits)
    ]


def state_name(state: State, lang: str) -> str:
    """A state in words."""
    return _say(_STATES[state], lang)


class _Texts(dict[str, Any]):
    """Facts for a sentence; what is not there is empty."""

    def __missing__(self, key: str) -> str:
        return ""


def _say(texts: tuple[str, str], lang: str) -> str:
    return texts[0] if lang == "zh" else texts[1]


def _plain(payload: Mapping[str, Any], _lang: str) -> dict[str, Any] | None:
    facts = dict(payload)
    facts["from_"] = facts.pop("from", "")
    return facts


def _state(payload: Mapping[str, Any], lang: str) -> dict[str, Any] | None:
    try:
        return {**payload, "state": _say(_STATES[State(str(payload.get("state")))], lang)}
    except ValueError:
        return dict(payload)


def _gate(payload: Mapping[str, Any], lang: str) -> dict[str, Any] | None:
    said = payload.get("said")
    text = said.get(lang) if isinstance(said, Mapping) else None
    return {**payload, "because": text or payload.get("because", "")}


def _warmed(payload: Mapping[str, Any], _lang: str) -> dict[str, Any] | None:
    hosts = payload.get("hosts") or {}
    return {"count": sum(1 for why in hosts.values() if not why)}


def _meters(payload: Mapping[str, Any], _lang: str) -> dict[str, Any] | None:
    vantages = payload.get("vantages") or {}
    return {**payload, "vantages": ", ".join(f"{name} {why or '✓'}" for name, why in vantages.items())}


def _quiet_pass(payload: Mapping[str, Any], _lang: str) -> dict[str, Any] | None:
    return None if payload.get("result") == "pass" else dict(payload)


def _asked(payload: Mapping[str, Any], lang: str) -> dict[str, Any] | None:
    question = payload.get("question") or {}
    return {**payload, "question": question.get(lang, "")}


def _said(payload: Mapping[str, Any], _lang: str) -> dict[str, Any] | None:
    return {**payload, "key": "not_counted"} if payload.get("counts") is False else dict(payload)


def _undone(payload: Mapping[str, Any], lang: str) -> dict[str, Any] | None:
    by_hand = payload.get("by_hand") or {}
    text = _say(_WORDS["by_hand"], lang).format(text=by_hand.get(lang, "")) if by_hand else ""
    return {**payload, "because": f"{payload.get('because', '')} {text}"}


def _recovered(payload: Mapping[str, Any], _lang: str) -> dict[str, Any] | None:
    return {"unknown": ", ".join(map(str, payload.get("unknown") or ())) or "–"}


def _never(_payload: Mapping[str, Any], _lang: str) -> dict[str, Any] | None:
    return None


_FACTS = {
    Kind.STATE: _state,
    Kind.CLOSED: _state,
    Kind.GATE: _gate,
    Kind.WARMED: _warmed,
    Kind.METERS: _meters,
    Kind.INVARIANT: _quiet_pass,
    Kind.ASKED: _asked,
    Kind.SAID: _said,
    Kind.UNDONE: _undone,
    Kind.RECOVERED: _recovered,
    Kind.REPLY: _never,
}
