"""The evidence of a run: a manifest of its files, one archive of them all, and the hashes that a peer keeps.

The rules of the chain and of the manifest stand in ``failover/verify_bundle.py``, which is copied into every bundle and
checks it alone. Records: canonical JSON is ``json.dumps(record, sort_keys=True, separators=(",", ":"),
ensure_ascii=False)``; ``hash`` is H(prev + "\\n" + canonical JSON of the record without ``hash``).

What cannot be taken in (a link, a file that is too large) is left out and named in the manifest: a bundle that lacks
something says so, and one odd file does not cost the evidence of the rest.
"""

from __future__ import annotations

import gzip
import json
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from failover import verify_bundle
from failover.run_folder import RunFolder
from failover.verify_bundle import FORMAT, JOURNAL, MANIFEST, canonical, chain, digest, dumped
from inventory.errors import OperatorError

VERIFIER = "verify_bundle.py"
HEAD_ENDING = ".head.json"
LONGEST_NAME = 100  #: bytes of a name in the plain archive that every tool reads
#: what comes and goes while a run lives, and is no evidence
_PASSING = (".lock", ".pid", ".tmp", ".sock", ".reserve")


@dataclass(frozen=True, slots=True)
class Sealed:
    """The hashes that vouch for a run, to be kept elsewhere."""

    run: str
    alg: str
    records: int
    journal: str  #: hash of the last record
    manifest: str  #: hash of the manifest: vouches for every file

    def to_json(self) -> dict[str, Any]:
        """What the head file holds."""
        return {name: getattr(self, name) for name in self.__slots__}


def seal(run: RunFolder) -> Sealed:
    """Write the manifest over the run's files as they are now (replacing an earlier one), durably."""
    alg = "sm3" if verify_bundle.OPENSSL_HAS_SM3 else "sha256"
    _write(run.folder / VERIFIER, Path(verify_bundle.__file__).read_bytes())
    made = manifest(run, alg)
    _write(run.manifest, dumped(made))
    journal = made["journal"]
    return Sealed(run.run, alg, journal["records"], journal["head"], digest(alg, dumped(made)))


def manifest(run: RunFolder, alg: str) -> dict[str, Any]:
    """Size and hash of every file of the run but the manifest itself, what was left out and why, the journal's head."""
    listed: dict[str, dict[str, Any]] = {}
    left_out: dict[str, str] = {}
    total = 0
    for name, path in _found(run):
        why = _unfit(name, path, len(listed), total)
        if why:
            left_out[name] = why
            continue
        data = path.read_bytes()
        total += len(data)
        listed[name] = {"size": len(data), "hash": digest(alg, data)}
    found = chain(run.journal.read_bytes() if run.journal.is_file() else b"")
    journal = {"records": len(found.records), "head": found.head}
    shown = {name.encode(errors="replace").decode(): why for name, why in left_out.items()}
    return {"format": FORMAT, "run": run.run, "alg": alg, "journal": journal, "files": listed, "left_out": shown}


def bundle(run: RunFolder, folder: Path) -> tuple[Path, Path, Sealed]:
    """Seal the run and write ``<run>.tar.gz`` and ``<run>.head.json`` into a folder.

    Equal files give equal bytes. The head file belongs to a peer in another center: without it a tail that was cut off,
    or a bundle that was made anew as a whole, cannot be told from the true one.
    """
    if not run.journal.is_file():
        raise OperatorError(f"{run.folder} is not the folder of a run: it has no {JOURNAL}")
    sealed = seal(run)
    listed = json.loads(run.manifest.read_bytes())["files"]
    archive, head = folder / f"{run.run}.tar.gz", folder / f"{run.run}{HEAD_ENDING}"
    folder.mkdir(parents=True, exist_ok=True)
    _write(archive, _packed(run, [MANIFEST, *sorted(listed)]))
    _write(head, canonical(sealed.to_json()) + b"\n")
    return archive, head, sealed


def kept_heads(file: Path) -> tuple[str, ...]:
    """The hashes in a head file that a peer kept; OperatorError when it is none."""
    try:
        with file.open("rb") as opened:
            kept = json.loads(opened.read(65536))
        return (str(kept["manifest"]), str(kept["journal"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise OperatorError(f"{file}: not a head file: {type(error).__name__}") from error


def _found(run: RunFolder) -> Iterator[tuple[str, Path]]:
    for path in sorted(run.folder.rglob("*")):
        name = path.relative_to(run.folder).as_posix()
        if name != MANIFEST and not name.endswith(_PASSING) and (path.is_symlink() or not path.is_dir()):
            yield name, path


def _unfit(name: str, path: Path, count: int, total: int) -> str:
    """Why a file cannot be taken into the bundle, or nothing."""
    if path.is_symlink():
        return "a link"
    if not path.is_file():
        return "not a plain file"
    spelt = name.encode(errors="replace")
    if len(spelt) > LONGEST_NAME or name != spelt.decode() or "\\" in name:
        return "its name is too long or not text"
    size = path.stat().st_size
    if count >= verify_bundle.MOST_FILES - 1 or size > verify_bundle.MOST_BYTES_OF_ONE:
        return "too large, or one too many"
    return "too much in all" if total + size > verify_bundle.MOST_BYTES - (1 << 24) else ""


def _packed(run: RunFolder, names: list[str]) -> bytes:
    raw = BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as squeezed,
        tarfile.open(fileobj=squeezed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name in names:
            data = (run.folder / name).read_bytes()
            member = tarfile.TarInfo(f"{run.run}/{name}")
            member.size, member.mode = len(data), 0o644
            archive.addfile(member, BytesIO(data))
    return raw.getvalue()


def _write(file: Path, data: bytes) -> None:
    """All of it or nothing of it, also when the power goes."""
    draft = file.with_name(f"{file.name}.tmp")
    with draft.open("wb") as opened:
        opened.write(data)
        opened.flush()
        os.fsync(opened.fileno())
    draft.replace(file)
