"""The almanacs that ship with the product: the days of a country, from ``almanacs/*.yml``."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from inventory.calendar_model import Almanac
from inventory.document import load_document

_FOLDER = Path(__file__).parent / "almanacs"


def names() -> tuple[str, ...]:
    """The almanacs there are."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.yml")))


@cache
def almanac(name: str) -> Almanac:
    """The almanac of that name; InvalidEstate when its file has mistakes."""
    return load_document(_FOLDER / f"{name}.yml", Almanac)
