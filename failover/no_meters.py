"""Meters of an estate that says nothing of any: nobody measures, and that is said rather than hidden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from failover.ports import Pulse


@dataclass(frozen=True, slots=True)
class NoMeters:
    """Implements :class:`failover.ports.Meters` with no vantage at all."""

    async def start(self) -> Mapping[str, str]:
        """Nothing starts."""
        return {}

    async def pulse(self) -> Pulse:
        """Nothing is known."""
        return Pulse({}, None, 0)

    async def fenced(self, address: str) -> None:
        """Nobody tries."""

    async def stop(self) -> Mapping[str, str]:
        """Nothing comes home."""
        return {}
