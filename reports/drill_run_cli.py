"""``ops drill run`` and what goes with it, and ``ops failover run``: the same engine behind another guard."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from inventory.errors import OperatorError
from reports.drill_cli import REFUSED, SAMPLE, STORE, EstateFolder, Language, StoreUrl, app, out, pick
from reports.terminal import lines

if TYPE_CHECKING:
    from failover.engine import Ended
    from failover.engine_work import Choices
    from failover.plan_load import PlanFile
    from failover.records import Record
    from failover.run_folder import RunFolder
    from failover.start import Desk

STATE, RUNS = Path("var/desk"), Path("var/drills")
EVIDENCE = "evidence"  #: the folder beside the runs'
UNKNOWN = 3

StateFolder = Annotated[
    Path, typer.Option("--desk", help="Where this desk keeps lock and approvals.", envvar="OPS_DESK")
]
RunsFolder = Annotated[Path, typer.Option("--runs", help="Where runs are kept.", envvar="OPS_DRILLS")]
Person = Annotated[str, typer.Option("--as", help="Id of the person, as the plan's roles name them.")]
Why = Annotated[str, typer.Option("--because", help="Why; it goes on record.")]
RunId = Annotated[str, typer.Argument(help="A run's id; nothing: the newest.")]
TakeOver = Annotated[str, typer.Option("--take-over", help="Go above the epoch that hosts have seen, and why.")]

failover_app = typer.Typer(no_args_is_help=True, help="The real thing: the same engine as a drill, another guard.")


@app.command("run")
def run_command(
    plan: Annotated[str, typer.Argument(help="A plan's name, or its file.")],
    person: Person,
    soak: Annotated[float | None, typer.Option("--soak", help="Seconds to watch, instead of the plan's.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask once more.")] = False,
    kind: Annotated[Literal["rehearsal", "switchover"], typer.Option("--kind")] = "switchover",
    take_over: TakeOver = "",
    estate: EstateFolder = SAMPLE,
    desk: StateFolder = STATE,
    runs: RunsFolder = RUNS,
    store: StoreUrl = STORE,
    lang: Language = "en",
) -> None:
    """Carry out a drill: gates, approvals, meters, steps, soak, commit. Before the gates pass nothing is touched."""
    from failover.engine_work import Choices

    file = pick(plan)
    if not yes and not typer.confirm(_question(file, lang), err=True):
        raise typer.Exit(REFUSED)
    choices = Choices(person, drill=kind, take_over=take_over, soak=soak, versions=_versions())
    _begin(file, estate, _desk(desk, runs, lang), choices, lang, store)


@failover_app.command("run")
def failover_command(
    plan: Annotated[str, typer.Argument(help="A plan's name, or its file.")],
    person: Person,
    confirm: Annotated[str, typer.Option("--confirm", help="Id of the center that is to take over, typed in full.")],
    override: Annotated[list[str] | None, typer.Option("--override", help="gate=reason, for what is unknown.")] = None,
    take_over: TakeOver = "",
    estate: EstateFolder = SAMPLE,
    desk: StateFolder = STATE,
    runs: RunsFolder = RUNS,
    store: StoreUrl = STORE,
    lang: Language = "en",
) -> None:
    """Fail over for real. What a gate cannot know may be taken upon oneself, with a reason; what it knows may not."""
    from failover.engine_work import Choices

    overrides = dict(map(_override, override or []))
    choices = Choices(person, drill="real", overrides=overrides, take_over=take_over, versions=_versions())
    _begin(pick(plan), estate, _desk(desk, runs, lang), choices, lang, store, confirm)


@app.command("resume")
def resume_command(
    person: Person,
    run: RunId = "",
    take_over: TakeOver = "",
    desk: StateFolder = STATE,
    runs: RunsFolder = RUNS,
    lang: Language = "en",
) -> None:
    """Go on with a run that is paused or whose engine died: forward or backward, as it was."""
    _take_up(_desk(desk, runs, lang), run, person, "resume", take_over, lang)


@app.command("abort")
def abort_command(
    person: Person,
    because: Why,
    run: RunId = "",
    take_over: TakeOver = "",
    desk: StateFolder = STATE,
    runs: RunsFolder = RUNS,
    lang: Language = "en",
) -> None:
    """Stop a run and undo exactly what it did."""
    _take_up(_desk(desk, runs, lang), run, person, "abort", take_over, lang, because)


@app.command("status")
def status_command(
    run: RunId = "",
    desk: StateFolder = STATE,
    runs: RunsFolder = RUNS,
    lang: Language = "en",
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Where a run stands, read from its journal alone."""
    from failover.start import alive, look
    from reports.drill_progress import standing

    here = _desk(desk, runs, lang)
    name = here.run(run).run
    found = look(here, name)
    if as_json:
        steps = {step: asdict(each) | {"replied_by": sorted(each.replied_by)} for step, each in found.steps.items()}
        said = {"run": name, "state": found.state.value, "because": found.because, "alive": alive(here, name)}
        sys.stdout.write(json.dumps({**said, "steps": steps}, ensure_ascii=False, indent=2) + "\n")
    else:
        out.print(lines("\n".join(standing(name, found, lang))), soft_wrap=True)


@app.command("say")
def say_command(
    run: RunId,
    what: Annotated[Literal["confirm", "deny", "commit", "roll-back", "real"], typer.Argument()],
    person: Person,
    step: Annotated[str, typer.Option("--step", help="The step whose question is answered.")] = "",
    because: Annotated[str, typer.Option("--because")] = "",
    desk: StateFolder = STATE,
    runs: RunsFolder = RUNS,
) -> None:
    """Say something to a run: answer its question, commit it, order the way back, or say that this is real now."""
    from failover.start import say

    if what in ("confirm", "deny") and not step:
        raise OperatorError(f"`{what}` answers a step: name it with --step")
    told = say(_desk(desk, runs, "en"), run, what, person, because, step)
    out.print(lines(f"{told}: {what}"), soft_wrap=True)


