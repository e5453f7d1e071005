from __future__ import annotations

import pytest

from lab.errors import LabError
from lab.faults.effect import Effect, Effects, Kind, change, harms
from lab.faults.table import FAULTS
from lab.links import Link
from lab.topology import topology

PLAN = topology()


def effects(name: str, *words: str) -> Effects:
    fault = FAULTS[name]
    return fault.effects(PLAN, fault.complete(words))


def test_every_fault_speaks_both_languages() -> None:
    for fault in FAULTS.values():
        assert fault.sentence["zh"] and fault.sentence["en"]


def test_a_fault_that_needs_namespaces_says_so() -> None:
    examples = {"HOST": "dr-db", "SERVICE": "role", "A": "cloud", "B": "dr", "CENTER": "dr", "CODE": "110000"}
    for fault in FAULTS.values():
        words = tuple(one.default or examples[one.name] for one in fault.arguments)
        assert fault.needs_namespaces == any(one.kind.needs_namespaces for one in fault.effects(PLAN, words))


@pytest.mark.parametrize(
    ("name", "words", "complaint"),
    [
        ("power-off", ("cloud-bd",), "no host 'cloud-bd'; choose from: cloud-entry"),
        ("power-off", (), "use it so: power-off HOST"),
        ("power-off", ("cloud-db", "dr-db"), "use it so: power-off HOST"),
        ("stop-service", ("cloud-db", "haproxy"), "no service on cloud-db 'haproxy'; choose from: sshd"),
        ("kill-database", ("cloud-app",), "no db host 'cloud-app'; choose from: cloud-db, bigdata-db, dr-db"),
        ("expire-certificate", ("cloud-db",), "no entry host 'cloud-db'"),
        ("cut-link", ("cloud", "cloud"), "two different ends"),
        ("cut-one-way", ("cloud", "mars"), "no place 'mars'; choose from: cloud, bigdata, dr, outside"),
        ("isolate", ("outside",), "no center 'outside'"),
        ("add-loss", ("cloud", "dr", "101"), "percent above 0 and up to 100"),
        ("add-latency", ("cloud", "dr", "nan"), "milliseconds above 0"),
        ("stop-province", ("; touch owned",), "six digits"),
        ("stop-province", ("١١٠٠٠٠",), "six digits"),
    ],
)
def test_what_the_lab_does_not_have_is_named(name: str, words: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(LabError, match=complaint):
        effects(name, *words)


def test_an_isolated_center_is_cut_off_from_all_both_ways() -> None:
    cut = {one.way for one in effects("isolate", "dr")}
    assert cut == {(a, b) for a in ("cloud", "bigdata", "outside", "dr") for b in ("dr", a) if a != b} | {
        ("dr", other) for other in ("cloud", "bigdata", "outside")
    }


def test_one_way_is_one_way() -> None:
    assert {one.way for one in effects("cut-one-way", "cloud", "dr")} == {("cloud", "dr")}


def test_a_city_is_both_its_centers_and_not_the_third() -> None:
    lost = {one.subject for one in effects("lose-city")}
    assert lost == {host.id for host in PLAN.hosts if host.center in ("cloud", "bigdata")}


def test_faults_on_one_link_add_up_and_undoing_one_leaves_the_other() -> None:
    slow, lossy = effects("add-latency", "cloud", "dr", "100"), effects("add-loss", "cloud", "dr", "25")
    assert harms(slow | lossy)["cloud", "dr"] == Link(delay=0.1, loss=0.25)
    ended, begun = change(slow | lossy, lossy)
    assert (ended, begun) == (slow, frozenset())


def test_a_cut_within_an_isolation_outlasts_it() -> None:
    cut, alone = effects("cut-link", "cloud", "dr"), effects("isolate", "dr")
    ended, _ = change(cut | alone, cut)
    assert not ended & cut
    assert harms(cut)["dr", "cloud"].cut


def test_a_host_of_a_lost_city_that_was_powered_off_before_stays_off() -> None:
    single, city = effects("power-off", "cloud-db"), effects("lose-city")
    ended, _ = change(single | city, single)
    assert Effect(Kind.OFF, "cloud-db") not in ended


def test_a_host_with_power_again_gets_its_other_harms_anew() -> None:
    off, stopped = effects("power-off", "cloud-db"), effects("stop-service", "cloud-db", "role")
    ended, begun = change(off | stopped, stopped)
    assert (ended, begun) == (off, stopped)
