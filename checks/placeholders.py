"""``{address}`` and its like in a check's parameters: plain replacement of known names, and nothing that computes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def filled(value: Any, names: Mapping[str, str]) -> Any:
    """The same value with the placeholders in its strings replaced once; what was put in is not looked at again."""
    match value:
        case str():
            return _PLACEHOLDER.sub(lambda found: names.get(found[1], found[0]), value)
        case dict():
            return {key: filled(item, names) for key, item in value.items()}
        case list() | tuple():
            return [filled(item, names) for item in value]
    return value


def unknown(value: Any, names: Mapping[str, str], path: str = "") -> Iterator[tuple[str, str]]:
    """Placeholders that have no value here: (dotted path of the parameter, name)."""
    match value:
        case str():
            yield from ((path, found) for found in _PLACEHOLDER.findall(value) if found not in names)
        case dict():
            for key, item in value.items():
                yield from unknown(item, names, _join(path, key))
        case list() | tuple():
            for at, item in enumerate(value):
                yield from unknown(item, names, _join(path, at))


def _join(path: str, step: object) -> str:
    return f"{path}.{step}" if path else str(step)
