"""Drills of all kinds as journals and meters tell them: good, with losses, inconclusive, rolled back, table-top."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from failover.drill_record import DrillRecord, Sample, Seen, Track
from failover.measured import Interval, Judged, Measured, Outage, Phase, Verdict, Writes
from failover.plan import Plan
from failover.records import Kind
from failover.retell import drill_record
from inventory.errors import Mark
from tests.golden.drills.journal import ORIGIN, SECOND, Script

MARK = Mark(Path("plans/metro-switchover.yml"), 1)
PEOPLE = {
    "commander": ["wang-wei"],
    "operator": ["li-na"],
    "approver": ["zhao-min"],
    "business": ["chen-jie"],
    "observer": ["liu-yang"],
}
DUTIES = {
    "commander": ("总指挥", "Commander"),
    "operator": ("操作员", "Operator"),
    "approver": ("审批人", "Approver"),
    "business": ("业务验证人", "Business verifier"),
    "observer": ("观察记录员", "Observer"),
}
#: id, kind, zh, en, needs, estimate
STEPS = (
    ("lag-gate", "check", "核对复制延迟", "Check the replication lag", (), 1),
    ("checkpoint", "prepare", "原主库刷盘", "Checkpoint at the old primary", ("lag-gate",), 3),
    (
        "fence",
        "fence",
        "隔离原主库并以拒写证明",
        "Fence the old primary, proved by a refused write",
        ("checkpoint",),
        0.4,
    ),
    ("catch-up", "catch-up", "追平已确认写入", "Catch up with all acknowledged writes", ("fence",), 0.3),
    ("clear-sync", "prepare", "取消同步等待", "Stop waiting for synchronous copies", ("catch-up",), 0.1),
    ("promote", "promote", "提升新主库", "Promote the new primary", ("clear-sync",), 0.3),
    ("point", "traffic", "业务入口指向新主库", "Point the entries to the new primary", ("promote",), 0.3),
    ("write", "check", "经入口写入验证", "Write through every entry", ("point",), 0.5),
    ("rejoin", "rejoin", "原主库作为备库加入", "Rejoin the old primary as a copy", ("write",), 8),
    (
        "business",
        "business",
        "婚姻登记、低保查询业务验证",
        "Check marriage registration and benefit queries",
        ("write",),
        20,
    ),
    ("confirm", "human", "业务部门确认", "The business confirms", ("business",), 60),
)


def plan(**changed: Any) -> Plan:
    """The planned switchover from production to the metro center."""
    told: dict[str, Any] = {
        "plan": "metro-switchover",
        "version": 3,
        "name": {"zh": "生产中心至同城中心计划切换", "en": "Planned switchover to the metro center"},
        "summary": {"zh": "在双方均可用时把写入方迁到同城中心。", "en": "Moves the writer while both ends live."},
        "owner": {"unit": {"zh": "信息中心", "en": "Information center"}, "person": "wang-wei"},
        "last_editor": "li-na",
        "class": "switchover",
        "mode": "graceful",
        "from": "production",
        "to": "metro",
        "drills": ["tabletop", "rehearsal", "switchover", "real"],
        "objectives": {"rto": "30s", "rpo": "0s", "doo": "60s", "nro": "30s"},
        "gates": [{"gate": "replication-sync"}, {"gate": "lag-within-rpo"}, {"gate": "survivor-capacity"}],
        "rules": [{"rule": "never-two-writers"}, {"rule": "never-empty-entry"}],
        "roles": [
            {"id": role, "name": {"zh": zh, "en": en}, "people": PEOPLE[role]} for role, (zh, en) in DUTIES.items()
        ],
        "approvals": [{"role": "approver"}],
        "soak": {"watch": "30s", "confirm_within": "600s"},
        "steps": [_step(*one) for one in STEPS],
        "injects": [
            {"at": "fence", "text": {"zh": "原主库主机无法登录", "en": "The old primary cannot be logged in to"}}
        ],
        "returns_by": "metro-failback",
        "mark": MARK,
    }
    return Plan.model_validate(told | changed)


def _step(id_: str, kind: str, zh: str, en: str, needs: tuple[str, ...], estimate: float) -> dict[str, Any]:
    human = {"role": "business", "ask": {"zh": "各项业务是否正常？", "en": "Does the business work?"}}
    return {
        "id": id_,
        "kind": kind,
        "name": {"zh": zh, "en": en},
        "needs": needs,
        "timeout": "60s",
        "estimate": f"{estimate}s",
        "mark": MARK,
        "undo": {"none": {"zh": "无需回退", "en": "Nothing to undo"}},
        **(human if kind == "human" else {}),
    }


def opening(script: Script, drill: str = "switchover") -> None:
    """What every run begins with, until the first step."""
    opened = {
        "plan": "metro-switchover",
        "plan_version": 3,
        "plan_digest": "4f" * 32,
        "estate_digest": "a7" * 32,
        "drill": drill,
        "mode": "graceful",
        "from": "cloud",
        "to": "bigdata",
        "old_writer": "cloud-db",
        "new_writer": "bigdata-db",
        "steps": [one[0] for one in STEPS],
        "people": PEOPLE,
        "versions": {"tricenter": "0.1.0", "postgresql": "15.14", "ansible-core": "2.19.4"},
    }
    script.at(0, Kind.OPENED, opened, "li-na")
    script.at(1, Kind.STATE, {"state": "preflight", "because": ""})
    script.at(3, Kind.GATE, {"gate": "replication-sync", "hard": True, "result": "pass", "because": "sync"})
    script.at(3.2, Kind.GATE, {"gate": "lag-within-rpo", "hard": True, "result": "pass", "because": "0 bytes"})
    told = {"zh": "同城中心处理器与内存可承载 1.4 倍峰值", "en": "The metro center carries 1.4 times the peak"}
    script.at(3.4, Kind.GATE, {"gate": "survivor-capacity", "hard": True, "result": "pass", "because": told})
    script.at(4, Kind.STATE, {"state": "pending-approval", "because": ""})
    approved = {"role": "approver", "by": "zhao-min", "until": "2026-09-13T01:00:00+00:00"}
    script.at(40, Kind.APPROVED, approved, "zhao-min")
    script.at(41, Kind.METERS, {"state": "started", "vantages": {"cloud": "", "bigdata": "", "dr": ""}})
    script.at(60, Kind.DECIDED, {"what": "go", "by": "wang-wei"}, "wang-wei")
    script.at(60.1, Kind.STATE, {"state": "running", "because": ""})


#: when each step began and ended in the good run, seconds
TIMES = {
    "lag-gate": (60.2, 60.5),
    "checkpoint": (60.6, 62.4),
    "fence": (62.5, 62.83),
    "catch-up": (62.84, 62.97),
    "clear-sync": (62.98, 63.05),
    "promote": (63.06, 63.31),
    "point": (63.32, 63.55),
    "write": (63.56, 63.9),
    "rejoin": (64.0, 71.2),
    "business": (64.0, 79.5),
    "confirm": (80.0, 121.0),
}


def step(script: Script, id_: str, begin: float, end: float, outcome: str = "done", because: object = "") -> None:
    """A step from intent to result, with the invariants after it."""
    if id_ == "confirm":
        question = {"zh": "各项业务是否正常？", "en": "Does the business work?"}
        script.at(begin, Kind.ASKED, {"step": id_, "role": "business", "question": question})
        said = {"what": "confirm", "step": id_, "by": "chen-jie", "reason": "婚姻登记与低保查询均正常"}
        script.at(end - 0.5, Kind.SAID, said, "chen-jie")
    else:
        script.at(begin, Kind.INTENT, {"step": id_, "part": "do", "attempt": 1, "calls": []})
    script.at(end, Kind.RESULT, {"step": id_, "outcome": outcome, "because": because, "facts": {}})
    if outcome == "done" and id_ not in {"business", "confirm"}:
        for rule in ("never-two-writers", "never-empty-entry"):
            script.at(end + 0.005, Kind.INVARIANT, {"rule": rule, "after": id_, "result": "pass", "because": ""})


def ending(script: Script, at: float, state: str, because: object = "") -> None:
    """Meters stopped, the run closed."""
    script.at(at, Kind.METERS, {"state": "stopped", "vantages": {"cloud": "", "bigdata": "", "dr": ""}})
    script.at(at + 1, Kind.CLOSED, {"state": state, "because": because})


def good_script() -> Script:
    """A switchover as it should be."""
    script = Script("20260912T010000Z-metro-switchover-a1b2")
    opening(script)
    for id_, (begin, end) in TIMES.items():
        step(script, id_, begin, end)
    script.at(122, Kind.STATE, {"state": "soaking", "because": ""})
    script.at(152, Kind.STATE, {"state": "commit-wait", "because": ""})
    script.at(170, Kind.SAID, {"what": "commit", "step": "", "by": "wang-wei", "reason": "观察期内无异常"}, "wang-wei")
    ending(script, 171, "completed")
    return script


def ns(seconds: float) -> int:
    """A moment of the run on the desk's clock."""
    return ORIGIN + round(seconds * SECOND)


