"""The nouns of this package: verdicts, the changes between them, and the incidents that changes open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from checks.result import Status


class Fault(StrEnum):
    """Where the cause lies, as far as the votes reach."""

    NONE = "none"  #: nothing is wrong
    SERVICE = "service"  #: the program on a host that otherwise answers
    HOST = "host"  #: the machine
    CENTER = "center"  #: the whole center
    ISOLATED = "isolated"  #: the center cannot be reached; what goes on inside is not known (users: down)
    LINK = "link"  #: a path between two centers
    PROVINCE = "province"  #: the provincial side of the exchange
    DEPENDENCY = "dependency"  #: something it depends on
    WATCH = "watch"  #: the watch itself: nobody looked, or the looker is ill


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, to be said in any language: a code (its text is in ``state/reasons.py``) and the facts in it."""

    code: str
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Vote:
    """What one vantage says of one check, after confirmation; ``age`` is seconds since its newest result."""

    check: str
    vantage: str
    status: Status
    since: float  #: Unix time of the first result that said so
    age: float
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What we conclude about a subject, and because of what."""

    subject: str
    status: Status
    fault: Fault
    because: Reason
    since: float  #: Unix time, back-dated to the first evidence
    at: float  #: Unix time of the judgement
    cause: str | None = (
        None  #: the subject this one only suffers from (a dead host, a cut link); None: it is its own cause
    )
    votes: tuple[Vote, ...] = ()
    doubt: str | None = None  #: something larger (a subject) that it may turn out to suffer from: not settled yet


@dataclass(frozen=True, slots=True)
class Change:
    """A verdict that became another. Recorded once: the store refuses it unless ``old`` is still current."""

    subject: str
    old: Status
    new: Status
    fault: Fault
    because: Reason
    since: float  #: when the new status began, back-dated
    at: float  #: when we noticed
    cause: str | None = None
    id: int | None = None  #: given by the store


@dataclass(frozen=True, slots=True)
class Incident:
    """A change that needs people (or a runbook), from its beginning to its end."""

    id: int
    subject: str
    fault: Fault
    opened: float  #: back-dated start of the trouble
    noticed: float
    closed: float | None
    because: Reason
    affects: tuple[str, ...] = ()  #: subjects that only suffer from it
    repaired_by: str | None = None  #: id of the runbook run that repaired it, or None
    merged: int | None = None  #: id of the incident that turned out to be its root, or None
    acknowledged_by: str | None = None  #: the person who took it up
    acknowledged_at: float | None = None
    assigned_to: str | None = None  #: the person who works on it
    suggested: str | None = None  #: the highest grade that the rules have suggested (``state/grading.py``)
    grade: str | None = None  #: the grade that a person has set
    cause: str | None = None  #: what it came from, in the words of whoever closed it
    settled_by: str | None = None  #: the person who closed it; ``closed`` alone says that the trouble is over
    settled_at: float | None = None
    waived: str | None = None  #: closed by force while its subject was in this status: it opens no new one for that


class Availability(StrEnum):
    """The class of an instant in a timeline, by falling priority (monitoring research, section 3.2)."""

    OUT = "out"  #: outside the period that counts
    MAINT = "maint"  #: planned work, approved before it began
    DRILL = "drill"  #: declared drill
    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    PATH = "path"  #: not observable because the link or the vantage failed
    UNKNOWN = "unknown"  #: nothing valid


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of time ``[start, end)`` of one class; Unix seconds."""

    start: float
    end: float
    kind: Availability
