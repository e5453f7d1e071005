"""A plan and an estate: every place a host, or every reason why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failover.actions import ACTIONS
from failover.bind import Refusal, bind
from failover.concrete import Call, ConcretePlan, Found
from failover.concrete_json import from_json, to_json, written_time
from failover.lint import ours, sound
from failover.plan import Mode
from failover.plan_load import PlanFile, plan_files
from inventory.errors import OperatorError
from inventory.load import load
from inventory.model import Estate
from inventory.notation import seconds
from tests.fakes.lab_estate import lab_estate
from tests.unit.test_failover_plan_broken import BASE

OURS = ours()
CIVIL = load(Path(__file__).parents[2] / "inventory" / "estates" / "civil-affairs")


SMALL = sound(plan_files(BASE))


def plan(name: str) -> PlanFile:
    return SMALL[name]


def bound(file: PlanFile, estate: Estate | None = None, mode: Mode | None = None) -> ConcretePlan:
    found = bind(file, estate or lab_estate(), mode)
    assert isinstance(found, ConcretePlan), found
    return found


def changed(**parts: Any) -> Estate:
    return lab_estate().model_copy(update=parts)


def hub(**parts: Any) -> Estate:
    """The lab with another data hub."""
    estate = lab_estate()
    system = estate.system("data-hub").model_copy(update=parts)
    return changed(systems=tuple(system if one.id == system.id else one for one in estate.systems))


def database(**placement: tuple[str, ...] | None) -> Estate:
    """The lab with the hub's database placed otherwise."""
    components = []
    for component in lab_estate().system("data-hub").components:
        part = component
        if part.id == "database":
            placed = dict(part.placement)
            for center, hosts in placement.items():
                there = placed.pop(center)
                if hosts:
                    placed[center] = there.model_copy(update={"hosts": hosts})
            part = part.model_copy(update={"placement": placed})
        components.append(part)
    return hub(components=tuple(components))


def without_hosts(wanted: Callable[[str], bool]) -> Estate:
    return changed(hosts=tuple(host for host in lab_estate().hosts if not wanted(host.id)))


def without_keys(*names: str) -> Estate:
    hosts = [
        host.model_copy(update={"ssh": host.ssh.model_copy(update={"host_key": None})}) if host.id in names else host
        for host in lab_estate().hosts
    ]
    return changed(hosts=tuple(hosts))


def reasons(file: PlanFile, estate: Estate) -> list[str]:
    found = bind(file, estate)
    assert isinstance(found, Refusal)
    return [f"{reason.code} {' '.join(reason.facts.values())}".strip() for reason in found.reasons]


@pytest.mark.parametrize("name", OURS)
def test_our_plans_bind_to_the_lab(name: str) -> None:
    found = bound(OURS[name])
    lost = {found.centers[role] for role in found.plan.lost}
    assert {lab_estate().host(host).center for host in found.hosts}.isdisjoint(lost)
    assert {lab_estate().host(host).center for host in found.gone} == lost
    for step in found.steps:
        for call in (*step.do, *step.verify, *step.undo):
            card = ACTIONS[call.action]
            assert card.needs.keys() <= call.give.keys() <= {**card.needs, **card.may}.keys()


@pytest.mark.parametrize("name", OURS)
def test_the_sample_estate_lacks_only_its_host_keys(name: str) -> None:
    found = bind(OURS[name], CIVIL)
    assert isinstance(found, Refusal)
    assert {reason.code for reason in found.reasons} == {"bind.no_key"}
    keyed = tuple(
        host.model_copy(update={"ssh": host.ssh.model_copy(update={"host_key": "ssh-ed25519 AAAA"})})
        for host in CIVIL.hosts
    )
    assert isinstance(bind(OURS[name], CIVIL.model_copy(update={"hosts": keyed})), ConcretePlan)


def test_places_become_hosts() -> None:
    found = bound(plan("small"))
    steps = {step.id: step for step in found.steps}
    assert (found.old_writer, found.new_writer) == ("cloud-db", "bigdata-db")
    assert found.centers["third"] == found.centers["remote"] == "dr"
    assert steps["fence"].do == (Call("pg-fence", "cloud-db"),)
    assert steps["fence"].verify == (Call("pg-refused-write", "bigdata-db", {"target": "cloud-db"}),)
    assert steps["catch-up"].do == (Call("pg-catch-up", "bigdata-db", {"lsn": Found("fence", "lsn")}),)
    assert steps["clear"].do == (Call("pg-set-sync", "bigdata-db", {"standbys": ()}),)
    assert steps["rejoin"].verify[0].give == {"standbys": ("cloud-db",), "sync": False}
    assert [call.host for call in steps["point"].do] == ["cloud-entry", "bigdata-entry", "dr-entry"]
    assert [call.host for call in found.writers] == ["cloud-db", "bigdata-db", "dr-db"]
    assert (found.digest, found.estate_digest) == (plan("small").digest, lab_estate().digest)


def test_nothing_is_asked_of_a_lost_center() -> None:
    found = bound(plan("lost"))
    assert [call.host for call in found.writers] == ["bigdata-db", "dr-db"]
    assert [call.host for call in found.entries] == ["bigdata-entry", "dr-entry"]
    assert "cloud-db" not in found.hosts
    assert found.old_writer == "cloud-db"


