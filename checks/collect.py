"""The newest results of all centers: from each center's Prometheus, in the words of its prober."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from checks.deadline import Deadline
from checks.fetch import Unfetched, fetch, place
from checks.prometheus import NoAnswer, believed, newest_of, read_results
from checks.result import Result, Status
from checks.sentence import clean
from inventory.model import Center, Estate

_LIMIT = 32 * 1024 * 1024  #: bytes of a prober's answer
_NAMED = 50  #: with more checks that are not ok, everything is asked for instead of each by name
_SENTENCE = 500  #: characters kept of a sentence
_EVIDENCE = 20  #: entries kept of a result's evidence
_ROUNDS = 3  #: intervals without a new sample after which Prometheus is taken to have stopped scraping


@dataclass(frozen=True, slots=True)
class CenterView:
    """How one center could be looked at."""

    reached: bool  #: its results are here, from Prometheus or from the prober
    source: str  #: ``prometheus``, ``prober`` or ``none``
    sentence: str
    newest: float | None  #: Unix seconds of the newest result; None: there is none


@dataclass(frozen=True, slots=True)
class Collected:
    """What all centers say, each about what it can see."""

    results: tuple[Result, ...]
    centers: Mapping[str, CenterView]


class _Told(BaseModel):
    """A result as ``/results`` writes it."""

    model_config = ConfigDict(allow_inf_nan=False)

    check: str = Field(min_length=1, max_length=300)
    vantage: str
    status: Status
    sentence: str
    at: float
    took: float
    value: float | None = None
    unit: str = ""
    evidence: dict[str, str | bool | int | float] = {}


class _Page(BaseModel):
    results: list[_Told]


def collect(estate: Estate, now: float, timeout: float) -> Collected:
    """Ask all centers at once; blocks at most ``timeout`` seconds. ``now`` is Unix seconds.

    A center is only believed about its own vantage. Where Prometheus is lost or has gone stale, the prober's own
    results stand in, and the view says so. Never raises: a center that cannot be asked is not reached.
    """
    stale = now - _ROUNDS * estate.defaults.interval
    look = partial(_look, now=now, stale=stale, timeout=timeout)
    with ThreadPoolExecutor(max(1, len(estate.centers)), thread_name_prefix="collect") as threads:
        looks = list(threads.map(look, estate.centers))
    results = tuple(result for found, _ in looks for result in found)
    return Collected(results, {center.id: view for center, (_, view) in zip(estate.centers, looks, strict=True)})


def _look(center: Center, now: float, stale: float, timeout: float) -> tuple[Sequence[Result], CenterView]:
    """One center: Prometheus gets half the time, so that something is left for its prober."""
    deadline = Deadline.after(timeout)
    remembered, trouble = _remembered(center, now, stale, timeout / 2)
    ill = [result for result in remembered if result.status is not Status.OK]
    if trouble is None and not ill:
        return remembered, _view("prometheus", remembered, "read from its Prometheus")
    names = [result.check for result in ill] if trouble is None and len(ill) <= _NAMED else []
    try:
        told = _told(center, names, now, deadline)
    except Unfetched as error:
        return remembered, _without_prober(remembered, trouble, str(error))
    both = _merged(remembered, told)
    if trouble is None:
        return both, _view("prometheus", both, "read from its Prometheus, reasons from its prober")
    return both, _view("prober", both, f"read from its prober directly, because {trouble}")


def _remembered(center: Center, now: float, stale: float, timeout: float) -> tuple[Sequence[Result], str | None]:
    """What the center's Prometheus knows, and what is wrong with that (None: nothing)."""
    if center.prometheus is None:
        return (), "the estate names no Prometheus for it"
    try:
        reading = read_results(center.prometheus, now, timeout)
    except NoAnswer as error:
        return (), str(error)
    own = [result for result in reading.results if result.vantage == center.id]
    newest = max((result.at for result in own), default=None)
    if newest is None:
        return (), f"Prometheus at {place(center.prometheus)} has no results of this center"
    if newest < stale:
        return own, f"the newest result in its Prometheus is {now - newest:.0f} s old"
    return own, f"Prometheus has only part of the data: {reading.partial}" if reading.partial else None


def _told(center: Center, names: Sequence[str], now: float, deadline: Deadline) -> list[Result]:
    """What the center's prober says of these checks, or of all when there are no names; raises :class:`Unfetched`."""
    if center.prober is None:
        raise Unfetched("the estate names no prober for it")
    url = f"{center.prober.rstrip('/')}/results"
    try:
        page = _Page.model_validate_json(fetch(url, [("check", name) for name in names], deadline, _LIMIT))
    except ValidationError as error:
        raise Unfetched(f"{place(url)} does not answer like a prober ({error.error_count()} mistakes)") from error
    return [believed(_result(told), now) for told in page.results if told.vantage == center.id]


def _result(told: _Told) -> Result:
    evidence = {clean(key, 60): clean(value, 200) if isinstance(value, str) else value for key, value in _few(told)}
    sentence, unit = clean(told.sentence, _SENTENCE), clean(told.unit, 20)
    return Result(told.check, told.vantage, told.status, sentence, told.at, told.took, told.value, unit, evidence)


def _few(told: _Told) -> list[tuple[str, str | bool | int | float]]:
    return list(told.evidence.items())[:_EVIDENCE]


def _merged(remembered: Sequence[Result], told: Sequence[Result]) -> list[Result]:
    """For each check the younger answer; the prober's when both are the same one, for it has the words."""
    merged = {result.check: result for result in remembered}
    for result in told:
        merged[result.check] = newest_of(result, merged.get(result.check))
    return list(merged.values())


def _without_prober(remembered: Sequence[Result], trouble: str | None, why: str) -> CenterView:
    if not remembered:
        return CenterView(False, "none", f"not reached: {trouble}; {why}", None)
    beside = f" (but {trouble})" if trouble else ""
    return _view("prometheus", remembered, f"read from its Prometheus{beside}, without reasons: {why}")


def _view(source: str, results: Sequence[Result], sentence: str) -> CenterView:
    newest = max((result.at for result in results), default=None)
    return CenterView(newest is not None, source, sentence, newest)
