from __future__ import annotations

import stat
from pathlib import Path

import pytest

from lab import packages
from lab.errors import LabError
from lab.packages import NEEDED, Package, missing, program


def fake_program(folder: Path, name: str) -> None:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)


def test_a_package_is_missing_when_one_of_its_programs_is(tmp_path: Path) -> None:
    fake_program(tmp_path, "runsv")
    needed = (Package("runit", ("runsv", "sv")), Package("half", ("runsv",)))
    assert [one.name for one in missing(needed, str(tmp_path))] == ["runit"]


def test_on_an_empty_machine_all_are_missing(tmp_path: Path) -> None:
    assert missing(search=str(tmp_path)) == NEEDED


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(LabError, match="no-such-server is not installed"):
        program("no-such-server")


def test_without_root_the_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "may_install", lambda: False)
    monkeypatch.setattr(packages, "missing", lambda *_: (Package("runit", ("sv",)), Package("haproxy", ("haproxy",))))
    with pytest.raises(LabError, match=r"packages are missing: runit haproxy\. Install them as root: apt-get install"):
        packages.require(print)


def test_a_file_stands_for_a_while_and_what_was_there_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "policy-rc.d"
    path.write_text("before")
    path.chmod(0o700)
    with packages.standing(path, "exit 101\n", 0o755):
        assert path.read_text().startswith("exit 101\n")
        assert stat.S_IMODE(path.stat().st_mode) == 0o755
    assert path.read_text() == "before"
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_where_nothing_stood_nothing_stays_even_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "policy"
    with pytest.raises(LabError), packages.standing(path, "text", 0o644):
        raise LabError("apt-get failed")
    assert list(tmp_path.iterdir()) == []


def test_a_standing_file_that_a_killed_install_left_is_put_right(tmp_path: Path) -> None:
    path = tmp_path / "policy-rc.d"
    path.write_text("before")
    left = packages.standing(path, "exit 101\n", 0o755)
    left.__enter__()  # killed here
    packages.put_back(path)
    assert path.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["policy-rc.d"]
