"""Reading any document, or a check's parameters, with the same words for the same mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from inventory.document import fill, in_order, load_document
from inventory.errors import InvalidEstate, Mark, Problem
from inventory.model import Document, Port, RawCheck, Seconds

FILE = Path("systems/marriage.yml")


class Params(Document):
    url: str
    method: Literal["GET", "POST"] = "GET"
    status: tuple[int, ...] = (200,)
    headers: dict[str, str] = Field(default_factory=dict)
    slow: Seconds | None = None
    port: Port | None = None
    limit: int | Seconds | None = None


def check(params: dict[str, object], **lines: int) -> RawCheck:
    return RawCheck(id="read", kind="http", params=params, lines=lines, mark=Mark(FILE, 10))


def said(params: dict[str, object], **lines: int) -> list[str]:
    problems: list[Problem] = []
    assert fill(Params, check(params, **lines), problems, known=("interval", "timeout")) is None
    return [str(problem) for problem in problems]


def test_parameters_are_read_strictly_and_one_value_is_a_list_of_one() -> None:
    problems: list[Problem] = []
    found = fill(Params, check({"url": "http://x", "status": 204, "slow": "1s"}), problems)
    assert found == Params(url="http://x", status=(204,), slow="1s")
    assert not problems


def test_filled_in_values_stand_for_the_written_ones() -> None:
    found = fill(Params, check({"url": "http://{address}"}), [], values={"url": "http://192.0.2.1"})
    assert found is not None and found.url == "http://192.0.2.1"


def test_a_mistake_names_the_line_of_its_parameter() -> None:
    assert said({"url": "x", "port": "80", "headers": {"Host": 5}}, port=12, **{"headers.Host": 14}) == [
        'systems/marriage.yml:14: `5` must be text — put it in quotes: "5"',
        "systems/marriage.yml:12: `80` must be a whole number — write 80 without quotes",
    ]


def test_a_misspelt_name_is_put_right_from_all_that_a_check_may_have() -> None:
    assert said({"url": "x", "intervall": "5s"}, intervall=11) == [
        "systems/marriage.yml:11: `intervall` is not known here — did you mean `interval`?"
    ]
    assert said({"url": "x", "methd": "GET"}) == [
        "systems/marriage.yml:10: `methd` is not known here — did you mean `method`?"
    ]


def test_words_from_a_short_list() -> None:
    assert said({"url": "x", "method": "PSOT"}) == [
        "systems/marriage.yml:10: `PSOT` is not known here — did you mean `POST`?"
    ]


def test_a_value_of_several_kinds_names_each_complaint_at_its_line() -> None:
    problems = said({"url": "x", "limit": "soon"}, limit=13)
    assert problems
    assert all(problem.startswith("systems/marriage.yml:13: `soon`") for problem in problems)


class Card(Document):
    id: str
    steps: tuple[Params, ...]


def test_a_document_is_read_with_all_its_mistakes(tmp_path: Path) -> None:
    file = tmp_path / "card.yml"
    file.write_text("id: restart\nsteps:\n  - url: x\n    port: 0\n  - slow: 5\n  - just text\n")
    with pytest.raises(InvalidEstate) as caught:
        load_document(file, Card)
    assert str(caught.value).replace(f"{tmp_path}/", "").splitlines() == [
        "card.yml:4: `0` is too small — write at least 1",
        "card.yml:5: `url` is missing here — add `url: ...`",
        "card.yml:5: `5` is not a time with a unit — write it like 500ms, 30s, 5m, 2h or 1d",
        "card.yml:6: `just text` must be a mapping — write {url: ...}",
    ]


def test_a_sound_document_is_returned(tmp_path: Path) -> None:
    file = tmp_path / "card.yml"
    file.write_text("id: restart\nsteps: [{url: x}]\n")
    assert load_document(file, Card) == Card(id="restart", steps=(Params(url="x"),))


def test_problems_come_once_and_in_order() -> None:
    late, early = Problem(Mark(FILE, 9), "b", "is wrong"), Problem(Mark(FILE, 2), "a", "is wrong")
    assert in_order([late, early, late]) == [early, late]
