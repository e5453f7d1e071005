"""What the watch shows of itself to machines: ``/metrics`` for Prometheus and ``/healthz`` for whoever restarts it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus

from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from checks.metrics import TYPE
from checks.sentence import clean
from checks.serving import Page, Query, Route
from state.vitals import Vitals

_PREFIX = "tricenter_watch_"


class _Itself(Collector):
    """The vitals as they are when Prometheus asks."""

    def __init__(self, vitals: Vitals, now: Callable[[], float], size: Callable[[], float], digest: Callable[[], str]):
        self._vitals = vitals
        self._now = now
        self._size = size
        self._digest = digest

    def collect(self) -> Iterator[Metric]:
        vitals = self._vitals
        yield from self._loops()
        yield from self._sources()
        yield CounterMetricFamily(f"{_PREFIX}results", "Answers taken in since the start.", value=vitals.results)
        yield CounterMetricFamily(f"{_PREFIX}changes", "Changes recorded since the start.", value=vitals.changes)
        yield GaugeMetricFamily(f"{_PREFIX}store_bytes", "Size of the store; NaN: not known.", value=self._size())
        yield GaugeMetricFamily(
            f"{_PREFIX}well", "1 if nothing is wrong with the watch itself.", value=not vitals.ill()
        )
        yield GaugeMetricFamily(f"{_PREFIX}pieces", "Pieces of time that wait to be filled.", value=vitals.pieces)
        yield CounterMetricFamily(f"{_PREFIX}reloads", "Times the estate was read again.", value=vitals.reloads)
        refused = GaugeMetricFamily(
            f"{_PREFIX}estate_refused", "1 if the estate's files have mistakes and the old ones still count."
        )
        refused.add_metric([], bool(vitals.refused))
        yield refused
        yield InfoMetricFamily(f"{_PREFIX}estate", "The estate that is watched.", value={"digest": self._digest()})

    def _loops(self) -> Iterator[Metric]:
        lag = GaugeMetricFamily(f"{_PREFIX}loop_lag_seconds", "How late a loop is.", labels=["loop"])
        took = GaugeMetricFamily(f"{_PREFIX}loop_took_seconds", "How long its newest turn took.", labels=["loop"])
        turns = CounterMetricFamily(f"{_PREFIX}loop_turns", "Turns since the start.", labels=["loop"])
        failures = CounterMetricFamily(f"{_PREFIX}loop_failures", "Turns that failed.", labels=["loop"])
        for name, loop in list(self._vitals.loops.items()):
            lag.add_metric([name], self._vitals.lag(name))
            took.add_metric([name], loop.took)
            turns.add_metric([name], loop.turns)
            failures.add_metric([name], loop.failures)
        yield from (lag, took, turns, failures)

    def _sources(self) -> Iterator[Metric]:
        age = GaugeMetricFamily(
            f"{_PREFIX}source_age_seconds", "Age of a source's newest answer; +Inf: none yet.", labels=["source"]
        )
        for source, newest in list(self._vitals.newest.items()):
            age.add_metric([source], math.inf if newest == -math.inf else max(0.0, self._now() - newest))
        reached = GaugeMetricFamily(f"{_PREFIX}source_reached", "1 if it answered the last cycle.", labels=["source"])
        for source, answered in list(self._vitals.reached.items()):
            reached.add_metric([source], answered)
        yield from (age, reached)


def pages(
    vitals: Vitals, now: Callable[[], float], size: Callable[[], float], digest: Callable[[], str]
) -> Mapping[str, Route]:
    """The watch's pages. ``size`` may ask the database: it is called in a thread, and may fail."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Itself(vitals, now, _forgiving(size), digest))
    ProcessCollector(registry=registry)

    async def metrics(_query: Query) -> Page:
        return Page(await asyncio.to_thread(generate_latest, registry), TYPE)

    async def health(_query: Query) -> Page:
        ill = vitals.ill()
        text = "".join(f"{clean(each, 300)}\n" for each in ill) or "ok\n"
        return Page(text.encode(), status=HTTPStatus.SERVICE_UNAVAILABLE if ill else HTTPStatus.OK)

    return {"/metrics": metrics, "/healthz": health}


def _forgiving(size: Callable[[], float]) -> Callable[[], float]:
    """A database that is away must not take the other figures with it."""

    def asked() -> float:
        try:
            return size()
        except Exception:
            return math.nan

    return asked
