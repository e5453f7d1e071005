"""What every part of the engine has at hand: the plan, the ways to the world, the journal, and where the run stands."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from failover.concrete import ConcretePlan
from failover.human import Says
from failover.journal import Journal
from failover.kill_switch import KillSwitch
from failover.lock import Lock
from failover.plan import Kind as StepKind
from failover.ports import Clock, Hands, Meters, Reply, Token
from failover.preflight_gates import Gates
from failover.records import Kind, Record, State
from failover.replay import Standing, replay


@dataclass(frozen=True, slots=True)
class Choices:
    """How this run is to be carried out."""

    starter: str  #: who starts it (or resumes it)
    drill: str = "switchover"  #: ``real``: the real thing, whose unknown gates may be overridden
    overrides: Mapping[str, str] = field(default_factory=dict)  #: gate -> reason
    take_over: str = ""  #: reason to go above the epoch that hosts have seen
    stay: bool = True  #: wait for people while paused; False: end, to be resumed later
    soak: float | None = None  #: seconds, instead of the plan's
    people: Mapping[str, Any] = field(default_factory=dict)  #: who fills which role, for the record
    versions: Mapping[str, str] = field(default_factory=dict)  #: programs, for the record

    @property
    def real(self) -> bool:
        """Whether this is no drill."""
        return self.drill == "real"


@dataclass(frozen=True, slots=True)
class World:
    """The outside, as far as the engine knows it."""

    hands: Hands
    meters: Meters
    clock: Clock
    gates: Gates
    kill: KillSwitch
    says: Path  #: folder of what people answer
    approvals: Path  #: folder of approvals
    old_address: str = ""  #: ``address:port`` of the old writer, for the meters; empty: its host's id


class Work:
    """One engine at work on one run."""

    def __init__(
        self,
        plan: ConcretePlan,
        world: World,
        journal: Journal,
        lock: Lock,
        choices: Choices,
        tell: Callable[[Record], None],
    ) -> None:
        self.plan, self.world, self.journal, self.lock, self.choices = plan, world, journal, lock, choices
        self.hands, self.meters, self.clock, self.kill = world.hands, world.meters, world.clock, world.kill
        self.says = Says(world.says)
        self.standing: Standing = replay(journal.records)
        self.ordered = asyncio.Event()  #: an order is out: nothing new is begun
        self.warmed: Mapping[str, Reply] = {}  #: what the hosts said when their connections were opened
        self._tell = tell
        self._news = asyncio.Event()
        self._beside: set[asyncio.Task[None]] = set()

    @property
    def token(self) -> Token:
        """Who acts."""
        return Token(self.journal.run, self.lock.epoch)

    def note(self, kind: Kind, payload: Mapping[str, Any], actor: str = "engine") -> None:
        """Put a record on disk, then into the standing; JournalFailed when it cannot be."""
        record = self.journal.append(kind, payload, actor)
        self.standing.take(record)
        if self.standing.order:
            self.ordered.set()
        news, self._news = self._news, asyncio.Event()
        news.set()
        self._tell(record)

    def enter(self, state: State, because: str = "", **more: Any) -> None:
        """Change the state of the run; what was ordered is thereby answered."""
        self.note(Kind.STATE, {"state": state.value, "because": because, **more})
        self.ordered.clear()

    def step_name(self, step: str) -> Mapping[str, str]:
        """A step's name in both languages; empty when the plan has no such step."""
        found = next((each.step.name for each in self.plan.steps if each.id == step), None)
        return {"zh": found.zh, "en": found.en} if found else {}

    def is_fenced(self) -> bool:
        """Whether a fence of this run is done."""
        return any(step.kind is StepKind.FENCE and self.standing.done(step.id) for step in self.plan.steps)

    def fenced(self, yes: bool = True) -> None:
        """Let the meters try the old writer from now on (or no longer); nobody waits for that."""
        self.aside(self.meters.fenced((self.world.old_address or self.plan.old_writer) if yes else ""))

    def aside(self, work: Coroutine[Any, Any, object]) -> None:
        """Do something with the meters that nobody waits for; what goes wrong with it shows in their pulse."""

        async def quietly() -> None:
            with contextlib.suppress(Exception):
                await work

        task = asyncio.ensure_future(quietly())
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def end(self) -> None:
        """End what runs beside."""
        for task in self._beside:
            task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)

    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return self.clock.mono_ns() / 1e9

    def remaining(self, window: float) -> float:
        """Seconds left of a window that opened with the state, also across a crash; after a reboot it opens anew."""
        began, boot = self.standing.since
        last = self.journal.last
        if last is None or boot != last.boot_id:
            return window
        return window - (self.clock.mono_ns() - began) / 1e9

    async def news(self, patience: float) -> None:
        """Wait until anything is noted, at most that long."""
        event = self._news
        waiting = asyncio.ensure_future(event.wait())
        pause = asyncio.ensure_future(self.clock.sleep(max(0.0, patience)))
        try:
            await asyncio.wait({waiting, pause}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            pause.cancel()
