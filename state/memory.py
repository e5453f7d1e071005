"""What is carried from one cycle to the next: the signals, who was heard when, and what must be judged again.

Work is proportional to what is new: an answer that was already known costs one comparison, and only subjects whose
confirmed status moved, or whose answers ran out of time, are named as touched.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

from checks.result import Result
from state.index import Index
from state.scene import Scene
from state.signals import DELIVERY, Key, Signal, fold


class Memory:
    """The signals of one estate. Not thread-safe: one cycle after the other uses it."""

    def __init__(self, index: Index, signals: Iterable[Signal] = ()) -> None:
        self.index = index
        self.signals: dict[Key, Signal] = {}
        self.heard: dict[str, float] = {}
        self._touched: set[str] = set()
        self._due: defaultdict[int, list[Key]] = defaultdict(list)  #: second -> signals that may expire in it
        for signal in signals:
            if signal.key[0] in index.by_id:
                self._keep(signal)

    def take(self, results: Iterable[Result], now: float) -> list[Signal]:
        """Fold answers in; returns the signals that moved on, for the store. Unknown checks are ignored."""
        moved = {}
        for result in sorted(results, key=_when):
            signal = self._fold(result, now)
            if signal is not None:
                moved[signal.key] = signal
        return list(moved.values())

    def touched(self, now: float) -> set[str]:
        """Subjects to be judged again since the last call: votes that changed, and votes that ran out by ``now``."""
        self._sweep(now)
        touched, self._touched = self._touched, set()
        return touched

    def scene(self, now: float) -> Scene:
        """Everything known, at ``now`` (Unix seconds)."""
        return Scene(self.index, self.signals, self.heard, now)

    def _fold(self, result: Result, now: float) -> Signal | None:
        check = self.index.by_id.get(result.check)
        if check is None or result.vantage not in check.vantages:
            return None
        known = self.signals.get((result.check, result.vantage))
        signal = fold(known, result, check, now)
        if signal is None or signal is known:
            return None
        if known is None or _differs(known, signal):
            self._touched.add(check.subject)
        self._keep(signal)
        return signal

    def _keep(self, signal: Signal) -> None:
        _, vantage = key = signal.key
        self.signals[key] = signal
        self.heard[vantage] = max(self.heard.get(vantage, -math.inf), signal.latest.at)
        self._due[math.ceil(signal.until + DELIVERY)].append(key)

    def _sweep(self, now: float) -> None:
        """Touch the subjects of signals that expired; a signal that was renewed waits in a later second."""
        for second in sorted(second for second in self._due if second <= now):
            for key in self._due.pop(second):
                if self.signals[key].stale(now):
                    self._touched.add(self.index.by_id[key[0]].subject)


def _when(result: Result) -> float:
    return result.at if math.isfinite(result.at) else -math.inf


def _differs(known: Signal, signal: Signal) -> bool:
    """Whether the vote itself moved; what merely got newer matters only to contested subjects, judged every time."""
    return known.confirmed is not signal.confirmed or known.since != signal.since