@app.command("approve")
def approve_command(
    plan: Annotated[str, typer.Argument(help="A plan's name, or its file.")],
    role: Annotated[str, typer.Option("--role")],
    person: Person,
    desk: StateFolder = STATE,
) -> None:
    """Approve a plan as it is now; whoever edited it last, or starts it, cannot."""
    from failover.approvals import give

    file, here = pick(plan), _desk(desk, RUNS, "en")
    given = give(here.approvals, file.plan, file.digest, role, person, here.clock.wall())
    hours = (given.until - given.given) / 3600
    out.print(lines(f"{given.plan} {given.plan_digest[:12]}: {role} {person}, {hours:g} h"), soft_wrap=True)


@app.command("kill-switch")
def kill_switch_command(
    what: Annotated[Literal["on", "off", "status"], typer.Argument()] = "status",
    person: Annotated[str, typer.Option("--as")] = "",
    because: Annotated[str, typer.Option("--because")] = "",
    desk: StateFolder = STATE,
) -> None:
    """Stop every run from acting, at once; works when nothing else does."""
    here = _desk(desk, RUNS, "en")
    if what == "on":
        here.kill_switch.throw(person, because, here.clock.wall())
    elif what == "off":
        here.kill_switch.clear()
    thrown = here.kill_switch.read()
    said = f"on {thrown.by} {thrown.because}".rstrip() if thrown else "off"
    out.print(lines(f"kill switch: {said} ({here.kill_switch.file})"), soft_wrap=True)


def _versions() -> dict[str, str]:
    """What would be carried out on hosts, so that readiness can tell when it changes."""
    from failover.content import NAME, content_hash

    return {NAME: content_hash()}


def _desk(state: Path, runs: Path, lang: str) -> Desk:
    from failover.start import Desk
    from reports import drill_progress

    began: list[int] = []

    def tell(record: Record) -> None:
        began[:] = began or [record.mono_ns]
        for text in (drill_progress.line(record, lang, began[0]), drill_progress.advice(record, lang)):
            if text:
                out.print(lines(text), soft_wrap=True)

    return Desk(state, runs, tell=tell)


def _begin(
    file: PlanFile, folder: Path, desk: Desk, choices: Choices, lang: str, store: str, confirm: str | None = None
) -> None:
    from failover.bind import Refusal, bind
    from failover.live import reach
    from failover.reasons import say
    from failover.start import Files, begin
    from inventory.load import load

    estate = load(folder)
    bound = bind(file, estate)
    if isinstance(bound, Refusal):
        out.print(lines("\n".join(say(reason, lang) for reason in bound.reasons)), soft_wrap=True)
        raise typer.Exit(REFUSED)
    target = bound.centers["to"]
    if confirm is not None and confirm != target:
        raise OperatorError(
            f"plan {bound.plan.plan} moves the writer to `{target}`, not to `{confirm}`: nothing was done"
        )
    _ended(desk, begin(desk, reach(estate, store), bound, Files(file.data, folder), choices), lang)


def _take_up(desk: Desk, run: str, person: str, word: str, take_over: str, lang: str, because: str = "") -> None:
    from failover.engine_work import Choices
    from failover.live import reach
    from failover.start import alive, resume, say
    from inventory.load import load

    folder = desk.run(run)
    if alive(desk, folder.run):
        say(desk, folder.run, word, person, because)
        out.print(lines(f"{folder.run}: {word}"), soft_wrap=True)
        return
    choices = Choices(person, take_over=take_over)
    _ended(desk, resume(desk, reach(load(folder.estate)), folder.run, choices, word, because), lang)


def _ended(desk: Desk, work: Coroutine[Any, Any, tuple[str, Ended]], lang: str) -> None:
    """Carry it out; the exit code says how it ended."""
    from failover.records import State
    from reports.drill_progress import state_name

    try:
        run, ended = asyncio.run(work)
    except KeyboardInterrupt:
        out.print(lines("interrupted: the run stays open, `ops drill resume` or `ops drill abort` goes on"))
        raise typer.Exit(UNKNOWN) from None
    out.print(lines(f"{run}: {state_name(ended.state, lang)} {ended.because}".rstrip()), soft_wrap=True)
    if ended.state is not State.PAUSED:
        _sealed(desk.run(run))
    good = (State.COMPLETED, State.COMPLETED_WITH_EXCEPTIONS, State.ROLLED_BACK)
    codes = {State.REFUSED: REFUSED, State.ABORTED: REFUSED, State.PAUSED: UNKNOWN, **dict.fromkeys(good, 0)}
    raise typer.Exit(codes.get(ended.state, 1))


def _sealed(run: RunFolder) -> None:
    """The evidence beside the folder of the runs. That it cannot be written changes nothing about how the run ended."""
    from failover.evidence import bundle

    try:
        archive, head, _ = bundle(run, run.folder.parent.parent / EVIDENCE)
        out.print(lines(f"{archive}\n{head}"), soft_wrap=True)
    except (OSError, OperatorError) as error:
        out.print(lines(f"not sealed: {error}; `ops drill seal {run.run}` does it later"), soft_wrap=True)


def _override(text: str) -> tuple[str, str]:
    gate, equals, reason = text.partition("=")
    if not (gate and equals and reason.strip()):
        raise OperatorError(f"`{text}` is no override: write it like replication-sync='production has no power'")
    return gate, reason.strip()


def _question(file: PlanFile, lang: str) -> str:
    name = file.plan.name.said(lang)
    return f"现在执行“{name}”？" if lang == "zh" else f"Carry out `{name}` now?"
