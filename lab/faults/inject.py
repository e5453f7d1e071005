"""Inject a fault and undo it, each as often as one likes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from lab import lock
from lab.client import Lab
from lab.errors import LabError
from lab.faults.effect import Effects, change
from lab.faults.harm import begin, cease
from lab.faults.record import Active, active, write
from lab.faults.table import FAULTS, Fault

_PATIENCE = 60.0


def inject(lab: Lab, name: str, arguments: Sequence[str] = (), now: Callable[[], float] = time.time) -> Active:
    """Inject a fault and return its record, with the times between which it took effect.

    A fault that is active stays as it is, and keeps its times. Raises LabError for a fault or an argument that the lab
    does not have, for one that this mode cannot show, and when the world resists.
    """
    fault = _fault(name)
    if fault.needs_namespaces and lab.mode == "loopback":
        raise LabError(f"{name} cannot be injected on loopback addresses; it needs root and network namespaces")
    words = fault.complete(tuple(arguments))
    fault.effects(lab.topology, words)
    with lock.held(lab.folder, "faults", _PATIENCE):
        before = active(lab)
        known = next((one for one in before if one.key == (name, words)), None)
        if known and known.done is not None:
            return known
        others = tuple(one for one in before if one is not known)
        fresh = Active(name, words, now())
        write(lab, (*others, fresh))
        _turn(lab, _effects(lab, others), _effects(lab, (*others, fresh)))
        fresh = replace(fresh, done=now())
        write(lab, (*others, fresh))
        return fresh


def undo(lab: Lab, name: str, arguments: Sequence[str] = ()) -> tuple[Active, ...]:
    """Undo a fault; without arguments, all of that name. The faults that were active and no longer are (maybe none).

    Raises LabError as ``inject`` does.
    """
    fault = _fault(name)
    words = fault.complete(tuple(arguments)) if arguments else None
    with lock.held(lab.folder, "faults", _PATIENCE):
        before = active(lab)
        gone = tuple(one for one in before if one.name == name and words in (None, one.arguments))
        left = tuple(one for one in before if one not in gone)
        _turn(lab, _effects(lab, before), _effects(lab, left))
        write(lab, left)
        return gone


def _fault(name: str) -> Fault:
    if name not in FAULTS:
        raise LabError(f"there is no fault {name!r}; choose from: {', '.join(FAULTS)}")
    return FAULTS[name]


def _effects(lab: Lab, faults: tuple[Active, ...]) -> Effects:
    return frozenset().union(*(FAULTS[one.name].effects(lab.topology, one.arguments) for one in faults))


def _turn(lab: Lab, before: Effects, after: Effects) -> None:
    ended, begun = change(before, after)
    cease(lab, ended, after)
    begin(lab, begun, after)
