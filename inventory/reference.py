"""Names that refer to other parts of an estate, and the shape of the rules that look after them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator

from inventory.errors import Mark, Problem
from inventory.node import shown
from inventory.parts import Parts
from inventory.wording import nearest

Problems = Iterator[Problem]
Rule = Callable[[Parts], Problems]  #: yields all its problems; passes over what could not be read


def unknown(mark: Mark, name: str, noun: str, known: Collection[str]) -> Problems:
    """A name that nothing in the estate bears; nothing is known when the file that would tell could not be read."""
    if known and name not in known:
        yield Problem(mark, shown(name), f"is not {noun} of this estate", nearest(name, known))


def twice(names: Iterable[str]) -> list[str]:
    """The names that are there more than once."""
    return [name for name, count in Counter(names).items() if count > 1]
