"""YAML text into a tree; what an operator should not write is refused here.

Built from the parser's events, so nothing is ever constructed, followed or expanded: tags, anchors, aliases and merge
keys cannot do anything. Plain words mean what they look like (YAML 1.2): ``on``, ``yes`` and ``22:22`` are text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from inventory.errors import Mark, Problem
from inventory.node import UNSEEN, Map, Node, Scalar, Seq, shown

__all__ = ["Map", "Node", "Scalar", "Seq", "parse", "parse_bytes", "read_bytes", "resolve"]

MAX_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 24

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]{1,3})?")
_WORDS: dict[str, object] = dict.fromkeys(("", "~", "null", "Null", "NULL")) | {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse(file: Path, problems: list[Problem]) -> Map | None:
    """Read one YAML file whose top level is a mapping; mistakes are appended to ``problems``.

    Returns None when the text cannot be understood at all, else the tree, also when parts of it were refused.
    """
    data = read_bytes(file, problems)
    return None if data is None else parse_bytes(data, file, problems)


def parse_bytes(data: bytes, file: Path, problems: list[Problem]) -> Map | None:
    """As :func:`parse`, from bytes already read; ``file`` is only named in messages."""
    text = _text(data, file, problems)
    if text is None:
        return None
    unseen = [_unseen(text, found, file) for found in islice(UNSEEN.finditer(text), 20)]
    problems.extend(unseen)
    if unseen:
        return None
    try:
        return _Composer(file, problems).document(text)
    except yaml.MarkedYAMLError as error:
        problems.append(_syntax(error, text, file))
    except yaml.YAMLError as error:
        problems.append(
            Problem(Mark(file, 1), "", f"is not YAML: {shown(str(error))}", "see docs/howto/write-an-estate.md")
        )
    except _TooDeep as error:
        problems.append(
            Problem(
                error.mark, "", f"is nested deeper than {MAX_DEPTH} levels", "an estate needs about eight; flatten it"
            )
        )
    return None


def _unseen(text: str, found: re.Match[str], file: Path) -> Problem:
    mark = Mark(file, text.count("\n", 0, found.start()) + 1)
    instead = "delete it; write the text without control or text-direction characters"
    return Problem(mark, f"U+{ord(found[0]):04X}", "is a character nobody can see", instead)


def read_bytes(file: Path, problems: list[Problem]) -> bytes | None:
    """A file's bytes, or None with a problem: it is missing, not a regular file, or too large."""
    top = Mark(file, 1)
    try:
        if not file.is_file():
            problems.append(Problem(top, shown(file.name), "is missing or is not a file", "create it"))
            return None
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name cannot be used"
        problems.append(Problem(top, shown(file.name), f"cannot be read: {reason}", "check its name, owner and mode"))
        return None
    if len(data) <= MAX_BYTES:
        return data
    problems.append(
        Problem(top, shown(file.name), "is larger than 2 MB", "split it: each system has a file of its own")
    )
    return None


def _text(data: bytes, file: Path, problems: list[Problem]) -> str | None:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = data[error.start : error.start + 4].hex(" ")
        problems.append(Problem(Mark(file, line), found, "is not UTF-8", "save the file as UTF-8 in your editor"))
        return None


_HINTS = (
    ("mapping values are not allowed", "put text that holds `: ` in quotes"),
    ("could not find expected ':'", "write `key: value`, with a space after the colon"),
    ("did not find expected key", "line up the indentation with the lines around it, and close every quote"),
    ("did not find expected ',' or", "close the bracket, and put a comma between entries"),
    ("did not find expected node content", "write a value here, or quote it if it begins with a special character"),
    ("found unexpected end of stream", "close the quote or bracket that was opened here"),
    ("cannot start any token", "quote text that begins with @, `, % or a bracket"),
    ("did not find expected '-' indicator", "line up the `-` of every entry of the list"),
)


