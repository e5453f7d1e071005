"""Text from outside made fit to be shown in a line: bounded, one line, no control characters."""

from __future__ import annotations

import re
import unicodedata

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_UNSHOWN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  #: Cf holds the bidi overrides that turn text around


def clean(text: str | bytes, limit: int = 300) -> str:
    """One line of at most ``limit`` characters that cannot move a cursor, colour a terminal or reverse the text.

    Terminal sequences vanish whole, other control and format characters and line breaks become single spaces; what was
    cut off shows as ``…``. Quoting for HTML, shells or SQL is the business of where the text is shown or used.
    """
    window = text[: limit * 8]  # bounds the work on megabytes of output
    shown = window.decode(errors="replace") if isinstance(window, bytes) else window
    shown = " ".join(visible(shown).split())
    if len(shown) > limit or len(text) > len(window):
        return shown[: limit - 1] + "…"
    return shown


def visible(line: str) -> str:
    """A line as it is, blanks too, but for what could move a cursor, colour a terminal or reverse the text."""
    return "".join(" " if unicodedata.category(char) in _UNSHOWN else char for char in _ESCAPE.sub("", line))
