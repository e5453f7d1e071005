"""Which hosts an operator means."""

from __future__ import annotations

from pathlib import Path

import pytest

from inventory.load import load
from inventory.model import Estate
from inventory.selector import InvalidSelector, matches, select

BASE = Path(__file__).parent.parent / "golden" / "broken" / "base"


@pytest.fixture(scope="module")
def estate() -> Estate:
    return load(BASE)


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("", "one-app one-db two-app three-app"),
        ("all", "one-app one-db two-app three-app"),
        ("one-db", "one-db"),
        ("host=one-db|two-app", "one-db two-app"),
        ("center=one", "one-app one-db"),
        ("center=one,role=db", "one-db"),
        (" center = one , role = db ", "one-db"),
        ("center!=one", "two-app three-app"),
        ("role!=db,center=one|two", "one-app two-app"),
        ("site=north", "one-app one-db two-app"),
        ("site=south", "three-app"),
        ("system=news", "one-app three-app"),
        ("system=marriage,center!=one", "two-app"),
        ("service=postgresql", "one-db"),
        ("label.rack=A1", "one-app"),
        ("label.rack!=A1", "one-db two-app three-app"),
        ("center=one,center=two", ""),
    ],
)
def test_selecting(estate: Estate, text: str, hosts: str) -> None:
    assert " ".join(host.id for host in select(estate, text)) == hosts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("centre=one", "selector: `centre` is not a key — did you mean `center`?"),
        ("center=onne", "selector: no host has center=onne — did you mean `one`?"),
        ("center!=onne", "selector: no host has center=onne — did you mean `one`?"),
        ("one-dp", "selector: no host has host=one-dp — did you mean `one-db`?"),
        ("center=", "selector: `center=` has no value — write it like center=dr,role=db"),
        ("center=one,", "selector: `` has no value — write it like center=dr,role=db"),
        ("center=one|", "selector: `center=one|` has no value — write it like center=dr,role=db"),
        ("label.floor=3", "selector: no host has label.floor=3 — remove it"),
        ("; touch owned", "selector: no host has host=; touch owned — use one of: one-app, one-db, three-app, two-app"),
    ],
)
def test_a_typing_error_is_not_an_empty_answer(estate: Estate, text: str, said: str) -> None:
    with pytest.raises(InvalidSelector) as caught:
        select(estate, text)
    assert str(caught.value) == said


def test_a_host_alone(estate: Estate) -> None:
    host = estate.host("one-db")
    assert matches(host, "center=one,role=db")
    assert not matches(host, "center=two")
    assert matches(host, "")
    with pytest.raises(InvalidSelector, match="cannot be asked of a host alone"):
        matches(host, "system=marriage")
