"""Values from outside become typed values, or are refused: nothing else may reach a host. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

from pydantic import TypeAdapter, ValidationError

from checks.sentence import clean
from inventory.errors import OperatorError
from inventory.model import Estate, Host, Seconds
from runbooks.card import Card, Input, InputType, shortest

Value = str | int

_LONGEST = 1000  #: characters of any input
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,60}")
_SECONDS: TypeAdapter[float] = TypeAdapter(Seconds)


class InvalidInputs(OperatorError):
    """Inputs that do not fit the card; nothing was run. The message names all of them."""


class _Refused(Exception):
    """One value does not fit; the message says what it should be."""


def _host(text: str, _: Input, estate: Estate, __: Host | None) -> Value:
    if text not in {host.id for host in estate.hosts}:
        raise _Refused("is no host of the estate")
    return text


def _service(text: str, _: Input, __: Estate, host: Host | None) -> Value:
    offered = host.services if host else ()
    if text not in offered:
        raise _Refused(f"is no service of the host; it declares {', '.join(offered) or 'none'}")
    return text


def _path(text: str, wanted: Input, _: Estate, host: Host | None) -> Value:
    if not shortest(text):
        raise _Refused("is not an absolute path in its shortest form")
    if wanted.below:
        allowed = host.labels.get(wanted.below, "") if host else ""
        if not shortest(allowed):
            raise _Refused(f"is not allowed: the host has no label `{wanted.below}` that names a folder")
        if not PurePosixPath(text).is_relative_to(allowed):
            raise _Refused(f"is not below {clean(allowed)}, the host's `{wanted.below}`")
    return text


def _province(text: str, _: Input, estate: Estate, __: Host | None) -> Value:
    if text not in {province.code for province in (estate.exchange.provinces if estate.exchange else ())}:
        raise _Refused("is no province of the exchange")
    return text


def _integer(text: str, wanted: Input, _: Estate, __: Host | None) -> Value:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and wanted.least <= int(text) <= wanted.most):
        raise _Refused(f"is not a whole number from {wanted.least} to {wanted.most}")
    return int(text)


def _seconds(text: str, _: Input, __: Estate, ___: Host | None) -> Value:
    try:
        return int(_SECONDS.validate_python(text))
    except ValidationError:
        raise _Refused("is not a time like 30s, 10m or 2h") from None


def _name(text: str, _: Input, __: Estate, ___: Host | None) -> Value:
    if not _NAME.fullmatch(text):
        raise _Refused("is not a name of letters, digits, `_`, `.` and `-`")
    return text


def _choice(text: str, wanted: Input, _: Estate, __: Host | None) -> Value:
    if text not in wanted.choices:
        raise _Refused(f"is none of {', '.join(wanted.choices)}")
    return text


_READERS: dict[InputType, Callable[[str, Input, Estate, Host | None], Value]] = {
    InputType.HOST: _host,
    InputType.SERVICE: _service,
    InputType.PATH: _path,
    InputType.PROVINCE: _province,
    InputType.INTEGER: _integer,
    InputType.SECONDS: _seconds,
    InputType.NAME: _name,
    InputType.CHOICE: _choice,
}


def _read_one(text: str | None, wanted: Input, estate: Estate, host: Host | None) -> Value:
    if text is None:
        text = wanted.default
    if text is None:
        raise _Refused("is missing")
    if len(text) > _LONGEST or not text.isprintable():
        raise _Refused(f"is longer than {_LONGEST} characters or holds a line break or control character")
    return _READERS[wanted.type](text, wanted, estate, host)


def read(card: Card, given: Mapping[str, str], estate: Estate) -> dict[str, Value]:
    """The card's inputs, typed, with defaults filled in.

    Raises:
        InvalidInputs: with every value that is missing, not asked for, or not what its type demands.
    """
    host = next((host for host in estate.hosts if host.id == given.get("host")), None)
    values: dict[str, Value] = {}
    wrong = [f"`{clean(key, 60)}` is no input of {card.id}" for key in sorted(given.keys() - card.inputs.keys())]
    for key, wanted in card.inputs.items():
        try:
            values[key] = _read_one(given.get(key), wanted, estate, host)
        except _Refused as refused:
            wrong.append(f"{key} `{clean(given.get(key, ''), 120)}` {refused}")
    if wrong:
        raise InvalidInputs("; ".join(wrong))
    return values
