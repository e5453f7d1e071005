"""A concrete plan as JSON and back, exactly: what a run keeps of itself, and goes on from after a crash. Pure."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter, ValidationError

from checks.sentence import clean
from failover.concrete import ConcretePlan
from inventory.errors import OperatorError
from inventory.notation import seconds

_PLAN: TypeAdapter[ConcretePlan] = TypeAdapter(ConcretePlan)
_UNITS = (("s", 1.0), ("ms", 0.001), ("m", 60.0), ("h", 3600.0), ("d", 86400.0))


def to_json(plan: ConcretePlan) -> dict[str, Any]:
    """The plan as plain data; times are written as in plan files, so that reading them back is as strict."""
    written = _written(_PLAN.dump_python(plan, mode="json", by_alias=True))
    assert isinstance(written, dict)
    return written


def from_json(document: object) -> ConcretePlan:
    """The plan that :func:`to_json` wrote.

    Raises:
        OperatorError: it is something else, or was changed.
    """
    try:
        return _PLAN.validate_json(json.dumps(document), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise OperatorError(f"this is no concrete plan: {clean(where, 80)}: {clean(first['msg'], 120)}") from error
    except (TypeError, ValueError) as error:
        raise OperatorError(f"this is no concrete plan: {clean(str(error), 120)}") from error


def _written(value: Any) -> Any:
    """Every number with a fraction outside ``give`` is a time."""
    if isinstance(value, dict):
        return {key: item if key == "give" else _written(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_written(item) for item in value]
    return written_time(value) if isinstance(value, float) else value


def written_time(time: float) -> str:
    """A time as a plan writes it, in the first unit in which it reads back exactly."""
    for unit, size in _UNITS:
        number = f"{time / size:.9f}".rstrip("0").rstrip(".")
        if len(number.partition(".")[0]) <= 9 and seconds(f"{number}{unit}") == time:
            return f"{number}{unit}"
    return f"{time:.9f}s"
