"""The watch's cycle as a paragraph: take in the answers, judge, settle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from checks.check import Check
from checks.result import Result, Status
from inventory import subject
from inventory.model import Estate
from state.desk import desk_results
from state.excuse import Excuses
from state.incidents import GONE
from state.index import index
from state.judge import Judge
from state.memory import Memory
from state.store import Store
from state.verdict import Change, Fault, Reason, Verdict


class Cycle:
    """One watch on one estate. Begins where the store says the last one ended."""

    def __init__(self, store: Store, estate: Estate, checks: Iterable[Check]) -> None:
        self._store = store
        known = index(estate, checks)
        self._memory = Memory(known, store.signals())
        self._judge = Judge(known)
        self._settled: dict[str, Verdict] = {}  #: what this watch last wrote, by subject
        self._raw: tuple[Verdict, ...] | None = None  #: as the judge gave them
        self._judged: tuple[Verdict, ...] | None = None
        self._excuses = Excuses(known.by_id)
        stored = store.verdicts()
        self._excuses.remember(stored, max((verdict.at for verdict in stored), default=0.0))
        self._stored = {verdict.subject for verdict in stored} - {subject.notices()}  #: that one is judged elsewhere

    def turn(self, results: Iterable[Result], reach: Mapping[str, bool], now: float) -> list[Change]:
        """One cycle.

        Args:
            results: the newest answers; those already known do no harm.
            reach: center id -> whether the desk reached its Prometheus just now; empty if there is none to reach.
            now: Unix time.

        Returns:
            The changes that this cycle recorded.
        """
        moved = self._memory.take([*results, *desk_results(reach, now)], now)
        touched = self._memory.touched(now) if self._judged is not None else None
        verdicts = self._judge.judge(self._memory.scene(now), touched)
        verdicts = self._excused(verdicts, now)
        news = [*self._news(verdicts), *self._gone(verdicts, now)]
        changes = self._store.settle(moved, news, now)
        self._settled |= {verdict.subject: verdict for verdict in news}
        self._judged = verdicts
        return changes

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts of the last cycle; none before the first."""
        return self._judged or ()

    def _excused(self, verdicts: tuple[Verdict, ...], now: float) -> tuple[Verdict, ...]:
        """The verdicts after excuses; the very tuple of the last cycle when nothing can have changed."""
        if verdicts is self._raw and not self._excuses.any:
            return self._judged or verdicts
        self._raw = verdicts
        return self._excuses.apply(verdicts, now)

    def _news(self, verdicts: tuple[Verdict, ...]) -> list[Verdict]:
        """The verdicts that say something else than what this watch wrote last."""
        if verdicts is self._judged:
            return []
        return [verdict for verdict in verdicts if _differ(self._settled.get(verdict.subject), verdict)]

    def _gone(self, verdicts: tuple[Verdict, ...], now: float) -> list[Verdict]:
        """Subjects that the store remembers and the estate no longer has: unknown from now on."""
        gone = self._stored - {verdict.subject for verdict in verdicts} if self._stored else ()
        self._stored = set()
        reason = Reason(GONE)
        return [Verdict(about, Status.UNKNOWN, Fault.NONE, reason, now, now) for about in sorted(gone)]


def turn(
    store: Store,
    estate: Estate,
    checks: Iterable[Check],
    results: Iterable[Result],
    *,
    reach: Mapping[str, bool],
    now: float,
) -> list[Change]:
    """A single cycle that remembers everything through the store: for a watch that is started afresh each time."""
    return Cycle(store, estate, checks).turn(results, reach, now)


def _differ(known: Verdict | None, verdict: Verdict) -> bool:
    if known is verdict:
        return False
    return known is None or (known.status, known.fault, known.cause, known.doubt, known.because) != (
        verdict.status,
        verdict.fault,
        verdict.cause,
        verdict.doubt,
        verdict.because,
    )
