"""The vantage's clocks: durations come from the monotonic one alone, the wall clock is only written down."""

from __future__ import annotations

import time
from pathlib import Path

NS = 1_000_000_000


class Clock:
    """The machine's clocks."""

    def mono_ns(self) -> int:
        """Nanoseconds of the monotonic clock."""
        return time.monotonic_ns()

    def wall(self) -> float:
        """Unix seconds; nothing is ever computed from it."""
        return time.time()


def boot_id() -> str:
    """Names the machine's present boot: monotonic times of another boot cannot be compared with ours."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:36]
    except OSError:
        return ""
