"""An estate folder into an Estate, or every reason why not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from inventory.almanac import almanac
from inventory.calendar_model import Calendar
from inventory.document import in_order
from inventory.errors import InvalidEstate, Mark, Problem
from inventory.model import Estate, Meters
from inventory.node import Map, shown
from inventory.parts import (
    Parts,
    add_calendar,
    add_estate,
    add_exchange,
    add_hosts,
    add_meters,
    add_system,
    add_unread_system,
    sound,
)
from inventory.rules import broken
from inventory.tree import parse_bytes, read_bytes

_ADD: dict[str, Callable[[Parts, Map, list[Problem]], None]] = {
    "estate.yml": add_estate,
    "hosts.yml": add_hosts,
    "exchange.yml": add_exchange,
    "meters.yml": add_meters,
    "calendar.yml": add_calendar,
}
_CALENDAR = "calendar.yml"
_OPTIONAL = frozenset({"exchange.yml", "meters.yml", "calendar.yml"})
#: read by ``people_load.py``: they say nothing about what is checked
_ELSEWHERE = frozenset({"duty.yml", "notices.yml"})


def load(folder: Path) -> Estate:
    """Read ``estate.yml``, ``hosts.yml``, ``systems/*.yml`` and, where they are, ``exchange.yml``, ``meters.yml``,
    ``calendar.yml``.

    Raises InvalidEstate with all problems of all files, in the order of files and lines.
    """
    problems: list[Problem] = []
    parts = Parts(folder / "estate.yml")
    digest = hashlib.sha256()
    for name in (*_files(folder), *_systems(folder, problems)):
        data = read_bytes(folder / name, problems)
        if name != _CALENDAR:
            digest.update(f"{name!r}:{len(data or b'')}:".encode(errors="replace") + (data or b""))
        tree = None if data is None else parse_bytes(data, folder / name, problems)
        if tree:
            _ADD.get(name, add_system)(parts, tree, problems)
        elif name not in _ADD:
            add_unread_system(parts, folder / name)
    problems.extend(_strays(folder))
    problems.extend(broken(parts))
    if problems or parts.head is None:
        raise InvalidEstate(in_order(problems))
    return _estate(parts, folder, digest.hexdigest())


def _files(folder: Path) -> list[str]:
    return [name for name in _ADD if name not in _OPTIONAL or (folder / name).exists()]


def _systems(folder: Path, problems: list[Problem]) -> list[str]:
    names = sorted(f"systems/{file.name}" for file in _yaml(folder / "systems", ".yml"))
    if not names:
        mark = Mark(folder / "systems", 1)
        problems.append(
            Problem(mark, "systems", "holds no systems", "describe each in a file like systems/marriage.yml")
        )
    return names


def _strays(folder: Path) -> Iterator[Problem]:
    """Files that look as if they counted, but would be passed over without a word."""
    for file in _yaml(folder, ".yml", ".yaml"):
        if file.name not in _ADD and file.name not in _ELSEWHERE:
            yield _stray(file, f"an estate is made of {', '.join(_ADD)} and systems/*.yml")
    for file in _yaml(folder / "systems", ".yaml"):
        yield _stray(file, "rename it so that it ends in .yml")


def _stray(file: Path, instead: str) -> Problem:
    return Problem(Mark(file, 1), shown(file.name), "would not be read", instead)


def _yaml(folder: Path, *endings: str) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(file for file in folder.iterdir() if file.suffix in endings and not file.name.startswith("."))


def _estate(parts: Parts, folder: Path, digest: str) -> Estate:
    assert parts.head is not None
    head = parts.head
    return Estate(
        id=head.estate,
        name=head.name,
        timezone=head.timezone,
        defaults=head.defaults,
        sites=tuple(sound(parts.sites)),
        centers=tuple(sound(parts.centers)),
        links=tuple(sound(parts.links)),
        hosts=tuple(sound(parts.hosts)),
        systems=tuple(sound(parts.systems)),
        exchange=parts.exchange.value if parts.exchange else None,
        meters=_meters(parts),
        calendar=_calendar(parts, head.timezone),
        folder=str(folder),
        digest=digest,
    )


def _meters(parts: Parts) -> Meters | None:
    if parts.meters is None:
        return None
    assert parts.probes is not None and parts.probes.value is not None, "meters.yml without problems has probes"
    return Meters(
        probes=parts.probes.value,
        channels=tuple(sound(parts.channels)),
        vantages=tuple(sound(parts.vantages)),
        lease=parts.meters.lease,
    )


def _calendar(parts: Parts, timezone: str) -> Calendar | None:
    if parts.calendar is None:
        return None
    return Calendar(
        timezone=timezone,
        almanac=almanac(parts.calendar.almanac),
        maintenance=tuple(sound(parts.maintenance)),
        drills=tuple(sound(parts.drills)),
        guards=tuple(sound(parts.guards)),
    )
