"""What people do about an incident, and when they may: taking it up, handing it on, a word, a grade, closing it. Pure.

Nobody overwrites anybody: what another person holds is taken from them by name, or not at all. A repeated act is no
second one. Closing is refused while the subject is not known to be well, unless forced with a reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from checks.result import Status
from checks.sentence import clean
from state.verdict import Incident, Reason, Verdict

LONGEST = 2000  #: characters of what a person says
LONGEST_NAME = 60


class Act(StrEnum):
    """What was done."""

    ACKNOWLEDGE = "ack"
    ASSIGN = "assign"
    COMMENT = "comment"
    GRADE = "grade"
    REPORT = "report"  #: a report was sent to an authority; ``said`` is the clock that it stops
    CLOSE = "close"
    FORCE = "force"  #: closed although it was not over


class Grade(StrEnum):
    """How grave an incident is, by the national guide; a grade is set by a person, rules only suggest one."""

    EXTREME = "extreme"  #: 特别重大
    MAJOR = "major"  #: 重大
    LARGER = "larger"  #: 较大
    GENERAL = "general"  #: 一般


@dataclass(frozen=True, slots=True)
class Entry:
    """An act on record."""

    id: int
    incident: int
    at: float
    person: str
    act: Act
    said: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an act: done (or done before, by the same person), or refused, and because of what."""

    done: bool
    incident: Incident | None
    because: Reason


#: code -> (Chinese, English)
TEXTS = {
    "act.done": ("已记录", "done"),
    "act.before": ("此前已记录，未重复登记", "was done before; nothing is written twice"),
    "act.no_incident": ("没有编号为 {id} 的事件", "there is no incident {id}"),
    "act.merged": ("该事件已并入事件 {root}，请在该事件上处置", "it was merged into incident {root}: act on that one"),
    "act.held": (
        "已由 {person} 于 {at} 认领；确需接手，请写明 --instead-of {person}",
        "{person} acknowledged it at {at}; to take it over say --instead-of {person}",
    ),
    "act.assigned": (
        "现由 {person} 负责；确需改派，请写明 --instead-of {person}",
        "{person} works on it; to hand it on say --instead-of {person}",
    ),
    "act.not_theirs": (
        "并非由 {person} 负责（现为：{now}）",
        "it is not {person} who has it (now: {now})",
    ),
    "act.settled": ("已由 {person} 于 {at} 关闭，原因：{cause}", "{person} closed it at {at}: {cause}"),
    "act.not_over": (
        "{subject} 目前状态为{status}，尚未恢复，不能关闭；确需关闭，请使用 --force 并说明理由",
        "{subject} is {status} and not over: it cannot be closed, unless by --force with a reason",
    ),
    "act.reason_missing": ("强制关闭必须说明理由（--because）", "closing by force needs a reason (--because)"),
    "act.nothing_said": ("内容为空", "nothing was said"),
    "act.clock_unknown": ("没有名为 {clock} 的报告时限", "no reporting clock is called {clock}"),
}


def person(name: str) -> str:
    """A person's name as it is kept: one line, bounded."""
    return clean(name, LONGEST_NAME)


def words(text: str) -> str:
    """What a person says as it is kept: one line, bounded, nothing in it that steers a terminal."""
    return clean(text, LONGEST)


def may_take(held_by: str | None, person: str, instead_of: str, code: str, at: str = "") -> Reason | None:
    """Whether ``person`` may hold what ``held_by`` holds; None: yes. Whom it is taken from must be named."""
    if instead_of and held_by != instead_of:
        return Reason("act.not_theirs", {"person": instead_of, "now": held_by or "—"})
    if held_by is None or held_by in (person, instead_of):
        return None
    return Reason(code, {"person": held_by, "at": at})


def may_close(incident: Incident, verdict: Verdict | None, force: bool, because: str) -> Reason | None:
    """Whether an incident that nobody has closed yet may be closed now; None: yes."""
    if incident.closed is not None:
        return None
    status = verdict.status if verdict else Status.UNKNOWN
    if status is Status.OK:
        return None
    if not force:
        shown = {"status_zh": _STATUS[status], "status_en": status.value}
        return Reason("act.not_over", {"subject": incident.subject, **shown})
    return None if because else Reason("act.reason_missing")


_STATUS = {Status.OK: "正常", Status.DEGRADED: "降级", Status.DOWN: "中断", Status.UNKNOWN: "未知"}
