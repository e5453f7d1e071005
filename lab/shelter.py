"""Where a lab on loopback can live: a short path that servers without privileges may enter."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from lab.errors import LabError
from lab.layout import Layout

#: A unix socket's path ends at 107 bytes; PostgreSQL's is the longest: run/pg/.s.PGSQL.5432.
_LONGEST_FOLDER = 107 - len("/hosts/bigdata-entry/run/pg/.s.PGSQL.5432")
_SHORT = Path("/tmp")  # noqa: S108 - the folder below it is ours alone


def settle(folder: Path) -> Layout:
    """The layout for a lab that a person wants in ``folder``: there, or in a short folder to which it becomes a link.

    Raises LabError when the short folder is somebody else's.
    """
    wanted = folder.resolve()
    if folder.is_symlink():
        return Layout(_own(folder.readlink()))
    if fits(wanted):
        return Layout(wanted)
    digest = hashlib.sha256(str(wanted).encode()).hexdigest()[:8]
    short = _SHORT / f"tri-{os.geteuid()}-{digest}"
    if wanted.is_dir() and not any(wanted.iterdir()):
        wanted.rmdir()
    if wanted.exists():
        raise LabError(f"{wanted} holds other things than a lab; choose an empty folder or a new one")
    _own(short)
    wanted.parent.mkdir(parents=True, exist_ok=True)
    wanted.symlink_to(short)
    return Layout(short)


def fits(folder: Path) -> bool:
    """Whether sockets in it have short enough paths, and (PostgreSQL refuses root) others may enter it."""
    open_to_others = all(path.stat().st_mode & 1 for path in folder.parents if path.exists())
    return len(str(folder)) <= _LONGEST_FOLDER and (os.geteuid() != 0 or open_to_others)


def _own(folder: Path) -> Path:
    """Make the folder, or see that it is ours: in a place where all may write, a name proves nothing."""
    folder.mkdir(mode=0o755, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.geteuid():
        raise LabError(f"{folder} belongs to somebody else; remove it or choose another folder for the lab")
    return folder
