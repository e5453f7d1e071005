"""A run read back from its folder or from its evidence bundle: record, plan, estate, samples, manifest.

Nothing in it is taken for true that the chain does not vouch for: a journal that was altered is refused by name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from failover import journal
from failover.drill_record import DrillRecord, Track
from failover.meter import logs
from failover.meter.measure import measure
from failover.plan import Plan
from failover.plan_load import read_file
from failover.records import Kind
from failover.retell import drill_record
from failover.run_folder import RUN_ID, RunFolder
from failover.tracks import on_desk, tracks
from failover.verify_bundle import NoBundle, digest, files, verify
from inventory.errors import InvalidEstate, OperatorError, Problem
from inventory.load import load
from inventory.model import Estate

MOST_MANIFEST = 1 << 24  #: bytes


@dataclass(frozen=True, slots=True)
class Reread:
    """One run, as its files tell."""

    folder: RunFolder
    record: DrillRecord
    plan: Plan | None
    estate: Estate | None  #: as it was; None: it is not in the folder, or cannot be read any more
    tracks: tuple[Track, ...]
    manifest: Mapping[str, Any] = field(default_factory=dict)
    manifest_hash: str = ""
    hosts: tuple[str, ...] = ()  #: on which something was carried out


def reread(run: RunFolder, *, samples: bool = True) -> Reread:
    """Read a run back; ``samples``: its probes and writes too. Raises OperatorError when it is none, or was altered."""
    if not run.journal.is_file():
        raise OperatorError(f"{run.folder} is not the folder of a run: it has no journal")
    found = journal.records(run.journal)
    if found.broken:
        raise OperatorError(f"{run.journal}: {found.broken}; nothing is made of a journal that was altered")
    if not any(record.kind is Kind.OPENED for record in found.records):
        raise OperatorError(f"{run.journal}: no record opens the run")
    plan = _plan(run)
    metered = plan is not None and any(record.kind is Kind.METERS for record in found.records)
    measured = measure(run, found.records, plan.objectives) if plan and metered else None
    there = [logs.read(run.meters / name) for name in logs.vantages(run.meters)] if measured else []
    offsets = {one.vantage: logs.offsets(run.meters / one.vantage, one.boot_id) for one in there}
    measured = measured and on_desk(measured, offsets)
    manifest, raw = _manifest(run)
    return Reread(
        run,
        drill_record(found.records, plan, measured),
        plan,
        _estate(run),
        tracks(there, offsets) if samples else (),
        manifest,
        digest(manifest["alg"], raw) if manifest else "",
        _hosts(run),
    )


def past(folder: Path) -> Iterator[Reread | str]:
    """Every run below a folder, oldest first; a run that cannot be read is told in one line, and costs no other."""
    names = sorted(one.name for one in folder.iterdir()) if folder.is_dir() else []
    for name in names:
        if RUN_ID.fullmatch(name) and (folder / name / "journal.jsonl").is_file():
            try:
                yield reread(RunFolder(folder / name), samples=False)
            except OperatorError as error:
                yield f"{name}: {error}"


def unpacked(bundle: Path, folder: Path) -> RunFolder:
    """A bundle that was found whole, as a run's folder below ``folder``; OperatorError when it is not whole."""
    try:
        problems = verify(bundle)[1]
        if problems:
            raise OperatorError(f"{bundle}: was altered: {problems[0]}")
        run = ""
        for name, data in files(bundle):
            run = run or str(json.loads(data)["run"])
            if not RUN_ID.fullmatch(run):
                raise OperatorError(f"{bundle}: its run has no proper name")
            target = folder / run / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
    except NoBundle as error:
        raise OperatorError(f"{bundle}: {error}") from error
    return RunFolder(folder / run)


def _plan(run: RunFolder) -> Plan | None:
    problems: list[Problem] = []
    found = read_file(run.plan, problems) if run.plan.is_file() else None
    return found.plan if found else None


def _estate(run: RunFolder) -> Estate | None:
    try:
        return load(run.estate) if run.estate.is_dir() else None
    except (InvalidEstate, OSError):
        return None


def _manifest(run: RunFolder) -> tuple[dict[str, Any], bytes]:
    try:
        if run.manifest.stat().st_size > MOST_MANIFEST:
            return {}, b""
        raw = run.manifest.read_bytes()
        read = json.loads(raw)
        sound = isinstance(read["files"], dict) and read["alg"] in {"sm3", "sha256"} and "left_out" in read
        return (read, raw) if sound else ({}, b"")
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}, b""


def _hosts(run: RunFolder) -> tuple[str, ...]:
    try:
        told = json.loads(run.concrete.read_bytes())
        return tuple(str(host) for host in told["hosts"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ()
