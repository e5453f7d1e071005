"""From the estate's files to checks that can be asked: one per target, parameters read, every mistake named at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from checks.check import Check
from checks.kinds import KINDS
from checks.placeholders import filled, unknown
from checks.targets import Target, targets
from inventory.document import fill, in_order
from inventory.errors import InvalidEstate, Mark, Problem
from inventory.model import Defaults, Document, Estate, RawCheck
from inventory.wording import nearest

SHORTEST = 0.5  #: seconds; asking more often than this loads the target more than it tells

_COMMON = tuple(name for name in RawCheck.model_fields if name not in ("params", "lines", "mark"))


def expand(estate: Estate) -> tuple[Check, ...]:
    """Every check of the estate at every target, or InvalidEstate with all the mistakes in them."""
    problems: list[Problem] = []
    checks: dict[str, Check] = {}
    for target in targets(estate, problems):
        check = _check(estate, target, problems)
        if check is not None and check.id in checks:
            problems.append(_wrong(target.raw, "id", target.raw.id, "is the id of another check here", "rename one"))
        elif check is not None:
            checks[check.id] = check
    if problems:
        raise InvalidEstate(in_order(problems))
    return tuple(checks.values())


def of_vantage(checks: Iterable[Check], center: str) -> tuple[Check, ...]:
    """The checks that are asked from this center."""
    return tuple(check for check in checks if center in check.vantages)


def _check(estate: Estate, target: Target, problems: list[Problem]) -> Check | None:
    """One check ready to be asked; None with the mistakes appended."""
    raw = target.raw
    before = len(problems)
    vantages = _vantages(estate, target, problems)
    interval, timeout = _times(raw, estate.defaults, problems)
    params = _params(target, problems)
    if params is None or len(problems) > before:
        return None
    return Check(
        id=f"{target.prefix}/{raw.id}",
        subject=target.subject,
        kind=raw.kind,
        params=params,
        vantages=vantages,
        interval=interval,
        timeout=timeout,
        confirm=raw.confirm or estate.defaults.confirm,
        host=target.host,
        center=target.center,
    )


def _params(target: Target, problems: list[Problem]) -> Document | None:
    """The kind's own parameters with the target's names filled in."""
    raw = target.raw
    kind = KINDS.get(raw.kind)
    if kind is None:
        problems.append(_wrong(raw, "kind", raw.kind, "is not a kind of check", nearest(raw.kind, KINDS)))
        return None
    written = _defaults(kind.params) | raw.params
    missing = list(unknown(written, target.names))
    for path, name in missing:
        instead = "use one of: " + " ".join(f"{{{known}}}" for known in sorted(target.names))
        problems.append(_wrong(raw, path, f"{{{name}}}", "stands for nothing here", instead))
    if missing:
        return None
    return fill(kind.params, raw, problems, filled(written, target.names), _COMMON)


def _defaults(params: type[Document]) -> dict[str, Any]:
    """Defaults that hold a placeholder, as if the operator had written them."""
    found = {name: field.default for name, field in params.model_fields.items()}
    return {name: default for name, default in found.items() if isinstance(default, str) and "{" in default}


def _vantages(estate: Estate, target: Target, problems: list[Problem]) -> tuple[str, ...]:
    """The centers that ask, in the order of the estate."""
    everyone = [center.id for center in estate.centers]
    if target.vantage is not None:
        return (target.vantage,)
    words = {
        "all": set(everyone),
        "others": set(everyone) - {target.center},
        "own": {target.center},
    }
    chosen: set[str | None] = set()
    for word in target.raw.vantage:
        if word not in words and word not in everyone:
            instead = nearest(word, [*words, *everyone])
            problems.append(_wrong(target.raw, "vantage", word, "is neither a center nor own, others or all", instead))
        chosen |= words.get(word, {word})
    found = tuple(center for center in everyone if center in chosen)
    if not found:
        text = ", ".join(target.raw.vantage)
        problems.append(_wrong(target.raw, "vantage", text, "leaves no center that asks", "name one that does"))
    return found


def _times(raw: RawCheck, defaults: Defaults, problems: list[Problem]) -> tuple[float, float]:
    """Interval and time-out in seconds; a default time-out gives way to a shorter interval."""
    interval = defaults.interval if raw.interval is None else raw.interval
    timeout = min(defaults.timeout, interval) if raw.timeout is None else raw.timeout
    if interval < SHORTEST:
        message = f"is asked every {interval:g} s"
        problems.append(_wrong(raw, "interval", raw.id, message, f"write an interval of at least {SHORTEST:g}s"))
    elif timeout <= 0:
        problems.append(_wrong(raw, "timeout", raw.id, "has no time to answer", "write a timeout like 5s"))
    elif timeout > interval:
        message = f"may take {timeout:g} s but is asked every {interval:g} s"
        problems.append(_wrong(raw, "timeout", raw.id, message, "write a timeout no longer than the interval"))
    return interval, timeout


def _wrong(raw: RawCheck, key: str, text: str, message: str, instead: str) -> Problem:
    """A mistake in a check, at the line of ``key`` where that is known."""
    return Problem(Mark(raw.mark.file, raw.lines.get(key, raw.mark.line)), text, message, instead)
