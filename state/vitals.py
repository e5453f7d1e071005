"""How the watch itself fares: whether its loops turn and succeed, what it hears, how old that is. Counted, not judged.

Two questions are kept apart. *Does it turn?* decides whether the service manager restarts it: a loop that hangs is only
helped by that. *Is it well?* decides what ``/healthz`` says: a full disk lets every cycle fail, and no restart helps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

PATIENCE = 30.0  #: seconds beyond its interval after which a loop that has not come round counts as hanging
FAILING = 60.0  #: seconds without success after which a loop that turns counts as ill


@dataclass(slots=True)
class Loop:
    """One thing that is done again and again; times are on the monotonic clock."""

    interval: float
    came_round: float  #: when a turn last ended, however it ended
    succeeded: float  #: when a turn last ended well
    turns: int = 0
    failures: int = 0
    took: float = 0.0  #: seconds, the newest turn
    trouble: str = ""  #: why the newest turn failed; empty if it did not


@dataclass
class Vitals:
    """Counters of one watch. Each loop is written by one thread only; readers may be a moment behind."""

    monotonic: Callable[[], float]
    loops: dict[str, Loop] = field(default_factory=dict)
    results: int = 0
    changes: int = 0
    newest: dict[str, float] = field(default_factory=dict)  #: source -> Unix time of its newest answer; -inf: none
    reached: dict[str, bool] = field(default_factory=dict)
    reloads: int = 0
    refused: str = ""  #: why the estate was not read again, if the last attempt failed
    pieces: int = 0  #: that wait to be filled

    def begin(self, name: str, interval: float) -> None:
        """A loop begins; it has until its first turn is late."""
        now = self.monotonic()
        self.loops[name] = Loop(interval, now, now)

    def timed(self, name: str, work: Callable[[], None]) -> Callable[[], None]:
        """The work of a loop, counted. What it raises is counted too, and raised."""

        def counted() -> None:
            loop, began = self.loops[name], self.monotonic()
            try:
                work()
            except BaseException as error:
                loop.failures += 1
                loop.trouble = f"{type(error).__name__}: {error}".partition("\n")[0]
                raise
            else:
                loop.succeeded, loop.trouble = self.monotonic(), ""
            finally:
                loop.came_round, loop.turns = self.monotonic(), loop.turns + 1
                loop.took = loop.came_round - began

        return counted

    def heard(
        self, results: int, changes: int, newest: Mapping[str, float | None], reached: Mapping[str, bool]
    ) -> None:
        """What one cycle took in: how many answers, and of each source the newest (Unix time; None: nothing)."""
        self.results += results
        self.changes += changes
        for source, at in newest.items():
            self.newest[source] = max(self.newest.get(source, -math.inf), -math.inf if at is None else at)
        self.reached = dict(reached)

    def lag(self, name: str) -> float:
        """How many seconds a loop is late: since its last turn ended, beyond its interval."""
        loop = self.loops[name]
        return max(0.0, self.monotonic() - loop.came_round - loop.interval)

    def hanging(self) -> list[str]:
        """The loops that do not come round any more, in words; empty if all turn."""
        return [f"{name} has not come round for {self.lag(name):.0f} s" for name in self.loops if self._hangs(name)]

    def ill(self) -> list[str]:
        """Everything that is wrong with the watch, in words; empty if it is well. A watch without loops is not."""
        if not self.loops:
            return ["nothing has begun yet"]
        failing = [
            f"{name} has failed for {self.monotonic() - loop.succeeded:.0f} s: {loop.trouble}"
            for name, loop in self.loops.items()
            if loop.trouble and self.monotonic() - loop.succeeded > loop.interval + FAILING
        ]
        return [*self.hanging(), *failing]

    def _hangs(self, name: str) -> bool:
        return self.lag(name) > PATIENCE + self.loops[name].interval
