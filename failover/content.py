"""What would be carried out on hosts, as one hash: when it changes, a drill has shown something else than would run."""

from __future__ import annotations

import hashlib
from pathlib import Path

ROOT = Path(__file__).parent
PARTS = (ROOT / "remote", ROOT / "meter" / "agent", ROOT.parent / "runbooks" / "playbooks")
NAME = "content"  #: under which a run keeps it among its versions


def content_hash(parts: tuple[Path, ...] = PARTS) -> str:
    """SHA-256 over the names and bytes of the programs and playbooks that reach a host."""
    whole = hashlib.sha256()
    for part in parts:
        for file in sorted(one for one in part.rglob("*") if one.is_file() and one.suffix in {".py", ".yml", ".sh"}):
            data = file.read_bytes()
            whole.update(f"{part.name}/{file.relative_to(part).as_posix()}:{len(data)}:".encode() + data)
    return whole.hexdigest()
