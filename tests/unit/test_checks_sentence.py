"""Text from outside becomes one bounded line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.sentence import clean, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("all is well", "all is well"),
        ("two\nlines\tand\r\nmore", "two lines and more"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;new title\x07text", "text"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("bell\x07 nul\x00 c1\x9b31m", "bell nul c1 31m"),
        ("abc\u202efdp.exe", "abc fdp.exe"),
        ("zero\u200bwidth", "zero width"),
        ("{{ lookup('pipe', 'touch owned') }}", "{{ lookup('pipe', 'touch owned') }}"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("婚姻登记：正常", "婚姻登记：正常"),
        (b"bytes \xff\xfe", "bytes \ufffd\ufffd"),
        ("", ""),
    ],
)
def test_is_shown_as_text(text: str | bytes, shown: str) -> None:
    assert clean(text) == shown


def test_long_text_is_cut_and_says_so() -> None:
    assert clean("x" * 10_000_000, 20) == "x" * 19 + "…"


def test_text_hidden_behind_megabytes_of_blanks_is_still_said_to_be_cut() -> None:
    assert clean(" " * 10_000_000 + "x", 20) == "…"


@given(st.text() | st.binary(), st.integers(min_value=1, max_value=50))
def test_is_always_one_printable_line_within_the_limit(text: str | bytes, limit: int) -> None:
    shown = clean(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable() or "\u3000" in shown or any(ord(char) > 127 for char in shown)
    assert len(shown.splitlines()) <= 1
    assert "\x1b" not in shown


def test_a_visible_line_keeps_its_blanks_and_loses_what_cannot_be_seen() -> None:
    assert visible("  a  b\x1b[2J\x9bc\u202ed\te ") == "  a  b c d e "