def _syntax(error: yaml.MarkedYAMLError, text: str, file: Path) -> Problem:
    """The parser's complaint with the line to look at: where a quote or bracket was opened, else where it stumbled."""
    said, context = error.problem or "cannot be understood", error.context or ""
    opened = error.context_mark if "quoted" in context or "flow" in context else None
    mark = opened or error.problem_mark or error.context_mark
    line = mark.line if mark else 0
    hint = next(
        (hint for words, hint in _HINTS if words in said), "check the indentation and the quotes near this line"
    )
    if re.match(r"[ ]*\t", (text.splitlines() or [""])[min(line, text.count("\n") - 1)]):
        hint = "indent with spaces, never with tabs"
    return Problem(Mark(file, line + 1), "", f"is not YAML: {shown(said)} {shown(context)}".rstrip(), hint)


class _TooDeep(Exception):
    def __init__(self, mark: Mark) -> None:
        super().__init__()
        self.mark = mark


@dataclass(slots=True)
class _Composer:
    """Turns the parser's events into a tree, noting every mistake on the way."""

    file: Path
    problems: list[Problem]
    events: Iterator[Any] = field(default_factory=lambda: iter(()))

    def document(self, text: str) -> Map | None:
        self.events = yaml.parse(text, Loader=_LOADER)
        next(self.events)  # the stream begins
        event = next(self.events)
        if isinstance(event, yaml.StreamEndEvent):
            self._problem(
                Mark(self.file, 1), "", "the file is empty", "see docs/howto/write-an-estate.md for what it holds"
            )
            return None
        root = self._node(next(self.events), 0, None)
        next(self.events)  # the document ends
        following = next(self.events)
        if not isinstance(following, yaml.StreamEndEvent):
            self._problem(self._mark(following), "---", "begins a second document", "keep one document a file")
        if isinstance(root, Map):
            return root
        text = root.text if isinstance(root, Scalar) else ""
        self._problem(root.mark, text, "the file must be a mapping", "write lines like `key: value`")
        return None

    def _node(self, event: Any, depth: int, owner: Mark | None) -> Node:
        mark = self._mark(event)
        if depth > MAX_DEPTH:
            raise _TooDeep(mark)
        if isinstance(event, yaml.AliasEvent):
            self._problem(mark, f"*{event.anchor}", "is an alias, and aliases are not read", "write the value out")
            return Scalar(f"*{event.anchor}", None, mark)
        if event.anchor:
            self._problem(mark, f"&{event.anchor}", "is an anchor, and anchors are not read", "remove it")
        if event.tag:
            self._problem(
                mark, event.tag, "is a tag, and tags are not read", "remove it; quote the value if it is text"
            )
        if isinstance(event, yaml.MappingStartEvent):
            return self._map(depth, owner or mark)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._seq(depth, owner or mark)
        return self._scalar(event, mark)

    def _scalar(self, event: Any, mark: Mark) -> Scalar:
        text = event.value
        if UNSEEN.search(text):
            self._problem(mark, text, "holds a character nobody can see", "remove the escape")
            return Scalar(text, None, mark)
        return Scalar(text, text if event.style else resolve(text), mark)

    def _seq(self, depth: int, mark: Mark) -> Seq:
        items: list[Node] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            item = self._node(event, depth + 1, None)
            self._nothing(item, "-")
            items.append(item)
        return Seq(tuple(items), mark)

    def _map(self, depth: int, mark: Mark) -> Map:
        entries: dict[str, Node] = {}
        keys: dict[str, Mark] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1, None)
            value = self._node(next(self.events), depth + 1, key.mark)
            if not isinstance(key, Scalar):
                self._problem(key.mark, "", "a key must be plain text", "write `key: value`")
            elif key.text in entries:
                first = keys[key.text].line
                self._problem(key.mark, key.text, f"is here twice, first on line {first}", "keep one of the two")
            else:
                self._nothing(value, key.text)
                entries[key.text], keys[key.text] = value, key.mark
        return Map(entries, keys, mark)

    def _nothing(self, node: Node, name: str) -> None:
        """An empty value is a mistake everywhere: nobody can tell whether it was forgotten."""
        if isinstance(node, Scalar) and node.value is None and node.text in _WORDS:
            self._problem(node.mark, name, "has no value", "write one, or remove the line")

    def _problem(self, mark: Mark, text: str, message: str, instead: str) -> None:
        self.problems.append(Problem(mark, shown(text), message, instead))

    def _mark(self, event: Any) -> Mark:
        return Mark(self.file, event.start_mark.line + 1)


def resolve(text: str) -> object:
    """What a plain, unquoted word means: nothing, true or false, a number, or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text
