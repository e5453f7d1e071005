"""The sentences of the reports in the product's languages, from ``texts/<language>.yml`` and its companions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

LANGUAGES = ("zh", "en")
_FOLDER = Path(__file__).parent / "texts"


@dataclass(frozen=True, slots=True)
class Language:
    """One language: its code and its sentences by dotted key."""

    code: str
    sentences: Mapping[str, str]

    def __call__(self, key: str, /, **facts: object) -> str:
        """The sentence of that key with the facts filled in.

        Raises KeyError for an unknown key or a missing fact: both are mistakes in this package, not in the data.
        Facts are never read as templates themselves.
        """
        return self.sentences[key].format_map(facts) if facts else self.sentences[key]

    def joined(self, names: list[str], most: int = 3) -> str:
        """Names as a list in a sentence; beyond ``most`` the rest is told as "and others"."""
        text = self("report.list").join(names[:most])
        return text if len(names) <= most else self("report.and_others", names=text)


@cache
def language(code: str) -> Language:
    """The language of that code, ``zh`` or ``en``; ValueError for any other."""
    if code not in LANGUAGES:
        raise ValueError(f"no reports in `{code}`: choose one of {', '.join(LANGUAGES)}")
    documents = (yaml.safe_load((_FOLDER / name).read_text(encoding="utf-8")) for name in _files(code))
    return Language(code, {key: text for document in documents for key, text in _flat(document)})


def _files(code: str) -> tuple[str, ...]:
    """One file a kind of report; no two of them use the same groups of keys."""
    return (f"{code}.yml", f"drill.{code}.yml", f"incident.{code}.yml")


def _flat(node: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)
