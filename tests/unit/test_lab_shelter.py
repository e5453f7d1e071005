from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab import shelter
from lab.errors import LabError
from lab.layout import Layout


@pytest.fixture
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for /tmp, where all may write."""
    folder = tmp_path / "t"
    folder.mkdir()
    monkeypatch.setattr(shelter, "_SHORT", folder)
    return folder


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    return tmp_path / ("long-" * 20) / "lab"


def test_a_path_too_long_becomes_a_link_to_a_short_one(short: Path, deep: Path) -> None:
    layout = shelter.settle(deep)
    assert layout.folder.parent == short
    assert deep.is_symlink()
    assert Layout(deep.resolve()) == layout


def test_settled_again_it_stays_where_it_is_even_when_its_home_is_gone(short: Path, deep: Path) -> None:
    layout = shelter.settle(deep)
    layout.folder.rmdir()
    assert shelter.settle(deep) == layout
    assert layout.folder.is_dir()


def test_a_folder_of_somebody_else_is_not_used(short: Path, deep: Path) -> None:
    home = shelter.settle(deep).folder
    home.rmdir()
    home.symlink_to(short)
    with pytest.raises(LabError, match="belongs to somebody else"):
        shelter.settle(deep)


def test_two_folders_have_two_homes(short: Path, deep: Path) -> None:
    assert shelter.settle(deep) != shelter.settle(deep.with_name("other"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers become another user")
def test_for_root_a_folder_must_be_open_to_the_database_s_user(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    assert not shelter.fits(tmp_path / "closed" / "lab")


def test_a_full_folder_is_not_replaced(short: Path, deep: Path) -> None:
    deep.mkdir(parents=True)
    (deep / "thesis.txt").touch()
    with pytest.raises(LabError, match="holds other things than a lab"):
        shelter.settle(deep)