def outage(vantage: str, stream: str, low: float, high: float | None, *, begin: float = 62.62) -> Outage:
    """An outage that began at ``begin`` seconds of the run."""
    end = begin + (high or 60)
    return Outage(
        vantage,
        stream,
        sent=1200,
        failed=round(10 * low) + 1,
        period=0.1,
        timeout=0.5,
        rto=Interval(low, high),
        resolution=0.6,
        last_ok=ns(begin),
        first_fail=ns(begin + (end - begin - low) / 2),
        last_fail=ns(begin + (end - begin + low) / 2),
        first_ok=ns(end) if high else None,
        stable=ns(end + 2.1) if high else None,
        down=low,
        longest=low,
    )


def phases(begin: float, end: float) -> tuple[Phase, ...]:
    """The parts of an outage of a planned run."""
    stamps = (begin, begin + 0.08, begin + 0.08, begin + 0.08, begin + 0.08, begin + 0.69, end, end + 2.1)
    names = ("occur", "detect", "decide", "mobilise", "execute", "propagate", "settle")
    pairs = zip(names, stamps, stamps[1:], strict=False)
    return tuple(Phase(name, ns(start), ns(stop)) for name, start, stop in pairs)


def measured(**changed: Any) -> Measured:
    """What was measured in the good run."""
    outages = (
        outage("cloud", "fresh", 0.71, 0.98),
        outage("cloud", "kept", 0.80, 1.05),
        outage("bigdata", "fresh", 0.70, 0.94),
        outage("bigdata", "kept", 0.76, 0.99),
        outage("dr", "fresh", 0.79, 1.08),
        outage("dr", "kept", 0.88, 1.19),
    )
    writes = Writes("db", "dr", 1187, 0, 11, 1187, recovered=2, dropped=9, loss_bound=3 / 1187, after_fence=214)
    told = Measured(
        outages=outages,
        writes=(writes,),
        phases=phases(62.62, 63.81),
        judged=(
            Judged("rto", 30.0, Interval(0.88, 1.19), Verdict.PASS, "within-target"),
            Judged("rpo", 0.0, Interval(0.0, 0.0), Verdict.PASS, "none-lost"),
            Judged("doo", 60.0, Interval(0.88, 1.19), Verdict.PASS, "within-target"),
            Judged("nro", 30.0, Interval(0.0, 0.6), Verdict.PASS, "no-outage-seen"),
        ),
        worst=outages[-1],
        offsets={"cloud": (1_200_000, 90_000), "bigdata": (-340_000, 80_000), "dr": (5_100_000, 700_000)},
    )
    return replace(told, **changed)


