"""Which hosts an operator means: ``center=dr,role=db``. Pure.

Terms are joined by commas and all must hold. A term is ``key=value`` or ``key!=value``, values may alternate with
``|``, and a lone word is a host's id. Keys are host, center, site, role, service, system and ``label.<name>``.
A value that nothing in the estate bears is a mistake, not an empty answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from inventory.errors import OperatorError
from inventory.model import Estate, Host
from inventory.node import shown
from inventory.wording import nearest

_TERM = re.compile(r"\s*([a-z][a-z0-9.-]*)\s*(!=|=)\s*(.*?)\s*")
_LABEL = "label."

_OF_HOST: Mapping[str, Callable[[Host], Collection[str]]] = {
    "host": lambda host: (host.id,),
    "center": lambda host: (host.center,),
    "role": lambda host: host.roles,
    "service": lambda host: host.services,
}
_KEYS = (*_OF_HOST, "site", "system", "label.<name>")


class InvalidSelector(OperatorError):
    """The selector cannot be understood, or names something that is not there."""


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: the key has (or, negated, has not) one of the values."""

    key: str
    values: tuple[str, ...]
    negated: bool = False

    def holds(self, found: Collection[str]) -> bool:
        """Whether the condition holds for a host that has these values under the key."""
        return any(value in found for value in self.values) != self.negated


def parse(text: str) -> tuple[Term, ...]:
    """The terms of a selector; none for an empty text or ``all``, which mean every host."""
    if text.strip() in ("", "all"):
        return ()
    return tuple(_term(part) for part in text.split(","))


def matches(host: Host, text: str) -> bool:
    """Whether a host is meant by a selector that speaks of the host alone (no ``site``, no ``system``)."""
    return all(term.holds(_values(host, term.key)) for term in parse(text))


def select(estate: Estate, text: str) -> tuple[Host, ...]:
    """The hosts that are meant, in the estate's order; InvalidSelector for a name the estate does not have."""
    terms = parse(text)
    having = {term.key: _having(estate, term.key) for term in terms}
    for term in terms:
        _known(term, {value for values in having[term.key].values() for value in values})
    return tuple(host for host in estate.hosts if all(term.holds(having[term.key][host.id]) for term in terms))


def _term(part: str) -> Term:
    if found := _TERM.fullmatch(part):
        key, sign, values = found.groups()
        names = tuple(value.strip() for value in values.split("|"))
    else:
        key, sign, names = "host", "=", (part.strip(),)
    if key not in _KEYS and not key.startswith(_LABEL):
        raise InvalidSelector(f"selector: `{shown(key)}` is not a key — {nearest(key, _KEYS)}")
    if not all(names):
        raise InvalidSelector(f"selector: `{shown(part)}` has no value — write it like center=dr,role=db")
    return Term(key, names, sign == "!=")


def _having(estate: Estate, key: str) -> Mapping[str, Collection[str]]:
    """What each host has under a key, by host id."""
    if key == "site":
        return {host.id: (estate.center(host.center).site,) for host in estate.hosts}
    if key == "system":
        return systems_on_hosts(estate)
    return {host.id: _values(host, key) for host in estate.hosts}


def _values(host: Host, key: str) -> Collection[str]:
    if key.startswith(_LABEL):
        value = host.labels.get(key.removeprefix(_LABEL))
        return () if value is None else (value,)
    if key not in _OF_HOST:
        raise InvalidSelector(f"selector: `{key}` cannot be asked of a host alone — use one of: {', '.join(_OF_HOST)}")
    return _OF_HOST[key](host)


def systems_on_hosts(estate: Estate) -> dict[str, set[str]]:
    """The systems that have a component on each host, by host id."""
    found: dict[str, set[str]] = {host.id: set() for host in estate.hosts}
    for system in estate.systems:
        for component in system.components:
            for placement in component.placement.values():
                for host in placement.hosts:
                    found[host].add(system.id)
    return found


def _known(term: Term, values: set[str]) -> None:
    for value in term.values:
        if value not in values:
            hint = nearest(value, values)
            raise InvalidSelector(f"selector: no host has {term.key}={shown(value)} — {hint}")
