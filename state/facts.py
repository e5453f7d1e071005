"""Facts for reasons: names of places in both languages, under keys that ``state/reasons.py`` picks by language."""

from __future__ import annotations

from collections.abc import Iterable

from inventory.model import Estate, Name


def center(estate: Estate, center_id: str, key: str = "center") -> dict[str, str]:
    """``{key: id, key_zh: ..., key_en: ...}`` of a center."""
    return named(key, center_id, estate.center(center_id).name)


def centers(estate: Estate, ids: Iterable[str], key: str = "centers") -> dict[str, str]:
    """The same for several centers, joined; an id that is no center of the estate stands for itself."""
    names = {each.id: each.name for each in estate.centers}
    chosen = list(ids)
    return {
        key: ", ".join(chosen),
        f"{key}_zh": "、".join(names[each].zh if each in names else each for each in chosen),
        f"{key}_en": ", ".join(names[each].en if each in names else each for each in chosen),
    }


def names(key: str, found: Iterable[Name]) -> dict[str, str]:
    """Several names in both languages."""
    chosen = list(found)
    return {key: ", ".join(one.en for one in chosen), f"{key}_zh": "、".join(one.zh for one in chosen)}


def named(key: str, text: str, name: Name) -> dict[str, str]:
    """One name in both languages beside its id."""
    return {key: text, f"{key}_zh": name.zh, f"{key}_en": name.en}