def tracks(seen: Measured, lost: tuple[float, ...] = (), seed: int = 1) -> tuple[Track, ...]:
    """Probes and writes of every vantage, ten a second, as the outages say."""
    noise = random.Random(seed)
    made = [_probes(one, noise) for one in seen.outages]
    first = seen.outages[-1]
    assert first.last_ok and first.first_fail and first.last_fail
    back = first.first_ok or ns(130)
    writes, old = [], []
    for number in range(420, 1720):
        at = ns(number / 10) + noise.randrange(9_000_000)
        down = first.first_fail - 60_000_000 <= at <= back - 40_000_000
        kind = (Seen.DROPPED if noise.random() < 0.8 else Seen.RECOVERED) if down else Seen.KEPT
        writes.append(Sample(at, Seen.LOST if any(abs(at - ns(one)) < 49_000_000 for one in lost) else kind))
        if at > ns(62.9):
            old.append(Sample(at + 50_000_000, Seen.REFUSED))
    made.append(Track("write", "dr", "db", tuple(writes)))
    made.append(Track("old-writer", "dr", "db", tuple(old)))
    return tuple(made)


def _probes(one: Outage, noise: random.Random) -> Track:
    assert one.first_fail and one.last_fail and one.last_ok
    end = one.first_ok or ns(171)
    samples = []
    for number in range(420, 1720):
        at = ns(number / 10) + noise.randrange(9_000_000)
        samples.append(Sample(at, Seen.FAILED if one.last_ok < at < end - 20_000_000 else Seen.OK))
    return Track("probe", one.vantage, one.stream, tuple(samples))


Drill = tuple[DrillRecord, tuple[Track, ...]]


@cache
def good() -> Drill:
    """Everything went as planned."""
    seen = measured()
    return drill_record(good_script().records(), plan(), seen), tracks(seen)


