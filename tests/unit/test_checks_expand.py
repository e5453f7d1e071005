"""From estate to checks: who is asked, from where, with which words filled in, and every mistake with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from checks import http, tcp
from checks.check import Check
from checks.expand import expand, of_vantage
from checks.kinds import KINDS
from checks.placeholders import filled, unknown
from inventory.errors import InvalidEstate, Mark
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
    RawCheck,
    Role,
    Site,
    System,
    Targets,
)

MARK = Mark(Path("systems/marriage.yml"), 7)
NAME = Name(zh="名", en="name")
ALL = ("cloud", "bigdata", "dr")


def raw(kind: str = "http", **fields: Any) -> RawCheck:
    """A check as loading leaves it; parameters stand on the lines from 10 on."""
    common: dict[str, Any] = {"vantage": ("all",), "interval": None, "timeout": None, "confirm": None, "on": ()}
    common |= {key: fields.pop(key) for key in tuple(fields) if key in common}
    params = fields or {"url": "http://{address}:8000/"}
    lines = {key: 10 + at for at, key in enumerate(params)}
    everything: dict[str, Any] = {"id": "probe", "kind": kind, "params": params, "lines": lines, "mark": MARK, **common}
    return RawCheck.model_construct(**everything)


def center(name: str, role: Role) -> Center:
    prober = None if name == "dr" else f"http://10.0.0.{len(name)}:9300/"
    return Center(id=name, name=NAME, site="capital", role=role, prober=prober, mark=MARK)


def host(name: str, at: str, *checks: RawCheck) -> Host:
    return Host.model_construct(id=name, center=at, address=f"10.1.1.{len(name)}", checks=checks, mark=MARK)


def estate(
    component: tuple[RawCheck, ...] = (),
    journey: tuple[RawCheck, ...] = (),
    machine: tuple[RawCheck, ...] = (),
    link: tuple[RawCheck, ...] = (),
    exchange: tuple[RawCheck, ...] = (),
) -> Estate:
    placement = {
        "cloud": Placement(hosts=("cloud-app", "cloud-app2"), duty=Duty.ACTIVE),
        "dr": Placement(hosts=("dr-app",), duty=Duty.STANDBY),
    }
    system = System(
        id="marriage",
        name=NAME,
        summary=NAME,
        owner=Owner(unit=NAME),
        grade=Grade(mlps=3, critical=True, data="important"),
        targets=Targets.model_construct(availability=0.999, rto=60.0, rpo=0.0),
        components=(Component(id="app", placement=placement, checks=component, mark=MARK),),
        checks=journey,
        mark=MARK,
    )
    provinces = tuple(Province(code=code, name=NAME, mark=MARK) for code in ("110000", "120000"))
    return Estate(
        id="test",
        name=NAME,
        timezone="Asia/Shanghai",
        defaults=Defaults.model_construct(interval=30.0, timeout=5.0, confirm=Confirm(m=2, n=3)),
        sites=(Site(id="capital", name=NAME),),
        centers=(center("cloud", Role.PRODUCTION), center("bigdata", Role.METRO), center("dr", Role.REMOTE)),
        links=(Link(id="cloud-bigdata", name=NAME, between=("cloud", "bigdata"), checks=link, mark=MARK),),
        hosts=(host("cloud-app", "cloud", *machine), host("cloud-app2", "cloud"), host("dr-app", "dr")),
        systems=(system,),
        exchange=Exchange(system="marriage", provinces=provinces, checks=exchange, hosts=("cloud-app",)),
        folder=".",
        digest="",
    )


def url(check: Check) -> str:
    assert isinstance(check.params, http.Params)
    return check.params.url


def test_a_component_is_asked_on_every_host_of_every_placement() -> None:
    checks = expand(estate(component=(raw(url="http://{address}/{system}/{component}/{center}/{host}"),)))
    assert [(one.id, one.subject, one.center, url(one)) for one in checks] == [
        (
            "marriage/app@cloud/cloud-app/probe",
            "component:marriage/app@cloud",
            "cloud",
            "http://10.1.1.9/marriage/app/cloud/cloud-app",
        ),
        (
            "marriage/app@cloud/cloud-app2/probe",
            "component:marriage/app@cloud",
            "cloud",
            "http://10.1.1.10/marriage/app/cloud/cloud-app2",
        ),
        ("marriage/app@dr/dr-app/probe", "component:marriage/app@dr", "dr", "http://10.1.1.6/marriage/app/dr/dr-app"),
    ]
    assert {one.host.id for one in checks if one.host} == {"cloud-app", "cloud-app2", "dr-app"}
    assert {(one.interval, one.timeout, one.confirm, one.vantages) for one in checks} == {
        (30.0, 5.0, Confirm(m=2, n=3), ALL)
    }


def test_on_narrows_a_component_to_some_of_its_hosts() -> None:
    checks = expand(estate(component=(raw(on=("dr-app",)),)))
    assert [one.id for one in checks] == ["marriage/app@dr/dr-app/probe"]


def test_a_check_says_its_own_times() -> None:
    (check,) = expand(estate(machine=(raw(interval=2.0, timeout=1.0, confirm=Confirm(m=1, n=1)),)))
    assert (check.interval, check.timeout, check.confirm) == (2.0, 1.0, Confirm(m=1, n=1))


@pytest.mark.parametrize(
    ("written", "vantages"),
    [
        (("all",), ALL),
        (("own",), ("cloud",)),
        (("others",), ("bigdata", "dr")),
        (("dr", "own"), ("cloud", "dr")),
        (("bigdata",), ("bigdata",)),
    ],
)
def test_vantages_are_seen_from_the_target(written: tuple[str, ...], vantages: tuple[str, ...]) -> None:
    (check,) = expand(estate(machine=(raw(vantage=written),)))
    assert (check.id, check.subject, check.vantages) == ("host/cloud-app/probe", "host:cloud-app", vantages)


def test_a_journey_is_asked_on_the_hosts_it_names_or_at_its_own_address() -> None:
    on, free = raw(on=("cloud-app", "dr-app")), raw(url="https://mz.test/{system}")
    checks = expand(estate(journey=(on, free)))
    assert [(one.id, one.center, url(one)) for one in checks] == [
        ("system/marriage/cloud-app/probe", "cloud", "http://10.1.1.9:8000/"),
        ("system/marriage/dr-app/probe", "dr", "http://10.1.1.6:8000/"),
        ("system/marriage/probe", None, "https://mz.test/marriage"),
    ]
    assert {one.subject for one in checks} == {"system:marriage"}


def test_a_link_is_asked_from_each_end_about_the_other() -> None:
    checks = expand(estate(link=(raw(url="{prober}/healthz?at={address}&from={center}"),)))
    assert [(one.id, one.vantages, one.center, one.host, url(one)) for one in checks] == [
        (
            "link/cloud-bigdata/cloud>bigdata/probe",
            ("cloud",),
            "bigdata",
            None,
            "http://10.0.0.7:9300/healthz?at=10.0.0.7&from=bigdata",
        ),
        (
            "link/cloud-bigdata/bigdata>cloud/probe",
            ("bigdata",),
            "cloud",
            None,
            "http://10.0.0.5:9300/healthz?at=10.0.0.5&from=cloud",
        ),
    ]


def test_a_province_is_asked_by_its_code_at_the_exchange() -> None:
    checks = expand(estate(exchange=(raw(url="http://{address}/{code}/in"),)))
    assert [(one.id, one.subject, url(one)) for one in checks] == [
        ("province/110000/cloud-app/probe", "province:110000", "http://10.1.1.9/110000/in"),
        ("province/120000/cloud-app/probe", "province:120000", "http://10.1.1.9/120000/in"),
    ]


def test_the_address_of_a_port_is_the_hosts_unless_written() -> None:
    first, second = expand(estate(machine=(raw("tcp", port=22),), journey=(raw("tcp", port=22, address="vip.test"),)))
    assert isinstance(first.params, tcp.Params) and isinstance(second.params, tcp.Params)
    assert {first.params.address, second.params.address} == {"10.1.1.9", "vip.test"}


def test_checks_of_one_vantage() -> None:
    checks = expand(estate(machine=(raw(vantage=("own",)),), component=(raw(on=("dr-app",), vantage=("dr",)),)))
    assert [one.id for one in of_vantage(checks, "dr")] == ["marriage/app@dr/dr-app/probe"]
    assert of_vantage(checks, "bigdata") == ()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (raw("htpp"), "7: `htpp` is not a kind of check — did you mean `http`?"),
        (raw(url="http://{adress}/"), "10: `{adress}` stands for nothing here — use one of: {address} {center}"),
        (raw(url="http://{code}/"), "10: `{code}` stands for nothing here"),
        (raw(url="ftp://x/"), "10: `ftp://x/` is not a URL of a web server — write it like http://"),
        (raw(url="http://x/", status=["abc"]), "11: `abc`"),
        (raw(url="http://x/", slow="soon"), "11: `soon` is not a time with a unit"),
        (raw(url="http://x/", boddy="x"), "11: `boddy` is not known here — did you mean `body`?"),
        (raw(url="http://x/", timeotu="3s"), "11: `timeotu` is not known here — did you mean `timeout`?"),
        (raw(port=22), "`port` is not known here"),
        (raw(url="http://x/", headers={"A": "{x}"}), "7: `{x}` stands for nothing here"),
        (raw("tcp", port=70_000), "10: `70000`"),
        (raw(interval=0.001), "would be asked every 0.001 s — write an interval of at least 0.5s"),
        (raw(on=("dr-app",)), "7: `dr-app` is not a host that this check can be asked on"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_what_to_write(written: RawCheck, said: str) -> None:
    with pytest.raises(InvalidEstate) as caught:
        expand(estate(machine=(written,)))
    text = str(caught.value)
    assert text.startswith("systems/marriage.yml:")
    assert said in text


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"journey": (raw("tcp", port=1),)}, "`{address}` stands for nothing here"),
        ({"journey": (raw(url="http://x/", vantage=("own",)),)}, "`own` leaves no center that asks"),
        ({"link": (raw(vantage=("own",)),)}, "`own` has no use here: a link is asked from its ends — remove it"),
        ({"link": (raw(on=("dr-app",)),)}, "a link has no hosts"),
        ({"exchange": (raw(on=("dr-app",)),)}, "`dr-app` is not a host that this check can be asked on"),
    ],
)
def test_what_makes_no_sense_at_its_place_is_refused(parts: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidEstate, match=r"^systems/marriage\.yml:") as caught:
        expand(estate(**parts))
    assert said in str(caught.value)


def test_all_mistakes_are_told_at_once_and_each_once() -> None:
    broken = estate(component=(raw("htpp"), raw(url="http://{nobody}/")), machine=(raw(url="x"),))
    with pytest.raises(InvalidEstate) as caught:
        expand(broken)
    assert len(caught.value.problems) == 3


def test_placeholders_are_replaced_once_and_never_computed() -> None:
    names = {"host": "{address}", "address": "10.0.0.1"}
    value = {"a": ["{host}", 5, True, None], "b": {"{host}": "{host!r} {0} {} {host.x} {address}"}, "c": 'up{job="x"}'}
    assert filled(value, names) == {
        "a": ["{address}", 5, True, None],
        "b": {"{host}": "{host!r} {0} {} {host.x} 10.0.0.1"},
        "c": 'up{job="x"}',
    }
    assert list(unknown({"a": ["x", "{nobody}"], "b": "{host}"}, names)) == [("a.1", "nobody")]


def test_every_kind_has_parameters_that_refuse_unknown_keys() -> None:
    for kind in KINDS.values():
        assert kind.params.model_config.get("extra") == "forbid"
        assert kind.params.model_config.get("frozen")
