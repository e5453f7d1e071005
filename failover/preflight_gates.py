"""What the engine expects of the gates: their judgement of today, asked before anything is touched."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from failover.concrete import Call, ConcretePlan
from failover.ports import Reply

#: Asks hosts, changing nothing: the replies in the order of the calls.
Ask = Callable[[Sequence[Call]], Awaitable[Sequence[Reply]]]


@dataclass(frozen=True, slots=True)
class Opinion:
    """One gate, judged."""

    gate: str
    result: str  #: ``pass``, ``fail``, ``unknown``
    because: str = ""
    hard: bool = True  #: fail or unknown is no-go
    code: str = ""
    said: Mapping[str, str] = field(default_factory=dict)  #: the reason in both languages


class Gates(Protocol):
    """Judges the gates of a plan."""

    async def judge(self, plan: ConcretePlan, warmed: Mapping[str, Reply], ask: Ask) -> Sequence[Opinion]:
        """Every gate of the plan; an answer that did not come is unknown, never a pass."""
        ...