@cache
def lossy() -> Drill:
    """An unplanned failover over a lagging copy: acknowledged writes are gone, the time was missed."""
    script = Script("20260913T010000Z-metro-switchover-0bad")
    opening(script, "real")
    script.at(60.14, Kind.GATE, {"gate": "lag-within-rpo", "hard": True, "result": "unknown", "because": "no answer"})
    script.at(
        60.15, Kind.OVERRIDE, {"gate": "lag-within-rpo", "by": "wang-wei", "reason": "原中心已失联，数据无法取得"}
    )
    for id_ in ("lag-gate", "checkpoint", "fence", "catch-up", "clear-sync"):
        step(script, id_, *TIMES[id_])
    step(script, "promote", 63.06, 96.0)
    step(script, "point", 96.1, 97.4)
    step(script, "write", 97.5, 98.0)
    because = {"zh": "时间线已分叉，需重建副本", "en": "The timelines have diverged: a new copy is needed"}
    step(script, "rejoin", 98.1, 128.0, "failed", because)
    ending(script, 140, "completed-with-exceptions", "")
    rto, rpo = Interval(34.6, 35.1), Interval(0.31, 0.52)
    writes = Writes(
        "db", "dr", 1187, 0, 11, 1183, lost=(201, 202, 203, 204), recovered=2, dropped=9, rpo=rpo, after_fence=214
    )
    outages = tuple(outage(one.vantage, one.stream, 34.6, 35.1) for one in measured().outages)
    seen = measured(
        outages=outages,
        writes=(writes,),
        phases=phases(62.62, 97.72),
        judged=(
            Judged("rto", 30.0, rto, Verdict.FAIL, "longer-than-target"),
            Judged("rpo", 0.0, rpo, Verdict.FAIL, "lost-more-than-target"),
        ),
        worst=outages[-1],
    )
    return drill_record(script.records(), plan(), seen), tracks(seen, lost=(62.2, 62.3, 62.4, 62.5))


@cache
def inconclusive() -> Drill:
    """One vantage brought nothing home, and the interval holds the target."""
    script = Script("20260914T010000Z-metro-switchover-0c0c")
    opening(script, "rehearsal")
    for id_, (begin, end) in TIMES.items():
        step(script, id_, begin, end)
    unknown = {"rule": "never-empty-entry", "after": "point", "result": "unknown", "because": "entry dr-lb: no answer"}
    script.at(122, Kind.INVARIANT, unknown)
    ending(script, 171, "completed")
    outages = tuple(outage(one.vantage, one.stream, 28.0, 31.5) for one in measured().outages[:4])
    seen = measured(
        outages=outages,
        writes=(Writes("db", "bigdata", 0, 0, 1200, 0),),
        phases=(),
        judged=(
            Judged("rto", 30.0, Interval(28.0, 31.5), Verdict.INCONCLUSIVE, "interval-holds-target"),
            Judged("rpo", 0.0, None, Verdict.INCONCLUSIVE, "nothing-acknowledged"),
        ),
        worst=outages[0],
        missing={"dr": "no route to host"},
    )
    return drill_record(script.records(), plan(), seen), tracks(seen)[:4]


@cache
def rolled_back() -> Drill:
    """A step failed; everything was taken back but one thing."""
    script = Script("20260915T010000Z-metro-switchover-0dd0")
    opening(script)
    for id_ in ("lag-gate", "checkpoint", "fence", "catch-up", "clear-sync"):
        step(script, id_, *TIMES[id_])
    step(script, "promote", 63.06, 73.06, "failed", "pg_ctl promote: timed out")
    script.at(
        73.2, Kind.ABORT, {"condition": "outage-over", "because": {"zh": "中断超过上限", "en": "Outage too long"}}
    )
    script.at(73.3, Kind.STATE, {"state": "rolling-back", "because": "outage-over"})
    for number, id_ in enumerate(("clear-sync", "catch-up", "fence")):
        script.at(74 + number, Kind.UNDONE, {"step": id_, "outcome": "done", "because": "", "by_hand": ""})
    ending(script, 80, "rolled-back", {"zh": "已全部回退", "en": "All was taken back"})
    outages = tuple(outage(one.vantage, one.stream, 14.1, 14.6) for one in measured().outages)
    rto = Judged("rto", 30.0, Interval(14.1, 14.6), Verdict.PASS, "within-target")
    seen = measured(outages=outages, judged=(rto, measured().judged[1]), phases=phases(62.62, 77.2), worst=outages[-1])
    return drill_record(script.records(), plan(), seen), tracks(seen)


