"""``ops drill verify|seal|report|history|findings|tabletop`` and ``ops readiness``: what runs leave, for people."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from inventory.errors import OperatorError
from reports.drill_cli import SAMPLE, STORE, EstateFolder, Language, StoreUrl, app, out, pick
from reports.terminal import lines

if TYPE_CHECKING:
    from failover.readiness_gates import Known
    from failover.reread import Reread
    from failover.tabletop import Card, Decision
    from inventory.model import Estate
    from reports.drill_facts import DrillFacts

DRILLS = Path("var/drills")
EVIDENCE = Path("var/evidence")
REPORTS = Path("var/reports")

Runs = Annotated[Path, typer.Option("--runs", help="Folder of the runs.", envvar="OPS_DRILLS")]
Run = Annotated[str, typer.Argument(help="A run's id, its folder, or its evidence bundle.")]


@app.command("verify")
def verify_command(
    bundle: Annotated[Path, typer.Argument(help="A bundle (.tar.gz), or the folder of a run.")],
    head: Annotated[list[str] | None, typer.Option("--head", help="A hash that was kept elsewhere.")] = None,
    heads: Annotated[list[Path] | None, typer.Option("--head-file", help="A head file that a peer kept.")] = None,
) -> None:
    """Check an evidence bundle: 0 nothing was altered, 1 something was and is named, 2 it is no bundle."""
    from failover.evidence import kept_heads
    from failover.verify_bundle import NoBundle, verify

    kept = [one.lower() for one in head or []] + [one for file in heads or [] for one in kept_heads(file)]
    try:
        facts, problems = verify(bundle, tuple(kept))
    except NoBundle as refusal:
        raise OperatorError(f"REFUSED / 拒绝: {refusal}") from refusal
    told = [*facts, *(f"ALTERED / 被改动: {problem}" for problem in problems)]
    end = "NOT INTACT / 已被改动" if problems else "INTACT / 完整，未被改动"
    out.print(lines("\n".join([*told, end])), soft_wrap=True)
    raise typer.Exit(1 if problems else 0)


@app.command("seal")
def seal_command(
    run: Run, runs: Runs = DRILLS, folder: Annotated[Path, typer.Option("--out", help="Where to.")] = EVIDENCE
) -> None:
    """Write a run's evidence bundle, and the head file that a peer in another center keeps."""
    from failover.evidence import bundle
    from failover.run_folder import RunFolder

    archive, head, sealed = bundle(RunFolder(_folder(run, runs)), folder)
    out.print(lines(f"{archive}\n{head}\n{sealed.alg} {sealed.manifest}"), soft_wrap=True)


@app.command("report")
def report_command(
    run: Run,
    lang: Language = "zh",
    estate: EstateFolder = SAMPLE,
    runs: Runs = DRILLS,
    folder: Annotated[Path, typer.Option("--out", help="Where to.")] = REPORTS,
) -> None:
    """Write the report on a run as one HTML file and print its path."""
    from reports.drill import drill

    with TemporaryDirectory(prefix="tricenter-") as scratch:
        facts = _facts(run, runs, estate, Path(scratch))
        page = drill(facts, lang)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{facts.record.run}-{lang}.html"
    file.write_text(page, encoding="utf-8")
    out.print(lines(str(file)), soft_wrap=True)


@app.command("history")
def history_command(lang: Language = "zh", estate: EstateFolder = SAMPLE, runs: Runs = DRILLS) -> None:
    """Every run with its figures; median and worst of those that can be compared."""
    from failover.history import trends
    from reports.drill_tables import history
    from reports.language import language

    records = [one.record for one in _past(runs)]
    out.print(history(trends(records), _zone(estate), language(lang)))


@app.command("findings")
def findings_command(
    lang: Language = "zh",
    estate: EstateFolder = SAMPLE,
    runs: Runs = DRILLS,
    every: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
) -> None:
    """What runs found and no later run has shown to be mended: who, until when."""
    from failover.findings import register
    from reports.drill_tables import findings
    from reports.language import language

    known = register(one.record for one in _past(runs))
    shown = [one for one in known if every or one.open]
    out.print(findings(shown, time.time(), _zone(estate), language(lang)))
    raise typer.Exit(1 if any(one.open for one in known) else 0)


@app.command("tabletop")
def tabletop_command(
    name: Annotated[str, typer.Argument(help="A plan's name, or its file.")],
    by: Annotated[str, typer.Option("--by", help="Who leads it.")] = "",
    lang: Language = "zh",
    estate: EstateFolder = SAMPLE,
    runs: Runs = DRILLS,
    answers: Annotated[Path | None, typer.Option(help="Answers written down before, one a line.")] = None,
    folder: Annotated[Path, typer.Option("--out", help="Where the bundle and the report go.")] = EVIDENCE,
) -> None:
    """Walk a plan as cards at a table: nothing is touched, every decision is put on record."""
    from failover.content import NAME, content_hash
    from failover.evidence import bundle
    from failover.journal import Journal
    from failover.run_folder import RunFolder, new_id
    from failover.tabletop import prepared, walk
    from inventory.load import load
    from reports.drill import drill

    file, found = pick(name), load(estate)
    table = prepared(_text(answers).splitlines()) if answers else _at_the_table(by or _me(), lang)
    run = RunFolder(runs / new_id(file.plan.plan, time.time()))
    run.folder.mkdir(parents=True)
    _copy(file.data, run, found)
    book = Journal(run.journal, run.run, 0, _Clock())
    try:
        walk(file, found, book, table, starter=by or _me(), versions={NAME: content_hash()})
    finally:
        book.close()
    archive, head, _ = bundle(run, folder)
    report = folder / f"{run.run}-{lang}.html"
    report.write_text(drill(_facts(run.run, runs, estate, folder), lang), encoding="utf-8")
    out.print(lines(f"{archive}\n{head}\n{report}"), soft_wrap=True)


