"""What a Prometheus (or anything that speaks its query interface) says, now or of the past: bounded, or why not."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, TypeVar

from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException

from checks.deadline import Deadline
from checks.fetch import FAILURES, BoundedSession, place, why
from checks.result import Result, Status
from checks.sentence import clean

_LIMIT = 32 * 1024 * 1024  #: bytes of an answer; 2,000 checks are 2 MB
_AHEAD = 60.0  #: seconds that a center's clock may be ahead of ours
_KEPT = "tricenter_check_status", "tricenter_check_at_seconds"  #: what is enough to judge by afterwards
_RESULTS = '{__name__=~"tricenter_check_(status|at_seconds|took_seconds|value)"}'
_PREFIX = "tricenter_check_"
_Read = TypeVar("_Read")


class NoAnswer(Exception):
    """Prometheus gave no usable answer; the text says why."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One series at one instant; the value may be NaN or infinite."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Answer:
    """All series that answer a query. ``partial`` is the server's own warning that some are missing, or empty."""

    samples: tuple[Sample, ...]
    partial: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """The newest results a Prometheus knows; ``partial`` as in :class:`Answer`."""

    results: tuple[Result, ...]
    partial: str = ""


def instant(url: str, query: str, deadline: Deadline) -> Answer:
    """Evaluate ``query`` now, by the server's own clock. Blocks until the deadline; raises :class:`NoAnswer`."""
    return _asked(url, query, deadline, {}, lambda found, body: Answer(tuple(_samples(found)), _warnings(body)))


def read_history(url: str, vantage: str, start: float, end: float, timeout: float) -> Reading:
    """Every answer of a vantage that was scraped in ``[start, end]`` (Unix seconds), oldest first, once each.

    Asked with a range selector at one instant, which gives the samples as they were scraped: ``query_range`` would
    evaluate them on a grid of its own and repeat the last one for five minutes after a silence. Sentences are not in
    metrics. Raises :class:`NoAnswer`, also when the clock over there is not ours.
    """
    deadline = Deadline.after(timeout)
    names = "|".join(_KEPT)
    query = f'{{__name__=~"{names}",vantage={json.dumps(vantage)}}}[{math.ceil((end - start) * 1000)}ms]'
    return _asked(url, query, deadline, {"time": f"{end:.3f}"}, lambda found, body: _history(found, body, vantage))


def ahead(url: str, now: float, timeout: float) -> float:
    """How many seconds the clock over there is ahead of ours, as far as one question can tell; or NoAnswer."""
    samples = instant(url, "time()", Deadline.after(timeout)).samples
    if not samples or not isfinite(samples[0].value):
        raise NoAnswer(f"Prometheus at {place(url)} does not know what time it is")
    return samples[0].value - now


def _asked(
    url: str, query: str, deadline: Deadline, params: Mapping[str, str], read: Callable[[Any, bytes], _Read]
) -> _Read:
    """One question and what ``read`` makes of the answer; whatever goes wrong is a :class:`NoAnswer`."""
    with BoundedSession(deadline, _LIMIT) as session:
        try:
            client = PrometheusConnect(url=url.rstrip("/"), session=session, retry=0)
            session.mount(client.url, session.adapter())  # it has just mounted one without bounds
            return read(client.custom_query(query, params=dict(params)), session.body)
        except PrometheusApiClientException as error:
            raise NoAnswer(f"Prometheus at {place(url)} refuses the query: {_told(session.body)}") from error
        except (KeyError, TypeError, IndexError, AttributeError, RecursionError, json.JSONDecodeError) as error:
            raise NoAnswer(f"{place(url)} does not answer like Prometheus: {_told(session.body)}") from error
        except FAILURES as error:
            raise NoAnswer(f"Prometheus at {why(error, url, deadline, _LIMIT)}") from error


