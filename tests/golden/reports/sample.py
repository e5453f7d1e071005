"""A small estate and a week of its history: one incident repaired by a runbook, one still open, a gap in the watch."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from checks.result import Status
from inventory import subject
from inventory.errors import Mark
from inventory.model import (
    Center,
    Component,
    Defaults,
    Estate,
    Exchange,
    Grade,
    Link,
    Name,
    Owner,
    Placement,
    Province,
    Role,
    Site,
    System,
    Targets,
)
from reports.facts import Facts
from runbooks.run_record import Outcome, Proposal, Run
from state.verdict import Change, Fault, Incident, Reason

ZONE = "Asia/Shanghai"
MONDAY = datetime(2026, 8, 17, tzinfo=ZoneInfo(ZONE)).timestamp()
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
WEEK = 7 * DAY
MARK = Mark(Path("estate.yml"), 1)

SYSTEMS = (
    ("one-stop", "民政一体化政务服务平台·民政通", "One-stop civil services", 0.9995),
    ("low-income", "全国低收入人口动态监测", "Low-income population monitoring", 0.999),
    ("marriage", "婚姻登记跨省通办", "Cross-province marriage registration", 0.9995),
    ("subsidies", "残疾人两项补贴·孤儿认定", "Subsidies and orphan recognition", 0.999),
    ("data-hub", "民政信息资源库", "Civil affairs data hub", 0.999),
    ("place-names", "区划地名·乡村著名行动", "Place names", 0.995),
)


def estate(systems: tuple[tuple[str, str, str, float], ...] = SYSTEMS) -> Estate:
    """Two sites, three centers, three links, six systems, five provinces."""
    centers = (
        ("cloud", "民政政务云中心", "Government cloud center", "capital", Role.PRODUCTION),
        ("bigdata", "大数据中心", "Big data center", "capital", Role.METRO),
        ("dr", "异地灾备中心", "Remote recovery center", "remote", Role.REMOTE),
    )
    links = (
        ("cloud-bigdata", "政务云—大数据同城链路", "Cloud – big data"),
        ("cloud-dr", "政务云—灾备链路", "Cloud – recovery"),
        ("bigdata-dr", "大数据—灾备链路", "Big data – recovery"),
    )
    provinces = (("110000", "北京市", "Beijing"), ("130000", "河北省", "Hebei"), ("440000", "广东省", "Guangdong"))
    return Estate(
        id="civil-affairs",
        name=Name(zh="全国民政信息系统", en="National civil affairs systems"),
        timezone=ZONE,
        defaults=Defaults(),
        sites=(
            Site(id="capital", name=Name(zh="北京", en="Beijing")),
            Site(id="remote", name=Name(zh="贵阳", en="Guiyang")),
        ),
        centers=tuple(
            Center(id=id_, name=Name(zh=zh, en=en), site=site, role=role, mark=MARK)
            for id_, zh, en, site, role in centers
        ),
        links=tuple(Link(id=id_, name=Name(zh=zh, en=en), between=_ends(id_), mark=MARK) for id_, zh, en in links),
        hosts=(),
        systems=tuple(system(*row) for row in systems),
        exchange=Exchange(
            system="data-hub",
            provinces=tuple(Province(code=code, name=Name(zh=zh, en=en), mark=MARK) for code, zh, en in provinces),
            hosts=("cloud-xchg",),
        ),
        folder="estate",
        digest="5f" * 32,
    )


def _ends(link: str) -> tuple[str, str]:
    one, _, other = link.partition("-")
    return one, other


def system(id_: str, zh: str, en: str, availability: float) -> System:
    """One system with one part."""
    unit = Name(zh="民政部信息中心", en="Information Center")
    placement = {"cloud": Placement(hosts=("cloud-app",)), "dr": Placement(hosts=("dr-app",))}
    targets = {"availability": f"{availability * 100:.4f}%", "rto": "30m", "rpo": "5m"}
    return System(
        id=id_,
        name=Name(zh=zh, en=en),
        summary=Name(zh=zh, en=en),
        owner=Owner(unit=unit),
        grade=Grade(mlps=3, critical=id_ in ("one-stop", "data-hub"), data="important"),
        targets=Targets.model_validate(targets),
        components=(Component(id="app", placement=placement, mark=MARK),),
        mark=MARK,
    )


def everything_up(found: Estate, at: float) -> list[Change]:
    """Every subject of the estate is seen for the first time at ``at``, and is well."""
    partners = found.exchange.provinces if found.exchange else ()
    ids = [
        *(subject.system(one.id) for one in found.systems),
        *(subject.center(one.id) for one in found.centers),
        *(subject.watch(one.id) for one in found.centers),
        *(subject.link(one.id) for one in found.links),
        *(subject.province(one.code) for one in partners),
    ]
    return [Change(id_, Status.UNKNOWN, Status.OK, Fault.NONE, Reason("system.ok"), at, at) for id_ in ids]


def outage(subject_: str, start: float, end: float, fault: Fault, reason: Reason) -> list[Change]:
    """Down from ``start`` to ``end``."""
    return [
        Change(subject_, Status.OK, Status.DOWN, fault, reason, start, start + 12),
        Change(subject_, Status.DOWN, Status.OK, Fault.NONE, Reason("system.ok"), end, end + 8),
    ]


def refused(said: str) -> Reason:
    """A failed service, as the judge says it."""
    center = {"center_zh": "民政政务云中心", "center_en": "Government cloud center"}
    return Reason("component.down", {**center, "component": "app", "host": "cloud-app", "said": said})


def week(found: Estate | None = None) -> Facts:
    """Seven days, looked back upon two hours after they ended."""
    found = found or estate()
    marriage, province, link = subject.system("marriage"), subject.province("130000"), subject.link("cloud-dr")
    app = subject.component("marriage", "app", "cloud")
    failed = refused("connection refused by 10.77.1.21:8000")
    late = Reason(
        "province.down",
        {"province_zh": "河北省", "province_en": "Hebei", "said": "newest batch is 3 h old, allowed is 1 h"},
    )
    slow = Reason("link.slow", {"link": "cloud-dr", "near": "cloud", "far": "dr", "said": "answered after 900 ms"})
    fits = Reason(
        "runbook.fits",
        {"runbook": "restart-service", "subject": app, "status": "down", "fault": "service", "check": "http"}
        | {"target": "app on cloud-app"},
    )
    fell, healed = MONDAY + 2 * DAY + 14 * HOUR, MONDAY + 2 * DAY + 14 * HOUR + 9 * MINUTE + 20
    stopped = MONDAY + 6 * DAY + 20 * HOUR
    blind = (MONDAY + 4 * DAY + HOUR, MONDAY + 4 * DAY + HOUR + 25 * MINUTE)
    changes = [
        *everything_up(found, MONDAY - DAY),
        *outage(marriage, fell, healed, Fault.SERVICE, failed),
        Change(province, Status.OK, Status.DOWN, Fault.PROVINCE, late, stopped, stopped + 60),
        Change(link, Status.OK, Status.DEGRADED, Fault.LINK, slow, MONDAY + 5 * DAY, MONDAY + 5 * DAY + 20),
        Change(
            link,
            Status.DEGRADED,
            Status.OK,
            Fault.NONE,
            Reason("system.ok"),
            MONDAY + 5 * DAY + 7 * HOUR,
            MONDAY + 6 * DAY,
        ),
    ]
    return Facts(
        estate=found,
        start=MONDAY,
        end=MONDAY + WEEK,
        now=MONDAY + WEEK + 2 * HOUR,
        changes=tuple(changes),
        incidents=(
            Incident(41, app, Fault.SERVICE, fell, fell + 12, healed, failed, (marriage,), "20260819T060030-restart"),
            Incident(42, province, Fault.PROVINCE, stopped, stopped + 60, None, late),
        ),
        watched=((MONDAY - DAY, blind[0]), (blind[1], MONDAY + WEEK)),
        runs=(
            Run(
                id="20260819T060030-restart",
                runbook="restart-service",
                inputs={"host": "cloud-app", "service": "app"},
                incident=41,
                subject=app,
                started=fell + 30,
                took=14.2,
                outcome=Outcome.REPAIRED,
                sentence="service app runs again on cloud-app; its check is ok",
                changed=1,
            ),
        ),
        decisions=(
            Proposal("restart-service", {"host": "cloud-app", "service": "app"}, 41, app, True, fits),
            Proposal("restart-service", {}, 42, province, False, Reason("runbook.no_verdict", {"subject": province})),
        ),
    )


def minutes(found: Estate | None = None) -> Facts:
    """Four minutes, still running: marriage registration was down for 25 seconds and repaired by a runbook."""
    found = found or estate()
    start = MONDAY + 10 * HOUR + 137
    fell, healed = start + 100, start + 125
    app, failed = subject.component("marriage", "app", "cloud"), refused("connection refused")
    ran = Run(
        "r1", "restart-service", {"service": "app"}, 1, app, fell + 9, 6.5, Outcome.REPAIRED, "service app runs again"
    )
    return Facts(
        estate=found,
        start=start,
        end=start + 240,
        now=start + 240,
        changes=(
            *everything_up(found, start + 2),
            *outage(subject.system("marriage"), fell, healed, Fault.SERVICE, failed),
        ),
        incidents=(Incident(1, app, Fault.SERVICE, fell, fell + 6, healed, failed, (), "r1"),),
        watched=((start + 1, start + 238),),
        runs=(ran,),
    )
