"""What surrounds a watch that stands for years: its pages, its signs of life, and reading the estate again."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from checks.check import Check
from checks.prober import address
from checks.serving import Route, serving
from checks.systemd import Notifier, signs_of_life
from inventory.errors import OperatorError
from inventory.model import Estate
from state.vitals import Vitals

Reader = Callable[[], tuple[Estate, tuple[Check, ...]]]


@dataclass
class Current:
    """The estate that is watched now, and its checks."""

    estate: Estate
    checks: tuple[Check, ...]

    def again(self, read: Reader) -> str:
        """Read the files again; returns why not, or nothing. A mistake in any of them leaves everything as it was."""
        try:
            self.estate, self.checks = read()
        except (OperatorError, OSError) as error:
            return _first(str(error))
        return ""


@asynccontextmanager
async def standing(vitals: Vitals, notifier: Notifier, listen: str, routes: Mapping[str, Route]) -> AsyncIterator[str]:
    """Serve the pages and give signs of life while the block runs; gives where it serves, or nothing.

    It is alive as long as every loop comes round: a watch whose cycle hangs is to be restarted, not to be kept up by
    this. Raises OperatorError for an address that cannot be used.
    """
    async with contextlib.AsyncExitStack() as stack:
        bound = ""
        if listen:
            try:
                host, port = await stack.enter_async_context(serving(*address(listen), routes))
            except OSError as error:
                raise OperatorError(f"cannot serve on {listen}: {error.strerror or error}") from error
            bound = f"{host}:{port}"
        said = partial(_said, vitals)
        await stack.enter_async_context(signs_of_life(notifier, said(), lambda: not vitals.hanging(), said))
        yield bound


def _said(vitals: Vitals) -> str:
    """One line for ``systemctl status``."""
    ill = vitals.ill() if vitals.loops else []
    return "; ".join(ill) or _busy(vitals)


def _busy(vitals: Vitals) -> str:
    if vitals.refused:
        return f"watching the estate as it was; its files have mistakes: {vitals.refused}"
    reached = sum(vitals.reached.values())
    return f"watching; {reached} of {len(vitals.reached)} sources answer" if vitals.reached else "watching"


def _first(text: str) -> str:
    """The first of many mistakes, and how many there are."""
    lines = [line for line in text.splitlines() if line.strip()]
    more = f" (and {len(lines) - 1} more lines; `ops validate` shows all)" if len(lines) > 1 else ""
    return f"{lines[0]}{more}" if lines else "no reason given"
