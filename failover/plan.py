"""A plan as people write it: what a failover does, in which order, who decides, how it is undone.

A plan names places by what they are for (``from.database``, ``entries``), so that the same file serves every estate;
``failover/concrete.py`` holds the same plan bound to an estate. Times are seconds.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from inventory.errors import Mark
from inventory.model import Document, Identifier, Name, Owner, Role, Seconds
from inventory.notation import one_of

SIDES = ("from", "to", "third", *Role)  #: centers as a plan calls them
PARTS = ("database", "entry", "app", "exchange", "ops")
EVERYWHERE = ("entries", "databases")  #: of every center that is not taken for lost


def place(value: str) -> str:
    """A place: a part of a center, like ``to.database``, or one of the words for many centers."""
    side, dot, part = value.partition(".")
    if value in (*EVERYWHERE, "desk") or (dot and side in SIDES and part in PARTS):
        return value
    raise ValueError(
        "is not a place: write entries, databases, desk, or a part of a center like to.database or from.entry"
    )


#: A group of hosts by role: ``from.database``, ``to.entry``, ``third.database``, ``metro.database``, ``entries`` (every
#: center's), ``databases`` (every center's), ``desk`` (no host: the engine itself asks a person).
Place = Annotated[str, AfterValidator(place)]


class Class(StrEnum):
    """The failures that two sites and three centers can meet, and the ways back."""

    SWITCHOVER = "switchover"  #: planned: both ends live
    LOST_CENTER = "lost-center"  #: the writer's center is gone
    LOST_CITY = "lost-city"  #: both centers of the city are gone
    LINK_CUT = "link-cut"  #: the line between writer and synchronous copy is cut
    LOST_COPY = "lost-copy"  #: a center without the writer is gone: redundancy suffers, nobody else
    FAILBACK = "failback"  #: the planned return, or the return of what was lost


class Mode(StrEnum):
    """How a run treats the failing side."""

    GRACEFUL = "graceful"  #: it answers and helps
    UNGRACEFUL = "ungraceful"  #: it may be gone
    TABLETOP = "tabletop"  #: nothing is touched: people walk the cards


class Kind(StrEnum):
    """What a step is for; lint and the engine treat each kind by its own rules."""

    CHECK = "check"  #: looks, changes nothing
    PREPARE = "prepare"  #: changes something that clients do not notice
    FENCE = "fence"  #: makes the old writer unable to write; its verify proves it by a refused write
    CATCH_UP = "catch-up"  #: waits until the new writer has all that was acknowledged
    PROMOTE = "promote"  #: makes the new writer; at most once a run, never without a proved fence
    TRAFFIC = "traffic"  #: moves clients; never leaves an entry empty
    REJOIN = "rejoin"  #: brings copies under the new writer
    HUMAN = "human"  #: a person says that something is so, or decides
    BUSINESS = "business"  #: what the business wants to see working


class Act(Document):
    """One action (``failover/actions.py``) on every host of a place."""

    action: Identifier
    on: Place
    #: who carries it out when not the host itself: a refused write is tried from elsewhere
    by: Place | None = None
    #: typed inputs; ``$step.fact`` is what an earlier step found, ``$from.database`` the id of a host
    give: dict[str, Any] = Field(default_factory=dict)


class Undo(Document):
    """How a step is taken back: an act, or a reason why nothing has to be."""

    act: Act | None = None
    none: Name | None = None  #: why there is nothing to undo
    by_hand: Name | None = None  #: what people do when the act fails


class Step(Document):
    """One step of a plan."""

    keyed_by: ClassVar[str] = "id"

    id: Identifier
    kind: Kind
    name: Name
    needs: tuple[Identifier, ...] = ()
    do: tuple[Act, ...] = ()  #: empty for kind human
    verify: tuple[Act, ...] = ()
    undo: Undo | None = None
    modes: tuple[Mode, ...] = (Mode.GRACEFUL, Mode.UNGRACEFUL, Mode.TABLETOP)
    urgent: bool = False  #: clients wait: runs over connections that are already open
    timeout: Seconds
    estimate: Seconds
    retries: int = Field(default=0, ge=0, le=5)
    idempotent: bool = True  #: doing it twice is as doing it once; else an unknown end halts for a person
    identity: bool = False  #: the action asserts center, host and role of its target before it acts (rule R6)
    no_return: bool = False  #: from here on undo may lose data; needs an approval
    role: Identifier | None = None  #: who answers ``ask``
    #: the question of a human step; on any other step it is asked when a verify stays unknown (a machine without power
    #: answers nothing): a yes of ``role`` stands for the proof, and a verify that failed is never asked about
    ask: Name | None = None
    optional: bool = False  #: a failure is an exception in the record, and the run goes on
    mark: Mark


class Objectives(Document):
    """What the run is measured against."""

    rto: Seconds
    rpo: Seconds
    rpo_of: dict[Identifier, Seconds] = Field(default_factory=dict)  #: of single channels of the meters, by id
    doo: Seconds | None = None  #: degraded operations objective (降级运行目标)
    nro: Seconds | None = None  #: network recovery objective (网络恢复目标)


class Gate(Document):
    """A condition before anything is touched; its check is in ``failover/gates.py``."""

    gate: Identifier  #: e.g. ``replication-sync``, ``lag-within-rpo``, ``survivor-capacity``, ``probes-fine-enough``
    give: dict[str, Any] = Field(default_factory=dict)
    hard: bool = True  #: fail or unknown is no-go; a real failover may override an unknown, recorded with a reason


class Rule(Document):
    """What must hold after each step; its check is in ``failover/invariants.py``."""

    rule: Annotated[str, AfterValidator(one_of("never-two-writers", "never-empty-entry", "lag-within-rpo"))]


class Duty(Document):
    """A role in the run, and who may take it."""

    keyed_by: ClassVar[str] = "id"

    id: Identifier  #: ``commander``, ``operator``, ``approver``, ``business``, ``observer``
    name: Name
    people: tuple[Identifier, ...] = Field(min_length=1)


class Approval(Document):
    """Who must agree before the run starts; never the one who starts it (rule R33)."""

    role: Identifier
    valid: Seconds = 86400.0
    before: Identifier | None = None  #: id of the step before which it is needed; None: before the run


class AbortWhen(Document):
    """A condition that an independent task watches while the run goes on."""

    when: Annotated[str, AfterValidator(one_of("outage-over", "meters-silent", "old-writer-acks", "kill-switch"))]
    limit: Seconds | None = None


class Inject(Document):
    """What a table-top throws in: at a step, something that did not go as planned."""

    at: Identifier
    text: Name


class Soak(Document):
    """Watching the new order before it is declared; nobody confirms in time: rolled back (or paused)."""

    watch: Seconds
    confirm_within: Seconds
    otherwise: Annotated[str, AfterValidator(one_of("roll-back", "pause"))] = "roll-back"
    role: Identifier = "commander"


class Plan(Document):
    """A plan file."""

    plan: Identifier
    version: int = Field(ge=1)
    name: Name
    summary: Name
    owner: Owner
    last_editor: Identifier  #: may not approve (rule R33)
    klass: Class = Field(alias="class")
    mode: Mode
    source: Role = Field(alias="from")  #: where the writer is (or was)
    target: Role = Field(alias="to")  #: where it shall be; equal to ``from`` when the writer stays
    lost: tuple[Role, ...] = ()  #: centers that the plan takes for gone; nothing may be carried out in them
    system: Identifier = "data-hub"  #: whose database and entries are moved
    drills: tuple[Annotated[str, AfterValidator(one_of("tabletop", "rehearsal", "switchover", "real"))], ...]
    objectives: Objectives
    gates: tuple[Gate, ...]
    rules: tuple[Rule, ...]
    roles: tuple[Duty, ...]
    approvals: tuple[Approval, ...]
    abort: tuple[AbortWhen, ...] = ()
    soak: Soak
    steps: tuple[Step, ...]
    injects: tuple[Inject, ...] = ()
    returns_by: Identifier | None = None  #: the plan of the way back
    mark: Mark

    def step(self, step_id: str) -> Step:
        """The step of that id; KeyError-free by loading."""
        return next(step for step in self.steps if step.id == step_id)
