"""A small estate of two sites and three centers, and its checks, built without files: scenarios read it at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from checks.check import Check
from inventory import subject
from inventory.errors import Mark
from inventory.model import (
    Center,
    Component,
    Confirm,
    Defaults,
    Duty,
    Estate,
    Exchange,
    Grade,
    Host,
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

CENTERS = ("cloud", "bigdata", "dr")
KINDS = ("entry", "app", "db", "xchg", "ops")
PROVINCES = ("110000", "310000", "440000")
INTERVAL = 10.0  #: seconds, of every check but the links'
LINK_INTERVAL = 2.0
CONFIRM = Confirm(m=2, n=3)
MARK = Mark(Path("estate.yml"), 1)


class Ask(BaseModel):
    """Parameters of every check here: judging looks at ``ask``, runbooks at ``expect``."""

    ask: str = ""
    expect: str = ""


def both(text: str) -> Name:
    """The same name in both languages."""
    return Name(zh=text, en=text)


def estate() -> Estate:
    """Three centers of five hosts; marriage registration on all of them, exchange with three provinces."""
    return Estate(
        id="small",
        name=both("small"),
        timezone="Asia/Shanghai",
        defaults=Defaults(interval="10s", timeout="2s", confirm=CONFIRM),
        sites=(Site(id="capital", name=Name(zh="北京", en="Beijing")), Site(id="remote", name=both("remote"))),
        centers=tuple(_center(each, role) for each, role in zip(CENTERS, Role, strict=True)),
        links=tuple(
            Link(id=f"{a}-{b}", name=both(f"{a}-{b}"), between=(a, b), mark=MARK)
            for a, b in (("cloud", "bigdata"), ("cloud", "dr"), ("bigdata", "dr"))
        ),
        hosts=tuple(_host(center, kind) for center in CENTERS for kind in KINDS),
        systems=(_hub(), _marriage()),
        exchange=Exchange(
            system="data-hub",
            hosts=("cloud-xchg",),
            provinces=tuple(Province(code=code, name=both(code), mark=MARK) for code in PROVINCES),
        ),
        folder=".",
        digest="0" * 64,
    )


def _center(center: str, role: Role) -> Center:
    name = {"cloud": "政务云中心", "bigdata": "大数据中心", "dr": "灾备中心"}[center]
    return Center(
        id=center,
        name=Name(zh=name, en=center),
        site="remote" if center == "dr" else "capital",
        role=role,
        prometheus=f"http://{center}-ops:9090",
        prober=f"http://{center}-ops:9300",
        mark=MARK,
    )


def _host(center: str, kind: str) -> Host:
    return Host(id=f"{center}-{kind}", center=center, address=f"{center}-{kind}", roles=(kind,), mark=MARK)


def _system(system: str, components: tuple[Component, ...], depends_on: tuple[str, ...]) -> System:
    return System(
        id=system,
        name=both(system),
        summary=both(system),
        owner=Owner(unit=both("unit")),
        grade=Grade(mlps=3, critical=True, data="important"),
        targets=Targets(availability="99.9%", rto="30m", rpo="0s"),
        components=components,
        depends_on=depends_on,
        mark=MARK,
    )


def _component(part: str, kind: str) -> Component:
    placement = {
        center: Placement(hosts=(f"{center}-{kind}",), duty=Duty.ACTIVE if center == "cloud" else Duty.STANDBY)
        for center in CENTERS
    }
    return Component(id=part, placement=placement, service=part, mark=MARK)


def _marriage() -> System:
    return _system("marriage", (_component("app", "app"), _component("db", "db")), ("data-hub",))


def _hub() -> System:
    return _system("data-hub", (_component("exchange", "xchg"),), ())


def checks(of: Estate) -> tuple[Check, ...]:
    """What ``checks.expand`` would make of such an estate."""
    return (*_host_checks(of), *_link_checks(of), *_component_checks(of), *_journeys(of), *_province_checks(of))


def _check(check_id: str, about: str, kind: str, host: Host, ask: str = "") -> Check:
    return Check(check_id, about, kind, Ask(ask=ask), CENTERS, INTERVAL, 2.0, CONFIRM, host, host.center)


def _host_checks(of: Estate) -> list[Check]:
    found = []
    for host in of.hosts:
        about = subject.host(host.id)
        found.append(_check(f"host/{host.id}/ssh", about, "ssh", host, "login"))
        found.append(_check(f"host/{host.id}/disk", about, "ssh", host, "disk"))
        found.append(_check(f"host/{host.id}/tcp", about, "tcp", host))
    return found


def _link_checks(of: Estate) -> list[Check]:
    return [
        Check(
            f"link/{link.id}/{near}>{far}/prober",
            subject.link(link.id),
            "http",
            Ask(),
            (near,),
            LINK_INTERVAL,
            1.0,
            CONFIRM,
            None,
            far,
        )
        for link in of.links
        for near, far in (link.between, link.between[::-1])
    ]


def _component_checks(of: Estate) -> list[Check]:
    return [
        _check(f"{system.id}/{part.id}@{center}/{host}/http", about, "http", of.host(host))
        for system in of.systems
        for part in system.components
        for center, placement in part.placement.items()
        for host in placement.hosts
        for about in [subject.component(system.id, part.id, center)]
    ]


def _journeys(of: Estate) -> list[Check]:
    return [_check("system/marriage/cloud-entry/read", subject.system("marriage"), "http", of.host("cloud-entry"))]


def _province_checks(of: Estate) -> list[Check]:
    return [
        _check(f"province/{code}/cloud-xchg/batch", subject.province(code), "sftp", of.host("cloud-xchg"))
        for code in PROVINCES
    ]


@dataclass(frozen=True)
class Small:
    """The estate and its checks."""

    estate: Estate
    checks: tuple[Check, ...]


def small() -> Small:
    """Both, built once."""
    built = estate()
    return Small(built, checks(built))


def sharing() -> Small:
    """The same estate with two systems more, whose application runs in the same service as marriage registration's."""
    built = estate()
    more = tuple(_system(name, (_component("app", "app"),), ()) for name in ("subsidies", "place-names"))
    built = built.model_copy(update={"systems": (*built.systems, *more)})
    return Small(built, checks(built))
