"""From the estate's files to checks that can be asked: one per target, parameters read, every mistake named at once.

Loading has already refused what no kind of check could mean (unknown centers and hosts, doubled ids, time-outs longer
than intervals); what is found here depends on the kind, or on where the check is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from checks.check import Check
from checks.kinds import KINDS
from checks.placeholders import filled, unknown
from checks.targets import Target, targets
from inventory.document import fill, in_order
from inventory.errors import InvalidEstate, Mark, Problem
from inventory.model import Document, Estate, RawCheck
from inventory.wording import nearest

SHORTEST = 0.5  #: seconds; asking more often than this loads the target more than it tells

_COMMON = tuple(name for name in RawCheck.model_fields if name not in ("params", "lines", "mark"))


def expand(estate: Estate) -> tuple[Check, ...]:
    """Every check of the estate at every target, or InvalidEstate with all the mistakes in them."""
    problems: list[Problem] = []
    found = [_check(estate, target, problems) for target in targets(estate, problems)]
    if problems:
        # One check is written once and asked at many targets: a mistake in it is told once.
        once = {(problem.mark, problem.text, problem.message): problem for problem in problems}
        raise InvalidEstate(in_order(once.values()))
    return tuple(check for check in found if check is not None)


def of_vantage(checks: Iterable[Check], center: str) -> tuple[Check, ...]:
    """The checks that are asked from this center."""
    return tuple(check for check in checks if center in check.vantages)


def _check(estate: Estate, target: Target, problems: list[Problem]) -> Check | None:
    """One check ready to be asked; None with the mistakes appended."""
    raw = target.raw
    vantages = _vantages(estate, target, problems)
    interval = estate.defaults.interval if raw.interval is None else raw.interval
    if interval < SHORTEST:
        instead = f"write an interval of at least {SHORTEST:g}s"
        problems.append(_wrong(raw, "interval", raw.id, f"would be asked every {interval:g} s", instead))
    params = _params(target, problems)
    if params is None:
        return None
    return Check(
        id=f"{target.prefix}/{raw.id}",
        subject=target.subject,
        kind=raw.kind,
        params=params,
        vantages=vantages,
        interval=interval,
        timeout=estate.defaults.timeout if raw.timeout is None else raw.timeout,
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
    return None if missing else fill(kind.params, raw, problems, filled(written, target.names), _COMMON)


def _defaults(params: type[Document]) -> dict[str, Any]:
    """Defaults that hold a placeholder, as if the operator had written them."""
    found = {name: field.default for name, field in params.model_fields.items()}
    return {name: default for name, default in found.items() if isinstance(default, str) and "{" in default}


def _vantages(estate: Estate, target: Target, problems: list[Problem]) -> tuple[str, ...]:
    """The centers that ask, in the order of the estate."""
    if target.vantage is not None:
        return (target.vantage,)
    everyone = {center.id for center in estate.centers}
    words = {
        "all": everyone,
        "others": everyone - {target.center or ""},
        "own": everyone & {target.center or ""},
    }
    chosen = {center for word in target.raw.vantage for center in words.get(word, {word})}
    if not chosen:
        text = ", ".join(target.raw.vantage)
        problems.append(_wrong(target.raw, "vantage", text, "leaves no center that asks", "name one that does"))
    return tuple(center.id for center in estate.centers if center.id in chosen)


def _wrong(raw: RawCheck, key: str, text: str, message: str, instead: str) -> Problem:
    """A mistake in a check, at the line of the parameter ``key`` where that is known."""
    return Problem(Mark(raw.mark.file, raw.lines.get(key, raw.mark.line)), text, message, instead)
