"""A schedule that nothing holds up: due times are fixed at the start, and what was missed is said, not made up for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Ticks:
    """Due times on the monotonic clock. The caller waits; this only counts."""

    start: int  #: ns
    period: int  #: ns
    _next: int = 0
    _last: int = -1

    @property
    def due(self) -> int:
        """When the next one is due."""
        return self.start + self._next * self.period

    def taken(self, now: int) -> tuple[int, int] | None:
        """The next one happens now. The time in which nobody looked, if that was more than two periods."""
        last, self._last = self._last, now
        self._next = max(self._next + 1, (now - self.start) // self.period + 1)
        return (last, now) if last >= 0 and now - last > 2 * self.period else None
