"""Kind ``sftp``: has a partner delivered lately, is what it delivered complete, and is it being taken away.

A batch is a file ``X`` that matches the pattern; ``X.ok`` beside it declares it complete with
``<sha256> <records> <bytes>``. Names are whatever the partner chose: they are matched and shown, never run.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial

from pydantic import Field, model_validator

from checks.check import Check
from checks.deadline import Deadline
from checks.result import Measurement, Status
from checks.sentence import clean
from checks.ssh_connection import Connection
from checks.ssh_pool import POOL
from checks.ssh_target import Entry, Unasked, Unreached
from inventory.model import Document, Seconds

ENTRIES = 10_000  #: entries of a folder that are looked at
_READ = 50  #: manifests read a time, the newest ones
_MANIFEST_LIMIT = 1024  #: bytes of a manifest
_HASHED = 1024 * 1024  #: bytes of the newest batch up to which its content is verified too
_AHEAD = 120.0  #: seconds a file's time may lie in the future; partners set it, a clock or a lie may be wrong
_UNFINISHED = (".ok", ".part", ".filepart", ".tmp")
_MANIFEST = re.compile(rb"^([0-9a-f]{64}) +(\d{1,15}) +(\d{1,15})\s*$")


class Params(Document):
    """What is expected of a folder."""

    path: str = Field(pattern=r"^/[^\x00-\x1f]{0,1000}$")
    pattern: str = Field(default="*", min_length=1, max_length=200)
    fresh: Seconds | None = None  #: the newest complete batch older than this: down
    backlog: int | None = Field(default=None, ge=0)  #: more batches than this waiting: degraded
    complete: bool = True  #: every batch has a manifest that tells the truth
    settling: Seconds = 60.0  #: a batch younger than this may still be on its way to being complete

    @model_validator(mode="after")
    def _can_fail(self) -> Params:
        if self.fresh is None and self.backlog is None and not self.complete:
            raise ValueError("an sftp check needs fresh, backlog or complete — it could never fail")
        return self


@dataclass(frozen=True, slots=True)
class Folder:
    """What was found: batches newest first, manifests as far as they were read (None: vanished meanwhile)."""

    batches: Sequence[Entry]
    declared: frozenset[str]  #: names of batches that have a manifest
    more: bool  #: there were more entries than are looked at
    manifests: Mapping[str, bytes | None]
    hashed: str | None = None  #: name of the newest complete batch, if it was small enough to be read
    digest: str = ""  #: its SHA-256


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be."""

    status: Status
    sentence: str


async def probe(check: Check) -> Measurement:
    """List the folder over the host's shared connection. A host that cannot be asked says nothing of the partner."""
    params = check.params
    assert isinstance(params, Params)
    if check.host is None:
        return Measurement(Status.UNKNOWN, "an sftp check needs a host to log in to")
    try:
        folder = await POOL.ask(check.host, check.timeout, partial(measure, params))
    except FileNotFoundError:
        return Measurement(Status.DOWN, f"the folder {clean(params.path, 120)} does not exist")
    except PermissionError:
        return Measurement(Status.UNKNOWN, f"the folder {clean(params.path, 120)} may not be read by this user")
    except Unasked as why:
        return Measurement(Status.UNKNOWN, f"not known: {why}")
    except Unreached as why:
        return Measurement(Status.UNKNOWN, f"cannot be asked: {why}", evidence={"unreached": True})
    now = time.time()
    return say(params, folder, judge(params, folder, now), now)


def measure(params: Params, connection: Connection, deadline: Deadline) -> Folder:
    """List, read the newest manifests, and the newest complete batch if it is small. Blocks until the deadline."""
    entries, more = connection.listing(params.path, ENTRIES, deadline)
    names = {entry.name for entry in entries}
    found = [entry for entry in entries if fnmatchcase(entry.name, params.pattern) and _is_batch(entry.name)]
    batches = sorted(found, key=lambda entry: (entry.modified, entry.name), reverse=True)
    declared = frozenset(entry.name for entry in batches if f"{entry.name}.ok" in names)
    if not params.complete:
        return Folder(batches, declared, more, {})
    newest = [entry for entry in batches if entry.name in declared][:_READ]
    small = newest[0].name if newest and newest[0].size <= _HASHED else None
    wanted = {f"{params.path}/{entry.name}.ok": _MANIFEST_LIMIT for entry in newest}
    if small is not None:
        wanted[f"{params.path}/{small}"] = _HASHED + 1
    texts = connection.contents(wanted, deadline)
    manifests = {entry.name: texts[f"{params.path}/{entry.name}.ok"] for entry in newest}
    content = texts.get(f"{params.path}/{small}")
    if content is None:
        return Folder(batches, declared, more, manifests)
    return Folder(batches, declared, more, manifests, small, hashlib.sha256(content).hexdigest())


