"""The text of a runit ``run`` script. Pure."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from lab.service import Place

_HEAD = ("#!/bin/sh", "exec 2>&1", "set -eu")


def script(*lines: str) -> str:
    """A shell script that stops at the first error; empty lines are left out and the last line should ``exec``."""
    return "\n".join((*_HEAD, *filter(None, lines))) + "\n"


def command(*words: str | Path | int) -> str:
    """One shell line with every word quoted."""
    return " ".join(quote(str(word)) for word in words)


def as_user(place: Place, *words: str | Path | int) -> str:
    """The command for servers that refuse root: as the place's user, or as whoever runs the lab."""
    return command(*(("chpst", "-u", place.user) if place.user else ()), *words)


def python_environment(place: Place) -> str:
    """Shell lines before a program of the project runs: its source is read-only and not the working folder."""
    return "\n".join(
        (f"cd {quote(str(place.folder))}", f"export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={quote(str(place.project))}")
    )


def program(place: Place, module: str, *options: str | Path | int, before: str = "") -> str:
    """The run script of a Python program in ``lab/services/``.

    ``-P`` keeps the working folder, which others write to, off the import path.
    """
    line = command(place.python, "-P", "-m", f"lab.services.{module}", *options)
    return script(before, python_environment(place), f"exec {line}")
