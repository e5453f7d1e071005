"""A runbook's card: what it needs, when it helps, what it risks, how often it may run, how to see that it helped."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import Field

from checks.result import Status
from inventory.errors import Mark
from inventory.model import Document, Fraction, Identifier, Name, Seconds
from state.verdict import Fault


class Risk(StrEnum):
    """How much a run can break when it goes wrong."""

    LOW = "low"  #: touches only what is broken already
    MEDIUM = "medium"  #: people may notice
    HIGH = "high"  #: data or a whole system is at stake

    @property
    def number(self) -> int:
        """For comparison: low 0, medium 1, high 2."""
        return list(Risk).index(self)


class InputType(StrEnum):
    """What a value from outside must be before it may come near a host."""

    HOST = "host"  #: id of a host of the estate
    SERVICE = "service"  #: one of the services that the input ``host`` declares
    PATH = "path"  #: absolute path in its shortest form
    PROVINCE = "province"  #: code of a province of the exchange
    INTEGER = "integer"
    SECONDS = "seconds"  #: written like ``30s``, ``10m``
    NAME = "name"  #: letters, digits, `_`, `.` and `-`: what servers call their own parts
    CHOICE = "choice"


class Input(Document):
    """One input of a runbook."""

    type: InputType
    name: Name
    default: str | None = None  #: used when nothing fills it; None: it must be given
    choices: tuple[str, ...] = ()  #: for ``choice``
    least: int = 0  #: for ``integer``
    most: int = 2**31 - 1
    below: Identifier | None = None  #: for ``path``: the host's label that names the folder it must stay in


#: Where a trigger takes an input from; read by runbooks/facts.py.
Source = Annotated[
    str,
    Field(
        pattern=r"^(check\.host|check\.id|component\.service|subject\.name|check\.param\.\w+|host\.label\.[a-z0-9-]+)$"
    ),
]


class CheckFilter(Document):
    """Which checks are meant; what is not said matches all."""

    kind: tuple[str, ...] = ()
    id: str = "*"  #: pattern with ``*`` over the whole check id
    where: dict[str, str] = Field(default_factory=dict)  #: the check's own parameters, e.g. ``{ask: disk}``


class Failing(CheckFilter):
    """Which failing checks must stand behind an incident, and what they must say."""

    says: tuple[Status, ...] = (Status.DOWN,)  #: every vantage that knows must say one of these


Kind = Annotated[str, Field(pattern=r"^(component|service|system|host|link|province)$")]


class Quorum(StrEnum):
    """How many of the vantages that ask a check must say that it fails."""

    ONE = "one"
    MAJORITY = "majority"  #: more than half of all that ask, the silent ones included
    ALL = "all"


class Trigger(Document):
    """When the runbook may help: what the verdict must say, and which checks must stand behind it."""

    subject: tuple[Kind, ...] = Field(min_length=1)
    status: tuple[Status, ...] = (Status.DOWN,)
    fault: tuple[Fault, ...] = Field(min_length=1)
    failing: Failing = Failing()  #: at least one such check of the subject fails
    quorum: Quorum = Quorum.MAJORITY
    unless: CheckFilter | None = None  #: never when the subject has such a check at all
    fill: dict[Identifier, Source] = Field(default_factory=dict)


class Verify(Document):
    """What decides success after the run: asked again until it has been ok for ``settle``, at most ``within``."""

    check: str | None = None  #: pattern over check ids; None: the checks of the incident's subject on the target host
    within: Seconds
    settle: Seconds = 0.0


class Card(Document):
    """A runbook as its card describes it; the playbook stands beside ``cards/``, in ``playbooks/``."""

    id: Identifier
    name: Name
    summary: Name
    inputs: dict[Identifier, Input]  #: always holds ``host``: the one machine a run touches
    trigger: Trigger | None = None  #: None: only people start it
    risk: Risk
    approval: bool = False  #: a person must agree, whatever the policy allows
    cool_down: Seconds  #: between two runs on the same target
    per_hour: int = Field(ge=1, le=60)  #: runs of this card in any hour, over the whole estate
    per_incident: int = Field(default=2, ge=1)
    give_up_after: int = Field(default=2, ge=1)  #: failed runs in a row on one target; then people must look
    scope: int = Field(default=1, ge=1)  #: hosts this card may be working on at the same time
    interrupts: bool = True  #: whether what it acts on stops serving for a moment
    share: Fraction = 0.5  #: of the members of a group at the same time; one is always allowed
    check_first: bool | None = None  #: a run in check mode must succeed before; None: if the risk is not low
    timeout: Seconds  #: of the run and of each command on the host
    verify: Verify
    playbook: Annotated[str, Field(pattern=r"^[a-z0-9-]+\.yml$")] = ""  #: in ``playbooks/``; empty: ``<id>.yml``
    mark: Mark

    @property
    def playbook_file(self) -> Path:
        """Where the playbook is."""
        return self.mark.file.parent.parent / "playbooks" / (self.playbook or f"{self.id}.yml")

    @property
    def rehearsed(self) -> bool:
        """Whether a run in check mode comes first."""
        return self.risk is not Risk.LOW if self.check_first is None else self.check_first

    @property
    def longest(self) -> float:
        """Seconds after which a run that still calls itself running cannot be."""
        return self.timeout + self.verify.within + 60.0

    def mistakes(self) -> list[tuple[str, str, str]]:
        """What is wrong between the fields: (field, what is wrong, what to write instead)."""
        return [*self._input_mistakes(), *self._trigger_mistakes()]

    def _input_mistakes(self) -> list[tuple[str, str, str]]:
        found = []
        if "host" not in self.inputs or self.inputs["host"].type is not InputType.HOST:
            found.append(("inputs", "has no input `host` of type host", "add `host: {type: host, name: ...}`"))
        for key, wanted in self.inputs.items():
            if (wanted.type is InputType.CHOICE) != bool(wanted.choices):
                found.append((f"inputs.{key}", "type choice and `choices` go together", "write both or neither"))
            if wanted.below and wanted.type is not InputType.PATH:
                found.append((f"inputs.{key}", "`below` is for paths", "leave it out or use type path"))
        return found

    def _trigger_mistakes(self) -> list[tuple[str, str, str]]:
        if self.trigger is None:
            return []
        fill = self.trigger.fill
        found = [
            ("trigger.fill", f"fills `{key}`, which is no input", "name one of inputs")
            for key in fill
            if key not in self.inputs
        ]
        for key, wanted in self.inputs.items():
            if key not in fill and wanted.default is None:
                found.append(
                    ("trigger.fill", f"leaves the input `{key}` empty", "fill it, or give the input a default")
                )
        return found


def shortest(path: str) -> bool:
    """Whether ``path`` is absolute, below ``/`` and holds no ``.``, ``..`` or doubled slash."""
    return (
        path.startswith("/")
        and path != "/"
        and ".." not in path.split("/")
        and str(PurePosixPath(path)) == path
        and path[:2] != "//"
    )