def test_steps_of_other_modes_are_stepped_over() -> None:
    file = plan("small")
    steps = tuple(
        step.model_copy(update={"modes": (Mode.UNGRACEFUL,)}) if step.id in ("go", "rejoin") else step
        for step in file.plan.steps
    )
    file = PlanFile(file.file, file.plan.model_copy(update={"steps": steps}), file.node, file.data)
    needs = {step.id: step.step.needs for step in bound(file).steps}
    assert needs == {
        "clear": (),
        "fence": ("clear",),
        "catch-up": ("fence",),
        "promote": ("catch-up", "clear"),
        "point": ("promote",),
        "business": ("point",),
    }


REFUSED: dict[str, tuple[str, Estate, list[str]]] = {
    "no such system": ("small", changed(systems=()), ["bind.no_system data-hub lab"]),
    "no database": ("small", hub(components=()), ["bind.no_database data-hub"]),
    "none in the target": ("small", database(bigdata=None), ["bind.no_database_in data-hub bigdata"]),
    "two in the source": (
        "small",
        database(cloud=("cloud-db", "cloud-app")),
        ["bind.many_databases_in data-hub cloud cloud-db, cloud-app"],
    ),
    "none in the third": ("lost", database(bigdata=None), ["bind.empty_place follow database bigdata"]),
    "no key": (
        "small",
        without_keys("cloud-db", "dr-entry"),
        ["bind.no_key cloud-db cloud", "bind.no_key dr-entry dr"],
    ),
    "no entries": ("small", without_hosts(lambda host: "entry" in host), ["bind.no_entry"]),
    "a host that is gone": ("back", without_hosts(lambda host: host == "dr-db"), ["bind.gone_host look dr-db lab"]),
}


@pytest.mark.parametrize(("name", "estate", "expected"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_says_why(name: str, estate: Estate, expected: list[str]) -> None:
    said = reasons(plan(name), estate)
    assert [one for one in said if one in expected] == expected
    assert {one.partition(" ")[0] for one in said} <= {one.partition(" ")[0] for one in expected} | {"bind.empty_place"}


def test_a_refusal_has_all_reasons() -> None:
    estate = database(bigdata=None)
    hosts = [host for host in without_keys("cloud-db").hosts if "entry" not in host.id]
    said = reasons(plan("small"), estate.model_copy(update={"hosts": tuple(hosts)}))
    assert said == ["bind.no_database_in data-hub bigdata", "bind.no_entry", "bind.no_key cloud-db cloud"]


def test_a_center_that_is_not_there() -> None:
    centers = tuple(center for center in lab_estate().centers if center.role != "metro")
    said = reasons(plan("small"), changed(centers=centers))
    assert "bind.no_center metro lab" in said
    said = reasons(plan("lost"), changed(centers=centers))
    assert "bind.no_third lab" in said


def test_no_loss_is_not_promised_of_an_asynchronous_copy() -> None:
    replication = lab_estate().system("data-hub").replication
    assert replication
    estate = hub(replication=replication.model_copy(update={"to": {"bigdata": "async", "dr": "async"}}))
    assert reasons(OURS["lost-production-metro"], estate) == ["bind.not_sync data-hub bigdata"]
    assert isinstance(bind(OURS["switchover-metro"], estate), ConcretePlan)  # its last byte is waited for


@pytest.mark.parametrize("name", OURS)
def test_a_concrete_plan_survives_json(name: str) -> None:
    found = bound(OURS[name])
    again = from_json(json.loads(json.dumps(to_json(found), ensure_ascii=False)))
    assert again == found
    assert repr(again) == repr(found)  # 1 and True and 1.0 are equal, but not the same


VALUES = st.one_of(
    st.text(max_size=8),
    st.integers(-(2**63), 2**63),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.lists(st.text(max_size=5), max_size=3).map(tuple),
    st.builds(Found, st.text(max_size=5), st.text(max_size=5)),
)


@settings(max_examples=15, deadline=None)
@given(give=st.dictionaries(st.text(max_size=6), VALUES, max_size=4), host=st.text(max_size=9))
def test_any_call_survives_json(give: dict[str, Any], host: str) -> None:
    found = bound(plan("small"))
    call = Call("app-check", host, give)
    plan_ = ConcretePlan(**{**{name: getattr(found, name) for name in found.__slots__}, "writers": (call,)})
    again = from_json(json.loads(json.dumps(to_json(plan_))))
    assert repr(again) == repr(plan_)


@given(number=st.integers(0, 10**6), unit=st.sampled_from(["ms", "s", "m", "h", "d"]), part=st.integers(0, 999))
def test_times_are_written_as_they_read(number: int, unit: str, part: int) -> None:
    value = seconds(f"{number}.{part:03d}{unit}")
    assert isinstance(value, float)
    assert seconds(written_time(value)) == value


@settings(max_examples=15)
@given(at=st.integers(0, 10**6), document=st.none() | st.integers() | st.text() | st.lists(st.integers()))
def test_what_is_no_concrete_plan_is_refused(at: int, document: object) -> None:
    whole = to_json(bound(plan("small")))
    names = sorted(whole)
    for broken in (document, {**whole, names[at % len(names)]: document}, {**whole, "more": 1}):
        try:
            from_json(broken)
        except OperatorError as error:
            assert "\n" not in str(error)
