"""How long a whole conversation may still take, handed down through every step of it."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadline:
    """An instant on the monotonic clock. Time-outs of libraries are per read; this one is for the whole."""

    at: float
    seconds: float  #: what was granted, for sentences

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The instant ``seconds`` from now."""
        return cls(time.monotonic() + seconds, seconds)

    def left(self) -> float:
        """Seconds that remain; 0 when it has passed."""
        return max(0.0, self.at - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether nothing remains."""
        return self.left() == 0.0
