"""Duty, emergency plans and notices of an estate: read strictly, every mistake at once with file and line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from inventory.errors import InvalidEstate
from inventory.load import load
from inventory.people import People, mail_address
from inventory.people_load import load_people

BASE = Path(__file__).parent.parent / "golden" / "broken" / "base"
SAMPLE = Path(__file__).parents[2] / "inventory" / "estates" / "civil-affairs"

DUTY = """\
unit: {zh: 中心, en: Center}
organisation: central-organ
people:
  li: {name: {zh: 李, en: Li}, post: {zh: 工程师, en: Engineer}, phone: "1"}
  wang: {name: {zh: 王, en: Wang}, post: {zh: 处长, en: Head}, phone: "2", mail: wang@ops.example}
"""
PLAN = """\
plan: fire
name: {zh: 火灾, en: Fire}
first_call: lead
roles:
  lead: {name: {zh: 组长, en: Lead}, person: li, deputy: wang, duties: {zh: 处置, en: Mend}, calls: [voice]}
  voice: {name: {zh: 联络, en: Liaison}, person: wang, duties: {zh: 报送, en: Report}}
measures:
  - {role: lead, within: 5m, do: {zh: 断电, en: Cut the power}}
"""
NOTICES = """\
alertmanager:
  urls: http://10.0.0.1:9093
  watchdog: {listen: 127.0.0.1:9310}
mail:
  server: 10.0.0.2:25
  from: ops@ops.example
  to: {zh: [duty@ops.example]}
"""


def people(folder: Path, duty: str = DUTY, plan: str = PLAN, notices: str = NOTICES) -> People:
    shutil.copytree(BASE, folder, dirs_exist_ok=True)
    (folder / "emergency").mkdir(exist_ok=True)
    for name, text in (("duty.yml", duty), ("emergency/fire.yml", plan), ("notices.yml", notices)):
        if text:
            (folder / name).write_text(text)
    return load_people(load(folder))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    found = people(tmp_path)
    assert found.duty and [person.id for person in found.duty.people] == ["li", "wang"]
    assert [role.calls for role in found.plans[0].roles] == [("voice",), ()]
    assert found.notices and found.notices.mail and found.notices.alertmanager
    assert found.notices.mail.to == {"zh": ("duty@ops.example",)}
    assert found.notices.alertmanager.urls == ("http://10.0.0.1:9093",)
    assert found.person("wang") and found.person("nobody") is None


def test_nothing_written_says_nothing(tmp_path: Path) -> None:
    assert people(tmp_path, "", "", "") == People()


def test_the_sample_estate_has_plans_for_the_loss_of_a_center_and_of_a_system() -> None:
    found = load_people(load(SAMPLE))
    assert {plan.id for plan in found.plans} == {"center-lost", "system-down"}


WRONG = [
    (DUTY, "organisation: central-organ", "organisation: ministry", "duty.yml:2: `ministry`"),
    (DUTY, "people:", "portals: [nowhere]\npeople:", "duty.yml:3: `nowhere` is not a system"),
    (DUTY, "wang@ops.example", '"wang@ops.example,all"', "is not a plain mail address"),
    (DUTY, 'phone: "1"', 'phone: ""', "duty.yml:4"),
    (PLAN, "plan: fire", "plan: flood", "fire.yml:1: `flood` is not the file's name"),
    (PLAN, "person: li", "person: zhao", "fire.yml:5: `zhao` is not a person of duty.yml"),
    (PLAN, "deputy: wang", "deputy: li", "has one person as holder and deputy"),
    (PLAN, "first_call: lead", "first_call: chief", "fire.yml:3: `chief` is not a role of this plan"),
    (PLAN, ", calls: [voice]", "", "fire.yml:6: `voice` is called by nobody"),
    (PLAN, "en: Report}", "en: Report}, calls: [lead]", "`lead` is called more than once"),
    (PLAN, "within: 5m", "within: 5", "fire.yml:8: `5` is not a time"),
    (PLAN, "name: {zh: 火灾", "faults: [water]\nname: {zh: 火灾", "fire.yml:2: `water`"),
    (PLAN, "measures:", "systems: [nowhere]\nmeasures:", "`nowhere` is not a system"),
    (NOTICES, "server: 10.0.0.2:25", "server: 10.0.0.2", "notices.yml:5"),
    (NOTICES, "duty@ops.example", "duty@ops.example\\r\\nBcc: x@y", "notices.yml"),
    (NOTICES, "{zh: [duty@ops.example]}", "{fr: [duty@ops.example]}", "notices.yml:7"),
    (NOTICES, "from: ops", "user: ops\n  from: ops", "password_file"),
    (NOTICES, "from: ops", "user: ops\n  password_file: /p\n  tls: none\n  from: ops", "in the clear"),
    (NOTICES, NOTICES, "mark: 1\n", "notices.yml:1"),
]


@pytest.mark.parametrize(("text", "old", "new", "said"), WRONG)
def test_a_mistake_is_named_with_its_line(text: str, old: str, new: str, said: str, tmp_path: Path) -> None:
    assert text.count(old) == 1
    texts = {DUTY: "duty", PLAN: "plan", NOTICES: "notices"}
    with pytest.raises(InvalidEstate) as told:
        people(tmp_path, **{texts[text]: text.replace(old, new)})
    assert said in str(told.value)


def test_all_mistakes_of_all_files_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "emergency").mkdir(parents=True)
    (tmp_path / "emergency" / "other.yaml").touch()
    with pytest.raises(InvalidEstate) as told:
        people(
            tmp_path,
            DUTY.replace("central-organ", "ministry"),
            PLAN.replace("person: li", "person: zhao").replace("5m", "5"),
            "mail: {}\n",
        )
    files = [problem.mark.file.name for problem in told.value.problems]
    assert set(files) == {"duty.yml", "fire.yml", "notices.yml", "other.yaml"}
    assert files.count("fire.yml") == 2


def test_a_plan_without_people_to_fill_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidEstate, match=r"describe the people in duty\.yml"):
        people(tmp_path, duty="")


@pytest.mark.parametrize(
    "address", ["a@b.example\n", "a b@c.example", "<a@b.example>", "-a@b.example", "a@", "@b", "a@b@c", "é@b.example"]
)
def test_an_address_cannot_carry_anything_else(address: str) -> None:
    with pytest.raises(ValueError, match="plain mail address"):
        mail_address(address)
