"""Strict YAML into models: every mistake at once, each with file:line, the text, and what to write instead.

The rest of the product reads its own files (a check's parameters, a runbook's card) through the same functions, so a
mistake looks the same wherever it was made. ``tree.py`` reads the text, ``shape.py`` brings it into a model's shape,
the model judges it, and ``wording.py`` says what the model found.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from inventory.errors import InvalidEstate, Problem
from inventory.model import RawCheck
from inventory.node import Node, plain, planted
from inventory.shape import shaped
from inventory.tree import parse
from inventory.wording import problem

M = TypeVar("M", bound=BaseModel)


def load_document(file: Path, model: type[M]) -> M:
    """Read one YAML file as a model, or raise InvalidEstate with every mistake in it."""
    problems: list[Problem] = []
    tree = parse(file, problems)
    read_model = read(model, tree, problems) if tree else None
    if read_model is None or problems:
        raise InvalidEstate(in_order(problems))
    return read_model


def read(model: type[M], node: Node, problems: list[Problem]) -> M | None:
    """A part of a document as a model; None, with the mistakes appended to ``problems``, when it is not one."""
    return judged(model, shaped(node, model, problems), problems)


def fill(
    model: type[M],
    check: RawCheck,
    problems: list[Problem],
    values: Mapping[str, Any] | None = None,
    known: Collection[str] = (),
) -> M | None:
    """The parameters of a check as its kind's model; mistakes name the line of the parameter.

    ``values`` are the parameters with placeholders filled in (default: as written); ``known`` are further names to
    suggest for a misspelt one, such as the fields that every check has.
    """
    written = planted(dict(check.params if values is None else values), check.mark, check.lines)
    return judged(model, shaped(written, model, problems), problems, known)


def judged(model: type[M], node: Node, problems: list[Problem], known: Collection[str] = ()) -> M | None:
    """A tree already in shape as a model, or None with the mistakes appended."""
    found = validated(model, node)
    if not isinstance(found, list):
        return found
    problems.extend(said for error in found if (said := problem(error, model, node, known)))
    return None


def in_order(problems: Collection[Problem]) -> list[Problem]:
    """Each problem once, file by file and line by line."""
    return sorted(dict.fromkeys(problems), key=lambda one: (str(one.mark.file), one.mark.line))


def validated(model: type[M], node: Node) -> M | list[ErrorDetails]:
    """A tree as a model, or the model's own errors.

    Strictly: in JSON mode lists are tuples and words are members of enums, but "22" is no number and 1 no truth.
    """
    try:
        return model.model_validate_json(json.dumps(plain(node)), strict=True)
    except ValidationError as error:
        return error.errors(include_url=False)
