"""The estate as Ansible sees it; what looks like a template stays text (asked of Ansible itself)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from inventory.ansible import inventory, unsafe
from inventory.load import load
from inventory.model import Estate
from inventory.selector import select

BASE = Path(__file__).parent.parent / "golden" / "broken" / "base"
TEMPLATE = "{{ lookup('pipe', 'touch OWNED') }}"


@pytest.fixture(scope="module")
def estate() -> Estate:
    return load(BASE)


def test_a_host_and_its_groups(estate: Estate) -> None:
    found = inventory(estate, select(estate, "one-db"))
    assert found == {
        "all": {
            "hosts": {
                "one-db": {
                    "ansible_host": {"__ansible_unsafe": "192.0.2.31"},
                    "ansible_port": 2222,
                    "ansible_user": {"__ansible_unsafe": "tricenter"},
                    "ansible_ssh_private_key_file": {"__ansible_unsafe": "/etc/keys/operator"},
                    "tricenter_center": {"__ansible_unsafe": "one"},
                    "tricenter_site": {"__ansible_unsafe": "north"},
                    "tricenter_roles": [{"__ansible_unsafe": "db"}],
                    "tricenter_systems": [],
                    "tricenter_services": [{"__ansible_unsafe": "postgresql"}],
                    "tricenter_services_dir": {"__ansible_unsafe": "/srv/sv"},
                    "tricenter_labels": {},
                }
            },
            "children": {
                "center_one": {"hosts": {"one-db": {}}},
                "role_db": {"hosts": {"one-db": {}}},
                "site_north": {"hosts": {"one-db": {}}},
            },
        }
    }


def test_groups_by_center_site_role_and_system(estate: Estate) -> None:
    groups = inventory(estate)["all"]["children"]
    assert {name: sorted(group["hosts"]) for name, group in groups.items()} == {
        "center_one": ["one-app", "one-db"],
        "center_two": ["two-app"],
        "center_three": ["three-app"],
        "site_north": ["one-app", "one-db", "two-app"],
        "site_south": ["three-app"],
        "role_app": ["one-app", "three-app", "two-app"],
        "role_db": ["one-db"],
        "system_data_hub": ["one-app", "two-app"],
        "system_marriage": ["one-app", "two-app"],
        "system_news": ["one-app", "three-app"],
    }


def test_no_group_has_the_name_of_a_host(estate: Estate) -> None:
    found = inventory(estate)["all"]
    assert not set(found["children"]) & set(found["hosts"])
    assert all("_" in group and "_" not in host for group in found["children"] for host in found["hosts"])


def test_every_text_is_marked_however_deep() -> None:
    assert unsafe({"a": ["x", {"b": "y"}], "n": 5, "t": True, "none": None}) == {
        "a": [{"__ansible_unsafe": "x"}, {"b": {"__ansible_unsafe": "y"}}],
        "n": 5,
        "t": True,
        "none": None,
    }


def test_ansible_keeps_a_template_as_text(estate: Estate, tmp_path: Path) -> None:
    host = estate.host("one-app")
    hostile = host.model_copy(update={"labels": {"rack": TEMPLATE}})
    hostile_estate = estate.model_copy(update={"hosts": (hostile, *estate.hosts[1:])})
    (tmp_path / "hosts.json").write_text(json.dumps(inventory(hostile_estate, [hostile])))
    ansible = Path(sys.executable).parent / "ansible"
    run = subprocess.run(
        [ansible, "-i", "hosts.json", "one-app", "-c", "local", "-m", "debug", "-a", "var=tricenter_labels"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8", "ANSIBLE_LOCAL_TEMP": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert TEMPLATE in run.stdout
    assert not (tmp_path / "OWNED").exists()
