"""Inputs: typed or refused; hostile text is refused, or stays text."""

from __future__ import annotations

from typing import Any

import pytest

from inventory.model import Name
from runbooks.card import Card, Input, InputType
from runbooks.catalogue import load
from runbooks.inputs import InvalidInputs, read
from tests.fakes import small_estate as small

ESTATE = small.estate()
TEMPLATE = "{{ lookup('pipe', 'touch owned') }}"
HOSTILE = [TEMPLATE, "; touch owned", "$(touch owned)", "`touch owned`", "a\ntouch owned", "\x1b[2J", "", "x" * 5000]


def card(**wanted: Any) -> Card:
    """A card with ``host`` and the inputs given as keyword: type or dict."""
    name = Name(zh="名", en="name")
    inputs = {"host": Input(type=InputType.HOST, name=name)}
    inputs |= {key.replace("_", "-"): Input(name=name, **spec) for key, spec in wanted.items()}
    return load()["restart-service"].model_copy(update={"inputs": inputs})


def one(kind: str, text: str, **spec: Any) -> object:
    return read(card(value={"type": kind, **spec}), {"host": "app1", "value": text}, ESTATE)["value"]


@pytest.mark.parametrize(
    ("kind", "text", "spec", "value"),
    [
        ("host", "app2", {}, "app2"),
        ("service", "app", {}, "app"),
        ("path", "/srv/数据/a b", {}, "/srv/数据/a b"),
        ("path", "/srv/scratch/x", {"below": "scratch"}, "/srv/scratch/x"),
        ("path", "/srv/scratch", {"below": "scratch"}, "/srv/scratch"),
        ("integer", "42", {"least": 1, "most": 42}, 42),
        ("seconds", "10m", {}, 600),
        ("choice", "soft", {"choices": ("soft", "hard")}, "soft"),
    ],
)
def test_a_value_of_its_type_is_read(kind: str, text: str, spec: dict[str, Any], value: object) -> None:
    assert one(kind, text, **spec) == value


@pytest.mark.parametrize(
    ("kind", "text", "spec"),
    [
        ("host", "app9", {}),
        ("service", "postgres", {}),  # another host's
        ("service", "sshd", {}),
        ("path", "srv/x", {}),
        ("path", "/", {}),
        ("path", "//srv", {}),
        ("path", "/srv/../etc", {}),
        ("path", "/srv/./x", {}),
        ("path", "/srv/", {}),
        ("path", "/etc", {"below": "scratch"}),
        ("path", "/srv/scratch2", {"below": "scratch"}),
        ("path", "/srv/scratch", {"below": "no-such-label"}),
        ("province", "110000", {}),  # this estate has no exchange
        ("integer", "43", {"most": 42}),
        ("integer", "-1", {}),
        ("integer", "٤", {}),
        ("integer", "1e3", {}),
        ("seconds", "10", {}),
        ("seconds", "-1s", {}),
        ("choice", "medium", {"choices": ("soft", "hard")}),
    ],
)
def test_a_value_of_another_type_is_refused(kind: str, text: str, spec: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputs, match="value"):
        one(kind, text, **spec)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("kind", list(InputType))
def test_hostile_text_fits_no_type(kind: InputType, text: str) -> None:
    spec = {"choices": ("soft",)} if kind is InputType.CHOICE else {}
    with pytest.raises(InvalidInputs) as refused:
        one(kind, text, **spec)
    assert "\n" not in str(refused.value)
    assert "\x1b" not in str(refused.value)


def test_all_that_is_wrong_is_told_at_once_and_nothing_unasked_is_taken() -> None:
    wanted = card(value={"type": "integer"}, folder={"type": "path"})
    with pytest.raises(InvalidInputs) as refused:
        read(wanted, {"host": "nobody", "value": "x", "ansible_connection": "local"}, ESTATE)
    for word in ("nobody", "value `x`", "folder", "is missing", "ansible_connection"):
        assert word in str(refused.value)


def test_a_default_is_read_like_any_other_value() -> None:
    wanted = card(value={"type": "seconds", "default": "5m"})
    assert read(wanted, {"host": "app1"}, ESTATE) == {"host": "app1", "value": 300}


def test_a_province_must_be_one_of_the_exchange() -> None:
    province = {"code": "110000", "name": {"zh": "北京市", "en": "Beijing"}, "mark": {"file": "x", "line": 1}}
    estate = small.estate(exchange={"system": "data-hub", "provinces": [province], "hosts": ["app1"]})
    wanted = card(value={"type": "province"})
    assert read(wanted, {"host": "app1", "value": "110000"}, estate)["value"] == "110000"
    with pytest.raises(InvalidInputs):
        read(wanted, {"host": "app1", "value": "120000"}, estate)
