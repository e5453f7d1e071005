"""Kind ``promql``: any expression against limits. No answer, no series and no number are unknown, never fine."""

from __future__ import annotations

import asyncio
import operator
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import isnan
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from checks.check import Check
from checks.deadline import Deadline
from checks.prometheus import Answer, NoAnswer, Sample, instant
from checks.result import Measurement, Status
from checks.sentence import clean
from inventory.model import Document

_COMPARISON = re.compile(r"^(>=|<=|==|!=|>|<) *(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$")
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_SERIOUS = [Status.OK, Status.UNKNOWN, Status.DEGRADED, Status.DOWN]  #: of several series the last of these speaks
_SHOWN_LABELS = 8
_THREADS = ThreadPoolExecutor(32, thread_name_prefix="promql")  # a Prometheus that hangs holds one a check


def _comparison(text: str) -> str:
    if not _COMPARISON.match(text):
        raise ValueError('a limit is a comparison with a number, like "> 5" or "<= 0.5"')
    return text


Comparison = Annotated[str, AfterValidator(_comparison)]


class Params(Document):
    """What to ask which Prometheus, and which answers are bad."""

    url: str = Field(pattern=r"^https?://[^\s]+$", max_length=500)
    query: str = Field(min_length=1, max_length=5000)
    degraded: Comparison | None = None
    down: Comparison | None = None

    @model_validator(mode="after")
    def _can_fail(self) -> Params:
        if self.degraded is None and self.down is None:
            raise ValueError('a promql check needs degraded or down, like down: "> 5" — it could never fail')
        return self


@dataclass(frozen=True, slots=True)
class Judged:
    """The series that speaks for all."""

    status: Status
    sample: Sample
    limit: str | None  #: the comparison that held


async def probe(check: Check) -> Measurement:
    """Evaluate the expression in a thread."""
    params = check.params
    assert isinstance(params, Params)
    deadline = Deadline.after(check.timeout)
    try:
        answer = await asyncio.get_running_loop().run_in_executor(_THREADS, _measure, params, deadline)
    except NoAnswer as error:
        return Measurement(Status.UNKNOWN, str(error))
    return say(answer, judge(params, answer))


def _measure(params: Params, deadline: Deadline) -> Answer:
    if deadline.passed:
        raise NoAnswer("all workers were busy with other questions")
    return instant(params.url, params.query, deadline)


def judge(params: Params, answer: Answer) -> Judged | None:
    """The worst series; None when there is none. A series that surely is bad speaks before one that is no number."""
    judged = [_judge_one(params, sample) for sample in answer.samples]
    return max(judged, key=lambda each: (_SERIOUS.index(each.status), _distance(each)), default=None)


def _judge_one(params: Params, sample: Sample) -> Judged:
    if isnan(sample.value):
        return Judged(Status.UNKNOWN, sample, None)
    for status, limit in ((Status.DOWN, params.down), (Status.DEGRADED, params.degraded)):
        if limit is not None and holds(limit, sample.value):
            return Judged(status, sample, limit)
    return Judged(Status.OK, sample, None)


def holds(limit: str, value: float) -> bool:
    """Whether ``value`` is what the comparison says."""
    found = _COMPARISON.match(limit)
    assert found, "limits are validated when the estate is loaded"
    return _OPERATORS[found[1]](value, float(found[2]))


def _distance(judged: Judged) -> float:
    """How far beyond its limit: of two bad series the worse one speaks."""
    found = _COMPARISON.match(judged.limit or "")
    return 0.0 if found is None else abs(judged.sample.value - float(found[2]))


def say(answer: Answer, judged: Judged | None) -> Measurement:
    """The measurement: the value of the series that speaks, and which one it is."""
    partial = f" (partial data: {answer.partial})" if answer.partial else ""
    if judged is None:
        return Measurement(Status.UNKNOWN, f"the expression has no series: nothing was measured{partial}")
    name = _named(judged.sample)
    of = f"{name} of {len(answer.samples)} series" if len(answer.samples) > 1 else name
    evidence: dict[str, str | float | int | bool] = {"series": len(answer.samples), "worst": name}
    if answer.partial:
        evidence["partial"] = answer.partial
    if judged.status is Status.UNKNOWN:
        return Measurement(Status.UNKNOWN, f"the value is not a number: {of}{partial}", evidence=evidence)
    held = f", {judged.limit}" if judged.limit else ""
    value = judged.sample.value
    status = Status.UNKNOWN if judged.status is Status.OK and answer.partial else judged.status
    return Measurement(status, f"{value:g}{held}: {of}{partial}", value, "", evidence)


def _named(sample: Sample) -> str:
    """A series as PromQL writes it, bounded."""
    shown = [(name, value) for name, value in sorted(sample.labels.items()) if name != "__name__"][:_SHOWN_LABELS]
    inside = ", ".join(f'{clean(name, 40)}="{clean(value, 60)}"' for name, value in shown)
    return f"{clean(sample.labels.get('__name__', ''), 60)}{{{inside}}}"
