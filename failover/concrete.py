"""A plan bound to an estate: every place is a host, every act a call. This is what runs, and what is hashed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from failover.plan import Kind, Plan, Step

#: What may be handed to an action: plain data, bounded, typed by the action's card.
Value: TypeAlias = str | int | float | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A fact that an earlier step will have found: ``$fence.lsn``; filled in when the call is made."""

    step: str
    fact: str


@dataclass(frozen=True, slots=True)
class Call:
    """One action carried out on one host."""

    action: str
    host: str  #: id of the host that carries it out
    give: Mapping[str, Value | Found] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConcreteStep:
    """A step whose acts are calls; all calls of one list go out together, and all must succeed."""

    step: Step
    do: tuple[Call, ...]
    verify: tuple[Call, ...]
    undo: tuple[Call, ...]

    @property
    def id(self) -> str:
        """The step's id in the plan."""
        return self.step.id

    @property
    def kind(self) -> Kind:
        """What the step is for."""
        return self.step.kind


@dataclass(frozen=True, slots=True)
class ConcretePlan:
    """What a run does, complete: nothing in here is looked up again while it runs."""

    plan: Plan
    digest: str  #: SHA-256 of the plan file
    estate_digest: str
    centers: Mapping[str, str]  #: ``from``, ``to``, ``third`` and center roles -> center id
    old_writer: str  #: host id
    new_writer: str  #: host id; equal to ``old_writer`` when the writer stays
    steps: tuple[ConcreteStep, ...]
    writers: tuple[Call, ...]  #: ``pg-state`` on every database that may be asked: never two writers
    entries: tuple[Call, ...]  #: ``entry-state`` on every entry that may be asked: never an empty entry
    hosts: tuple[str, ...]  #: every host that a call is carried out on
    gone: tuple[str, ...] = ()  #: hosts of the centers that the plan takes for lost
