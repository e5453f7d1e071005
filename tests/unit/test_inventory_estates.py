"""The estates that come with the product: the ministry's sample, and the lab's, which must fit the lab."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from checks.expand import expand
from inventory.load import load
from inventory.model import Duty, Estate
from lab.services.systems import APP, HUB, SYSTEMS
from lab.topology import CENTERS, EVERYWHERE, PORTS, topology

ROOT = Path(__file__).parent.parent.parent
SAMPLE = ROOT / "inventory" / "estates" / "civil-affairs"
LAB = ROOT / "lab" / "estate"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIOIpDrtTbPXWwqd1zR6xMoFK0ZjdrIS45t3qsBwTHp9"
MARKS = {
    "LAB": "/srv/lab",
    "INSIDE": "/srv/lab",
    "HOSTS": "/srv/lab/hosts",
    "SSHUSER": "root",
    "HOSTKEY": KEY,
    "SV": "/srv/lab/sv",
}

#: GB/T 2260, without Taiwan, Hong Kong and Macao
MAINLAND = {
    "110000": "北京市", "120000": "天津市", "130000": "河北省", "140000": "山西省", "150000": "内蒙古自治区",
    "210000": "辽宁省", "220000": "吉林省", "230000": "黑龙江省", "310000": "上海市", "320000": "江苏省",
    "330000": "浙江省", "340000": "安徽省", "350000": "福建省", "360000": "江西省", "370000": "山东省",
    "410000": "河南省", "420000": "湖北省", "430000": "湖南省", "440000": "广东省", "450000": "广西壮族自治区",
    "460000": "海南省", "500000": "重庆市", "510000": "四川省", "520000": "贵州省", "530000": "云南省",
    "540000": "西藏自治区", "610000": "陕西省", "620000": "甘肃省", "630000": "青海省", "640000": "宁夏回族自治区",
    "650000": "新疆维吾尔自治区",
}  # fmt: skip


@pytest.fixture(scope="module")
def sample() -> Estate:
    return load(SAMPLE)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    folder = tmp_path_factory.mktemp("lab") / "estate"
    shutil.copytree(LAB, folder)
    for file in folder.rglob("*.yml"):
        text = re.sub(r"@([A-Z]+)(?::[a-z0-9-]+)?@", lambda mark: MARKS[mark[1]], file.read_text())
        file.write_text(text)
    return load(folder)


def test_the_sample_describes_the_ministry(sample: Estate) -> None:
    assert len(sample.sites) == 2
    assert [center.name.zh for center in sample.centers] == ["民政政务云中心", "大数据中心", "异地灾备中心"]
    assert {frozenset(link.between) for link in sample.links} == {
        frozenset({"cloud", "bigdata"}), frozenset({"cloud", "dr"}), frozenset({"bigdata", "dr"}),
    }  # fmt: skip
    assert {system.id for system in sample.systems} == set(SYSTEMS)


@pytest.mark.parametrize("name", ["sample", "lab"])
def test_the_exchange_reaches_all_provincial_divisions(name: str, request: pytest.FixtureRequest) -> None:
    exchange = request.getfixturevalue(name).exchange
    assert {province.code: province.name.zh for province in exchange.provinces} == MAINLAND


@pytest.mark.parametrize("name", ["sample", "lab"])
def test_every_check_can_be_asked(name: str, request: pytest.FixtureRequest) -> None:
    estate = request.getfixturevalue(name)
    subjects = {check.subject for check in expand(estate)}
    assert {f"system:{system.id}" for system in estate.systems} - subjects <= {"system:security", "system:operations"}
    assert {f"host:{host.id}" for host in estate.hosts} <= subjects
    assert {f"link:{link.id}" for link in estate.links} <= subjects


def test_no_loss_is_promised_only_with_a_synchronous_copy_in_the_same_city(sample: Estate) -> None:
    for system in sample.systems:
        if system.targets.rpo == 0:
            assert system.replication is not None and system.replication.to["bigdata"] == "sync"


def test_the_labs_hosts_are_those_that_the_lab_starts(lab: Estate) -> None:
    written = {host.id: (host.center, host.address, host.ssh.port, set(host.services)) for host in lab.hosts}
    started = {
        host.id: (host.center, host.address, PORTS["sshd"], set(host.services) - set(EVERYWHERE))
        for host in topology().hosts
        if host.center in CENTERS
    }
    assert written == started


def test_the_labs_systems_are_those_that_its_application_plays(lab: Estate) -> None:
    assert {system.id for system in lab.systems} == set(SYSTEMS)
    for system in lab.systems:
        app = next(component for component in system.components if component.id == "app")
        program = "hub" if system.id in HUB else "app"
        assert system.id in (*HUB, *APP)
        assert app.service == program
        assert f":{PORTS[program]}/{system.id}/" in app.checks[0].params["url"]
        assert [place.duty for place in app.placement.values()] == [Duty.ACTIVE, Duty.STANDBY, Duty.STANDBY]


def test_the_labs_ports_are_those_of_its_topology() -> None:
    known = {str(port) for port in PORTS.values()}
    for file in sorted(LAB.rglob("*.yml")):
        ports = set(re.findall(r"(?:\d|\{address\}):(\d{4})\b|port: (\d+)", file.read_text()))
        assert {port for pair in ports for port in pair if port} <= known, file.name


def test_each_file_opens_with_what_it_is_about() -> None:
    for file in (*SAMPLE.rglob("*.yml"), *LAB.rglob("*.yml")):
        assert file.read_text().startswith("# "), file


@pytest.mark.parametrize("name", ["sample", "lab"])
def test_meters_look_from_three_places_and_from_outside(name: str, request: pytest.FixtureRequest) -> None:
    estate: Estate = request.getfixturevalue(name)
    assert estate.meters is not None
    vantages = estate.meters.vantages
    assert len({estate.host(one.host).center for one in vantages if one.host}) == 3
    assert [one.id for one in vantages if one.address], "one stands outside of all centers"
    entries = [host.address for host in estate.hosts if "entry" in host.roles]
    assert all(urlsplit(url).hostname in entries for url in estate.meters.probes.urls)
    assert all(entry.partition(":")[0] in entries for one in estate.meters.channels for entry in one.entries)


def test_the_labs_meters_fit_the_lab(lab: Estate) -> None:
    assert lab.meters is not None
    plan = topology()
    assert [one.address for one in lab.meters.vantages if one.address] == [plan.host("provinces").address]
    assert [urlsplit(url).port for url in lab.meters.probes.urls] == [PORTS["haproxy-web"]] * 3
