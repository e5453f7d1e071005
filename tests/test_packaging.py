"""What ships: the wheel holds exactly our names and every data file, and nobody else owns those names."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"inventory", "checks", "state", "runbooks", "failover", "reports", "lab"}
DATA = {
    "inventory/estates/civil-affairs/estate.yml",
    "inventory/estates/civil-affairs/systems/marriage.yml",
    "state/migrations/env.py",
    "runbooks/cards/restart-service.yml",
    "runbooks/playbooks/restart-service.yml",
    "reports/texts/zh.yml",
    "reports/vendor/README.md",
    "lab/estate/hosts.yml",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    argv = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(argv, cwd=ROOT, check=True, capture_output=True)
    return set(zipfile.ZipFile(next(folder.glob("*.whl"))).namelist())


def test_the_wheel_holds_exactly_our_names(wheel: set[str]) -> None:
    tops = {name.split("/")[0] for name in wheel if ".dist-info/" not in name}
    assert tops == PACKAGES | {"ops.py"}


def test_every_tracked_file_of_a_package_is_in_the_wheel(wheel: set[str]) -> None:
    listed = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, check=True, capture_output=True, text=True)
    tracked = set(listed.stdout.splitlines())
    assert tracked >= DATA
    assert tracked <= wheel


def test_no_other_distribution_owns_our_names() -> None:
    owners = packages_distributions()
    assert not {name: owners[name] for name in PACKAGES | {"ops"} if name in owners}