def _is_batch(name: str) -> bool:
    return not name.startswith(".") and not name.endswith(_UNFINISHED)


def judge(params: Params, folder: Folder, now: float) -> list[Finding]:
    """Everything that is wrong, the worst first."""
    findings = [
        *_freshness(params, folder, now),
        *_backlog(params, folder),
        *_completeness(params, folder, now),
        *_times(folder, now),
    ]
    if folder.more:
        findings.append(Finding(Status.DEGRADED, f"more than {ENTRIES} files in the folder: only these were looked at"))
    return sorted(findings, key=lambda finding: -finding.status.number)


def newest_delivered(params: Params, folder: Folder, now: float) -> Entry | None:
    """The newest batch that counts as delivered: not of the future, with its manifest where manifests are asked for."""
    timely = (entry for entry in folder.batches if entry.modified <= now + _AHEAD)
    return next((entry for entry in timely if not params.complete or entry.name in folder.declared), None)


def _times(folder: Folder, now: float) -> list[Finding]:
    ahead = next((entry for entry in folder.batches if entry.modified > now + _AHEAD), None)
    if ahead is None:
        return []
    away = ahead.modified - now
    return [Finding(Status.DEGRADED, f"batch {clean(ahead.name, 80)} carries a time {away:.0f} s in the future")]


def _freshness(params: Params, folder: Folder, now: float) -> list[Finding]:
    if params.fresh is None or folder.more:  # the newest may be among those not looked at
        return []
    newest = newest_delivered(params, folder, now)
    if newest is None:
        return [Finding(Status.DOWN, "no complete batch at all" if folder.batches else "no batch at all")]
    age = now - newest.modified
    if age > params.fresh:
        return [Finding(Status.DOWN, f"the newest batch came {age:.0f} s ago, expected within {params.fresh:.0f} s")]
    return []


def _backlog(params: Params, folder: Folder) -> list[Finding]:
    if params.backlog is None or len(folder.batches) <= params.backlog:
        return []
    return [Finding(Status.DEGRADED, f"{len(folder.batches)} batches wait to be taken, more than {params.backlog}")]


def _completeness(params: Params, folder: Folder, now: float) -> list[Finding]:
    if not params.complete:
        return []
    bad = [(entry, wrong) for entry in folder.batches if (wrong := _wrong(entry, params, folder, now))]
    if not bad:
        return []
    entry, wrong = bad[0]
    others = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    return [Finding(Status.DEGRADED, f"batch {clean(entry.name, 80)} {wrong}{others}")]


def _wrong(entry: Entry, params: Params, folder: Folder, now: float) -> str | None:
    """What is wrong with one batch; None if nothing is."""
    if entry.name not in folder.declared:
        return None if now - entry.modified < params.settling else "has no manifest (.ok)"
    text = folder.manifests.get(entry.name)
    if text is None:  # not read, or taken away between the listing and the reading
        return None
    manifest = _MANIFEST.match(text)
    if manifest is None:
        return "has a manifest that is not `<sha256> <records> <bytes>`"
    if int(manifest[3]) != entry.size:
        return f"has {entry.size} bytes, its manifest says {int(manifest[3])}"
    if entry.name == folder.hashed and manifest[1].decode() != folder.digest:
        return "is not what its manifest says: the SHA-256 differs"
    return None


def say(params: Params, folder: Folder, findings: Sequence[Finding], now: float) -> Measurement:
    """The measurement: the age of the newest delivered batch in seconds, and everything found."""
    newest = newest_delivered(params, folder, now)
    age = None if newest is None else now - newest.modified
    evidence: dict[str, str | float | int | bool] = {"batches": len(folder.batches), "complete": len(folder.declared)}
    if newest is not None:
        evidence["newest"] = clean(newest.name, 120)
    if findings:
        sentence = "; ".join(finding.sentence for finding in findings)
        return Measurement(findings[0].status, sentence, age, "s", evidence)
    since = "no batch yet" if age is None else f"the newest batch came {age:.0f} s ago"
    return Measurement(Status.OK, f"{since}, {len(folder.batches)} in the folder", age, "s", evidence)