@cache
def refused() -> Drill:
    """Nothing was touched."""
    script = Script("20260916T010000Z-metro-switchover-0eef")
    opening(script)
    script.lines = script.lines[:2]
    because = {"zh": "同城副本未同步", "en": "The metro copy is not synchronous"}
    script.at(3, Kind.GATE, {"gate": "replication-sync", "hard": True, "result": "unknown", "because": because})
    script.at(4, Kind.CLOSED, {"state": "refused", "because": because})
    return drill_record(script.records(), plan(), None), ()


@cache
def tabletop() -> Drill:
    """The same plan walked at a table."""
    script = Script("20260917T010000Z-metro-switchover-7ab1")
    opening(script, "tabletop")
    script.lines = script.lines[:1]
    script.at(5, Kind.STATE, {"state": "running", "because": ""})
    for number, (id_, *_) in enumerate(STEPS):
        at = 10.0 + 120 * number
        question = {"zh": "由谁执行，依据什么确认已完成？", "en": "Who does it, and what shows that it is done?"}
        script.at(at, Kind.ASKED, {"step": id_, "role": "operator", "question": question})
        deny = id_ == "rejoin"
        said = {"what": "deny" if deny else "confirm", "step": id_, "by": "li-na"}
        script.at(
            at + 90, Kind.SAID, said | {"reason": "重建副本的脚本不在离线包内" if deny else "按手册执行"}, "li-na"
        )
        told = {"step": id_, "outcome": "failed" if deny else "done", "because": said.get("reason", "")}
        script.at(at + 91, Kind.RESULT, told)
    script.at(1500, Kind.CLOSED, {"state": "completed-with-exceptions", "because": ""})
    return drill_record(script.records(), plan(), None), ()


EVIL = (
    "<script>alert(1)</script>",
    "{{ 7*7 }}{% for x in y %}",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07",
    "abc\u202egnp.exe \u2066x\u2069",
    "</script><!-- ]]> & \" '",
    "A" * 100_000,
    "<b>bold</b>&lt;%{x}%",
)


@cache
def hostile() -> Drill:
    """Every text that comes from outside tries to be more than text."""
    script = Script("20260918T010000Z-metro-switchover-ffff")
    opening(script)
    evil = " ".join(EVIL)
    script.lines[0]["payload"] |= {"from": evil, "new_writer": EVIL[0], "versions": {EVIL[0]: evil}}
    script.lines[0]["payload"] |= {"people": {EVIL[0]: [evil, EVIL[3]], "commander": evil}}
    for number, text in enumerate(EVIL):
        step(script, "fence", 62 + number / 10, 62.05 + number / 10, "failed", text)
        script.at(63 + number, Kind.SAID, {"what": text, "step": text, "by": text, "reason": {"zh": text, "en": text}})
        script.at(63.1 + number, Kind.OVERRIDE, {"gate": "lag-within-rpo", "by": text, "reason": text})
        script.at(63.2 + number, Kind.GATE, {"gate": text, "hard": text, "result": text, "because": {"code": text}})
        script.at(63.3 + number, Kind.INVARIANT, {"rule": text, "after": text, "result": text, "because": [text]})
        script.at(63.4 + number, Kind.ABORT, {"condition": text, "because": text})
    script.at(99, Kind.UNDONE, {"step": "fence", "outcome": "failed", "because": evil, "by_hand": evil})
    script.at(99.5, Kind.STATE, {"state": evil, "because": {"code": evil, "facts": {"x": evil}}})
    script.at(100, Kind.CLOSED, {"state": "failed-dirty", "because": evil})
    seen = measured(
        missing={evil: evil},
        outages=tuple(replace(one, vantage=EVIL[0], notes=(evil,)) for one in measured().outages),
        judged=(Judged(EVIL[0], 1.0, None, Verdict.FAIL, evil), *measured().judged),
        writes=(replace(measured().writes[0], channel=EVIL[0], vantage=EVIL[6]),),
    )
    named = {"zh": EVIL[0] + EVIL[1] + "切换", "en": evil}
    record = drill_record(script.records(), plan(name=named), seen)
    return record, tuple(replace(track, vantage=EVIL[0], name=EVIL[6]) for track in tracks(seen))


DRILLS = {
    "good": good,
    "lossy": lossy,
    "inconclusive": inconclusive,
    "rolled-back": rolled_back,
    "refused": refused,
    "tabletop": tabletop,
    "hostile": hostile,
}
