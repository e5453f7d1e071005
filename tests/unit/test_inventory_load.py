"""A folder into an estate."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from inventory.errors import InvalidEstate
from inventory.load import load
from inventory.model import Confirm, Duty, Role

BASE = Path(__file__).parent.parent / "golden" / "broken" / "base"


def test_what_is_written_is_what_is_loaded() -> None:
    estate = load(BASE)
    assert [center.role for center in estate.centers] == [Role.PRODUCTION, Role.METRO, Role.REMOTE]
    marriage = estate.system("marriage")
    assert (marriage.targets.availability, marriage.targets.rto, marriage.targets.rpo) == (0.9995, 1800.0, 0.0)
    assert marriage.components[0].placement["two"].duty is Duty.STANDBY
    assert marriage.mark.file == BASE / "systems" / "marriage.yml"
    read = marriage.checks[0]
    assert (read.on, read.vantage, read.confirm) == (("one-app",), ("own", "two"), Confirm(m=1, n=2))
    assert read.params == {"url": "http://{address}/read"}
    assert (read.mark.line, read.lines) == (24, {"url": 28})
    assert estate.system("news").depends_on == ("marriage",)
    assert estate.exchange is not None
    assert [province.code for province in estate.exchange.provinces] == ["110000", "440000"]


def test_what_every_host_has_is_merged_and_its_own_values_win() -> None:
    estate = load(BASE)
    database, other = estate.host("one-db"), estate.host("two-app")
    assert (database.ssh.user, database.ssh.port, database.ssh.key) == ("tricenter", 2222, "/etc/keys/operator")
    assert (other.ssh.user, other.ssh.port) == ("tricenter", 22)
    assert database.exporters == {"node": 9100, "postgres": 9187}
    assert [check.id for check in database.checks] == ["disk", "login"]
    assert database.checks[1].mark.line == 5
    assert (database.mark.line, other.mark.line) == (13, 27)


def test_a_hosts_own_check_replaces_that_of_every_host(tmp_path: Path) -> None:
    folder = tmp_path / "estate"
    shutil.copytree(BASE, folder)
    hosts = folder / "hosts.yml"
    hosts.write_text(hosts.read_text().replace("- id: disk", "- id: login"))
    assert [check.params["ask"] for check in load(folder).host("one-db").checks] == ["disk"]


def test_the_digest_tells_estates_apart(tmp_path: Path) -> None:
    folder = tmp_path / "estate"
    shutil.copytree(BASE, folder)
    assert load(folder).digest == load(BASE).digest
    (folder / "systems" / "news.yml").rename(folder / "systems" / "news2.yml")
    renamed = load(folder).digest
    (folder / "systems" / "news2.yml").write_text((folder / "systems" / "news2.yml").read_text() + "# a remark\n")
    assert len({load(BASE).digest, renamed, load(folder).digest}) == 3


def test_files_that_an_editor_leaves_behind_do_no_harm(tmp_path: Path) -> None:
    folder = tmp_path / "estate"
    shutil.copytree(BASE, folder)
    for name in ("README.md", ".#estate.yml", "estate.yml~", "systems/.news.yml.swp", "systems/.#news.yml"):
        (folder / name).write_text("not an estate")
    assert load(folder).digest == load(BASE).digest


@pytest.mark.parametrize("missing", ["nowhere", "estate.yml"])
def test_a_folder_that_is_none_says_what_is_missing(tmp_path: Path, missing: str) -> None:
    (tmp_path / "estate.yml").write_text("")
    with pytest.raises(InvalidEstate) as caught:
        load(tmp_path / missing)
    assert [str(problem).replace(f"{tmp_path}/{missing}/", "") for problem in caught.value.problems] == [
        "estate.yml:1: `estate.yml` is missing or is not a file — create it",
        "hosts.yml:1: `hosts.yml` is missing or is not a file — create it",
        "systems:1: `systems` holds no systems — describe each in a file like systems/marriage.yml",
    ]


def test_a_file_that_is_not_text_is_named_with_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "estate"
    shutil.copytree(BASE, folder)
    (folder / "hosts.yml").write_bytes(b"hosts:\n  a\x00b: {}\n")
    (folder / "exchange.yml").write_bytes("system: data-hub\n".encode("utf-16"))
    with pytest.raises(InvalidEstate) as caught:
        load(folder)
    assert [(problem.mark.file.name, problem.mark.line) for problem in caught.value.problems] == [
        ("exchange.yml", 1),
        ("hosts.yml", 2),
    ]


def test_a_file_name_with_a_template_in_it_is_only_a_name(tmp_path: Path) -> None:
    folder = tmp_path / "estate"
    shutil.copytree(BASE, folder)
    hostile = folder / "systems" / "{{ lookup('pipe', 'touch owned') }}.yml"
    hostile.write_text("system: x\n")
    with pytest.raises(InvalidEstate) as caught:
        load(folder)
    assert {problem.mark.file for problem in caught.value.problems} == {hostile}
