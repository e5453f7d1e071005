"""An estate as large as wanted: systems of ten components on two hosts each, every part asked five times."""

from __future__ import annotations

from pathlib import Path

from checks.check import Check
from checks.expand import expand
from inventory.errors import Mark
from inventory.model import (
    Center,
    Component,
    Confirm,
    Defaults,
    Estate,
    Grade,
    Host,
    Name,
    Owner,
    Placement,
    RawCheck,
    Role,
    Site,
    System,
    Targets,
)
from tests.bench.servers import urls

_MARK = Mark(Path("bench.yml"), 1)
_NAME = Name(zh="名", en="name")
_COMPONENTS, _HOSTS, _CHECKS = 10, 2, 5
_PER_SYSTEM = _COMPONENTS * _HOSTS * _CHECKS


def estate(targets: int, interval: float) -> tuple[Estate, tuple[Check, ...]]:
    """An estate of one center with so many HTTP checks (rounded up to whole systems), and the checks."""
    systems = range(-(-targets // _PER_SYSTEM))
    found = Estate(
        id="bench",
        name=_NAME,
        timezone="UTC",
        defaults=Defaults.model_construct(interval=interval, timeout=5.0, confirm=Confirm(m=2, n=3)),
        sites=(Site(id="capital", name=_NAME),),
        centers=(Center(id="cloud", name=_NAME, site="capital", role=Role.PRODUCTION, mark=_MARK),),
        links=(),
        hosts=tuple(_host(f"h{system}-{at}") for system in systems for at in range(_HOSTS)),
        systems=tuple(_system(system) for system in systems),
        folder=".",
        digest="",
    )
    return found, expand(found)


def _host(name: str) -> Host:
    return Host(id=name, center="cloud", address="127.0.0.1", mark=_MARK)


def _system(number: int) -> System:
    return System(
        id=f"s{number}",
        name=_NAME,
        summary=_NAME,
        owner=Owner(unit=_NAME),
        grade=Grade(mlps=3, critical=True, data="important"),
        targets=Targets.model_construct(availability=0.999, rto=60.0, rpo=0.0),
        components=tuple(_component(number, at) for at in range(_COMPONENTS)),
        mark=_MARK,
    )


def _component(system: int, number: int) -> Component:
    asked = urls()
    first = (system * _COMPONENTS + number) * _CHECKS
    return Component(
        id=f"c{number}",
        placement={"cloud": Placement(hosts=tuple(f"h{system}-{at}" for at in range(_HOSTS)))},
        checks=tuple(_check(at, asked[(first + at) % len(asked)]) for at in range(_CHECKS)),
        mark=_MARK,
    )


def _check(number: int, url: str) -> RawCheck:
    return RawCheck.model_construct(
        id=f"web{number}",
        kind="http",
        params={"url": url},
        vantage=("own",),
        interval=None,
        timeout=None,
        confirm=None,
        on=(),
        lines={},
        mark=_MARK,
    )
