"""Takes the provinces' complete batches into the database, and clears away what is safely there."""

from __future__ import annotations

import argparse
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from lab.services.exchange_files import CANARIES, CODE, ENVELOPE, describe
from lab.services.pg_pool import conninfo

LOG = logging.getLogger(__name__)
EVERY = 2.0  #: seconds between rounds
SETTLED = 3.0  #: seconds a manifest must be old
KEEP = 3  #: loaded batches of a province that stay in its folder
MAX_BYTES = 1 << 20

LOAD = """INSERT INTO exchange_batch (province, file, records, sha256) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"""
CANARY = """INSERT INTO exchange_canary (run, vantage, epoch, seq) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"""
CANARY_LOADED = """SELECT FROM exchange_canary WHERE (run, vantage, epoch, seq) = (%s, %s, %s::bigint, %s::bigint)"""
LOADED = """SELECT FROM exchange_batch WHERE province = %s AND file = %s"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A batch with its manifest, as found. The name is whatever a province chose to call it."""

    province: str
    path: Path
    arrived: float  #: Unix seconds

    @property
    def manifest(self) -> Path:
        """Beside the batch: ``<batch>.ok``."""
        return self.path.with_name(self.path.name + ".ok")

    @property
    def label(self) -> str:
        """The name as text that is safe to store and log: bytes that are no letters are escaped."""
        return "".join(
            letter if letter.isprintable() else repr(letter)[1:-1]
            for letter in os.fsencode(self.path.name).decode("utf-8", "backslashreplace")
        )


def waiting(exchange: Path, before: float) -> list[Waiting]:
    """Batches whose manifest was complete at ``before`` (Unix seconds), oldest first; what only measures, last."""
    return sorted(_found(exchange, before), key=lambda batch: (batch.province == CANARIES, batch.arrived))


def _found(exchange: Path, before: float) -> Iterator[Waiting]:
    for folder in os.scandir(exchange):
        if not CODE.fullmatch(folder.name) or not folder.is_dir(follow_symlinks=False):
            continue
        for entry in os.scandir(folder):
            if not entry.name.endswith(".csv.ok") or not entry.is_file(follow_symlinks=False):
                continue
            arrived = entry.stat(follow_symlinks=False).st_mtime
            if arrived <= before:
                yield Waiting(folder.name, Path(entry.path.removesuffix(".ok")), arrived)


def verified(batch: Waiting) -> tuple[int, str] | str:
    """Records and SHA-256 of a batch that is what its manifest says; otherwise a sentence.

    Raises FileNotFoundError when the batch is gone.
    """
    try:
        content, said = _read(batch.path), _read(batch.manifest).decode("ascii", "replace").strip()
    except FileNotFoundError:
        raise
    except OSError as error:
        return error.strerror or type(error).__name__
    manifest = describe(content)
    if said != manifest.text().strip():
        return "the content is not what the manifest says"
    return manifest.records, manifest.sha256


def _read(path: Path) -> bytes:
    """A regular file's content: a symbolic link or a giant is refused."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise OSError(27, "larger than a batch may be")
    return content


def surplus(loaded: list[Waiting]) -> list[Waiting]:
    """Of the loaded batches in the folders, oldest first, those beyond the newest few of each province."""
    newest: dict[str, int] = {}
    spare = []
    for batch in reversed(loaded):
        newest[batch.province] = newest.get(batch.province, 0) + 1
        if newest[batch.province] > KEEP:
            spare.append(batch)
    return spare


class Ingest:
    """What has been seen so far; the database is what counts, this only saves asking it again."""

    def __init__(self, exchange: Path, conninfo: str) -> None:
        self._exchange = exchange
        self._conninfo = conninfo
        self._connection: psycopg.Connection[Any] | None = None
        self._loaded: set[Waiting] = set()
        self._rejected: set[Waiting] = set()

    def round(self, now: float) -> None:
        """Load what waits, then clear away; a database that is away leaves everything where it is."""
        found = waiting(self._exchange, now - SETTLED)
        self._loaded &= set(found)
        self._rejected &= set(found)
        try:
            for batch in found:
                if batch not in self._loaded and batch not in self._rejected:
                    self._take(batch)
        except psycopg.Error as error:
            LOG.warning("the database does not take batches: %s", str(error).strip().splitlines()[:1])
            self._hang_up()
        for batch in surplus([batch for batch in found if batch in self._loaded]):
            batch.path.unlink(missing_ok=True)
            batch.manifest.unlink(missing_ok=True)

    def _take(self, batch: Waiting) -> None:
        try:
            outcome = verified(batch)
        except FileNotFoundError:
            self._finish_clearing(batch)
            return
        match outcome:
            case str(reason):
                LOG.warning("left %s %s: %s", batch.province, batch.label, reason)
                self._rejected.add(batch)
            case (records, sha256):
                self._load(batch, records, sha256)

    def _load(self, batch: Waiting, records: int, sha256: str) -> None:
        """A province's batch among the batches; an envelope into its own table, never among them."""
        if batch.province != CANARIES:
            self._database().execute(LOAD, (batch.province, batch.label, records, sha256))
        elif envelope := ENVELOPE.fullmatch(batch.label):
            self._database().execute(CANARY, envelope.groups())
        else:
            LOG.warning("left %s: no envelope", batch.label)
            self._rejected.add(batch)
            return
        self._loaded.add(batch)

    def _finish_clearing(self, batch: Waiting) -> None:
        """A manifest alone: clearing away was interrupted if the batch is in the database, else it was lost."""
        envelope = ENVELOPE.fullmatch(batch.label) if batch.province == CANARIES else None
        asked = (CANARY_LOADED, envelope.groups()) if envelope else (LOADED, (batch.province, batch.label))
        if self._database().execute(*asked).fetchone():
            batch.manifest.unlink(missing_ok=True)
        else:
            LOG.warning("%s %s: a manifest without its batch", batch.province, batch.label)
            self._rejected.add(batch)

    def _database(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._conninfo, autocommit=True)
        return self._connection

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def main() -> None:
    """Go round until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exchange", type=Path, required=True)
    parser.add_argument("--center", required=True)
    parser.add_argument("--database-host", required=True)
    parser.add_argument("--database-port", type=int, required=True)
    parser.add_argument("--password-file", type=Path, required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    words = conninfo(
        options.database_host,
        options.database_port,
        "civil",
        "app",
        options.password_file,
        application_name=f"{options.center}-ingest",
        target_session_attrs="read-write",
    )
    ingest = Ingest(options.exchange, words)
    while True:
        try:
            ingest.round(time.time())
        except OSError as error:
            LOG.warning("the exchange cannot be read: %s", error)
        time.sleep(EVERY)


if __name__ == "__main__":
    main()