def _samples(found: Any) -> Iterable[Sample]:
    if isinstance(found, list) and len(found) == 2 and isinstance(found[0], (int, float)):  # a scalar
        yield Sample({}, float(found[1]))
        return
    for series in found:
        labels = {str(name): str(value) for name, value in series["metric"].items()}
        yield Sample(labels, float(series["value"][1]))


def _history(found: Any, body: bytes, vantage: str) -> Reading:
    """Answers from matrices: of each series a value a scrape; status and time of one answer share the scrape's time."""
    scrapes: dict[tuple[str, float], dict[str, float]] = {}
    for series in found:
        labels = series["metric"]
        name, check = str(labels["__name__"]).removeprefix(_PREFIX), labels.get("check")
        for scraped, value in series["values"] if check and labels.get("vantage") == vantage else ():
            scrapes.setdefault((str(check), float(scraped)), {})[name] = float(value)
    results: dict[tuple[str, float], Result] = {}
    for (check, scraped), row in scrapes.items():
        result = _result({"check": check, "vantage": vantage}, row, scraped)
        if result is not None:
            results.setdefault((check, result.at), result)
    return Reading(tuple(sorted(results.values(), key=lambda result: result.at)), _warnings(body))


def _warnings(body: bytes) -> str:
    """The library drops them; they say that data is missing (a store behind Thanos or VictoriaMetrics is away)."""
    if b'"warnings"' not in body:
        return ""
    warnings = json.loads(body).get("warnings") or []
    return clean("; ".join(str(warning) for warning in warnings), 200)


def _told(body: bytes) -> str:
    """The server's own words for an error."""
    try:
        return clean(str(json.loads(body)["error"]), 200)
    except (ValueError, KeyError, TypeError, RecursionError):
        return clean(body, 80) or "nothing"


def read_results(url: str, now: float, timeout: float) -> Reading:
    """The newest result of every check that this Prometheus scrapes, rebuilt from metrics, with one query.

    Sentences, units and evidence are not in metrics. ``now`` is Unix seconds; raises :class:`NoAnswer`.
    """
    answer = instant(url, _RESULTS, Deadline.after(timeout))
    rows: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for sample in answer.samples:
        name = sample.labels.get("__name__", "").removeprefix(_PREFIX)
        key = tuple(sorted((label, value) for label, value in sample.labels.items() if label != "__name__"))
        rows.setdefault(key, {})[name] = sample.value
    newest: dict[tuple[str, str], Result] = {}
    for key, row in rows.items():
        result = _result(dict(key), row, now)
        if result is not None and newest_of(result, newest.get((result.check, result.vantage))) is result:
            newest[result.check, result.vantage] = result
    return Reading(tuple(newest.values()), answer.partial)


def newest_of(one: Result, other: Result | None) -> Result:
    """The younger of two answers to one question; the first when they are the same age."""
    return one if other is None or one.at >= other.at else other


def _result(labels: Mapping[str, str], row: Mapping[str, float], now: float) -> Result | None:
    """A result from its samples; None when there is no telling what was asked or when."""
    check, vantage, at = labels.get("check"), labels.get("vantage"), row.get("at_seconds")
    if not check or not vantage or at is None or not isfinite(at):
        return None
    took, value = row.get("took_seconds", 0.0), row.get("value")
    status = Status.from_number(row.get("status", float("nan")))
    sentence = f"{status.value}, as its Prometheus remembers"
    took, value = took if isfinite(took) else 0.0, value if value is not None and isfinite(value) else None
    return believed(Result(check, vantage, status, sentence, at, took, value), now)


def believed(result: Result, now: float) -> Result:
    """The result, or unknown if it comes from the future: it would never grow stale. ``now`` is Unix seconds."""
    if result.at <= now + _AHEAD:
        return result
    sentence = f"the clock of {clean(result.vantage, 40)} is {result.at - now:.0f} s ahead of ours: not believed"
    return Result(result.check, result.vantage, Status.UNKNOWN, sentence, now, 0.0)