def readiness_command(
    center: Annotated[str, typer.Option("--center", help="If this center failed now; none: every plan.")] = "",
    lang: Language = "zh",
    estate: EstateFolder = SAMPLE,
    store: StoreUrl = STORE,
    runs: Runs = DRILLS,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """If a center failed now, what would happen: gates, what to expect, what is verified. Touches nothing."""
    from failover.content import content_hash
    from failover.findings import register
    from failover.lint import ours
    from failover.readiness import Run as PastRun
    from failover.readiness import Standing, concerns, readiness
    from failover.seen import Passed
    from inventory.load import load
    from reports.drill_tables import readiness as table
    from reports.drill_tables import readiness_json
    from reports.language import language

    found, read = load(estate), list(_past(runs))
    if center and center not in {one.id for one in found.centers}:
        raise OperatorError(f"there is no center `{center}`; there are: {', '.join(one.id for one in found.centers)}")
    past = [PastRun(one.record, one.hosts) for one in read]
    known = _known(found, store, [one.record.run for one in read if one.record.ended is None])
    plans = list(ours().values())
    told = readiness(plans, found, past, known, register(one.record for one in past), content_hash())
    roles = {one.id: str(one.role) for one in found.centers}
    told = tuple(one for one in told if not center or concerns(one, center, roles))
    if as_json:
        sys.stdout.write(json.dumps([readiness_json(one, lang) for one in told], ensure_ascii=False, indent=2) + "\n")
    else:
        out.print(table(told, language(lang)))
    ready = told and all(one.standing is Standing.VERIFIED and one.would is Passed.PASS for one in told)
    stopped = any(one.would is Passed.FAIL for one in told)
    raise typer.Exit(0 if ready else 1 if stopped else 3)


def _known(estate: Estate, url: str, open_runs: list[str]) -> Known:
    """What the store holds; a store that is not there holds nothing."""
    from checks.expand import expand
    from failover.guard_periods import in_force, without_days
    from failover.readiness_gates import Known, newest
    from state.store import Store

    now = time.time()
    freezes, undated = in_force(estate, now), without_days(estate, now)
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return Known(now, open_runs=tuple(open_runs), freezes=freezes, undated=undated)
    asking = {one.id: one.host.id for one in expand(estate) if one.kind == "postgres" and one.host}
    with closing(Store.open(url)) as kept:
        return Known(
            now,
            max((ended for _, ended in kept.watched()), default=None),
            {verdict.subject: verdict for verdict in kept.verdicts()},
            newest(kept.latest(), asking),
            tuple(open_runs),
            freezes,
            undated,
        )


def _past(runs: Path) -> Iterator[Reread]:
    """Every run that can be read; the others are named on the way."""
    from failover.reread import past
    from reports.terminal import console

    err = console(stderr=True)
    for one in past(runs):
        if isinstance(one, str):
            err.print(lines(one), soft_wrap=True)
        else:
            yield one


def _folder(run: str, runs: Path) -> Path:
    from failover.run_folder import RUN_ID

    folder = runs / run if RUN_ID.fullmatch(run) else Path(run)
    if not folder.exists():
        raise OperatorError(f"there is no run `{run}`: neither in {runs} nor as a folder or bundle")
    return folder


def _facts(run: str, runs: Path, estate: Path, scratch: Path) -> DrillFacts:
    """What a report is made of: the run, and its findings as they stand among all runs."""
    from failover.findings import findings, register
    from failover.reread import reread, unpacked
    from failover.run_folder import RunFolder
    from inventory.load import load
    from reports.drill_facts import DrillFacts

    place = _folder(run, runs)
    read = reread(RunFolder(place) if place.is_dir() else unpacked(place, scratch))
    others = [one.record for one in _past(place.parent if place.is_dir() else runs)]
    standing = {one.id: one for one in register([*others, read.record] if read.record not in others else others)}
    found = tuple(standing.get(one.id, one) for one in findings(read.record))
    return DrillFacts(
        read.record, read.estate or load(estate), read.plan, read.tracks, found, read.manifest, read.manifest_hash
    )


def _copy(plan: bytes, run: object, estate: Estate) -> None:
    """The plan and the estate as they are now, into the run's folder."""
    import shutil

    from failover.run_folder import RunFolder

    assert isinstance(run, RunFolder)
    run.plan.write_bytes(plan)
    for file in sorted(Path(estate.folder).rglob("*.yml")):
        target = run.estate / file.relative_to(estate.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def _zone(estate: Path) -> ZoneInfo:
    from inventory.load import load

    return ZoneInfo(load(estate).timezone)


def _text(file: Path) -> str:
    try:
        return file.read_bytes()[:1_000_000].decode(errors="replace")
    except OSError as error:
        raise OperatorError(f"cannot read {file}: {error.strerror}") from error


def _me() -> str:
    return os.environ.get("SUDO_USER") or os.environ.get("USER") or "unknown"


def _at_the_table(leader: str, lang: str) -> Callable[[Card], Decision]:
    """Asks at the terminal."""
    from failover.tabletop import ANSWERS, Decision, shown

    def ask(card: Card) -> Decision:
        out.print(lines("\n".join(shown(card, lang))), soft_wrap=True)
        answer = ""
        while answer not in ANSWERS:
            answer = typer.prompt("/".join(ANSWERS), default="confirm").strip()
        who = typer.prompt("谁 / who", default=leader)
        return Decision(answer, who, typer.prompt("说明 / why", default="", show_default=False))

    return ask


class _Clock:
    """The real clock, as the journal wants it."""

    def mono_ns(self) -> int:
        return time.monotonic_ns()

    def wall(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError  # a table-top waits for people, never for time
