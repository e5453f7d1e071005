#!/usr/bin/env python3
"""Tricenter: operations for an estate that lives in two sites and three data centers.

Exit codes: 0 healthy or done, 1 not healthy, 2 bad input, 3 unknown, 4 refused.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import ZoneInfo

import typer

from checks.result import Result, Status
from inventory.errors import OperatorError
from inventory.load import load
from lab.cli import app as lab_app
from reports import drill_run_cli, terminal
from reports.drill_cli import app as drill_app
from reports.drill_evidence_cli import readiness_command
from reports.incident_cli import app as incident_app

# A verb imports the parts it wires together: a prober, started in every center, needs neither charts nor a store.
if TYPE_CHECKING:
    from checks.check import Check
    from inventory.model import Estate
    from inventory.people import People
    from reports.messenger import Messenger
    from state.store import Store

SAMPLE = Path(__file__).parent / "inventory" / "estates" / "civil-affairs"
STORE = "sqlite:///var/state.sqlite"
RUNS = Path("var/runs")
EXIT = {Status.OK: 0, Status.DEGRADED: 1, Status.DOWN: 1, Status.UNKNOWN: 3}
REFUSED = 4

EstateFolder = Annotated[Path, typer.Option("--estate", help="Folder of the estate.", envvar="OPS_ESTATE")]
StoreUrl = Annotated[str, typer.Option("--store", help="Where the state is kept.", envvar="OPS_STORE")]
Selector = Annotated[str, typer.Argument(help="Such as center=dr,role=db; nothing means everything.")]
CenterId = Annotated[str, typer.Option("--center", help="Id of a center.")]
Language = Annotated[Literal["zh", "en"], typer.Option("--lang", help="Language of the text.")]
out = terminal.console()
err = terminal.console(stderr=True)

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
inventory_app = typer.Typer(no_args_is_help=True, help="The estate in the forms that other tools read.")
prometheus_app = typer.Typer(no_args_is_help=True, help="Prometheus configuration from the estate.")
runbook_app = typer.Typer(no_args_is_help=True, help="What may be done to one thing.")
report_app = typer.Typer(no_args_is_help=True, help="What managers and auditors read.")
app.add_typer(inventory_app, name="inventory")
app.add_typer(prometheus_app, name="prometheus")
app.add_typer(runbook_app, name="runbook")
app.add_typer(report_app, name="report")
app.add_typer(drill_app, name="drill")
app.add_typer(drill_run_cli.failover_app, name="failover")
app.command("readiness")(readiness_command)
app.add_typer(incident_app, name="incident")
app.add_typer(lab_app, name="lab")


@app.command()
def version() -> None:
    """The version, and where this copy runs from."""
    out.print(terminal.lines(f"tricenter, running from {Path(__file__).resolve()}"), soft_wrap=True)


@app.command()
def validate(estate: EstateFolder = SAMPLE) -> None:
    """Read the estate, its checks and the runbooks' cards strictly; every mistake is named with file and line."""
    from inventory.people_load import load_people
    from runbooks import catalogue

    found, checks = _read(estate)
    people = load_people(found)
    cards = catalogue.load()
    out.print(
        f"{found.id}: {len(found.centers)} centers, {len(found.hosts)} hosts, {len(found.systems)} systems, "
        f"{len(checks)} checks, {len(cards)} runbooks, {len(people.plans)} emergency plans; nothing to mend"
    )


@inventory_app.command("hosts")
def inventory_hosts(selector: Selector = "", estate: EstateFolder = SAMPLE) -> None:
    """The hosts that a selector means."""
    from inventory.selector import select

    out.print(terminal.hosts(select(load(estate), selector)))


@inventory_app.command("ansible")
def inventory_ansible(estate: EstateFolder = SAMPLE) -> None:
    """The estate as an Ansible inventory (JSON)."""
    from inventory.ansible import inventory

    sys.stdout.write(json.dumps(inventory(load(estate)), ensure_ascii=False, indent=2) + "\n")


@inventory_app.command("known-hosts")
def inventory_known_hosts(estate: EstateFolder = SAMPLE) -> None:
    """The hosts' keys in the form of ssh's known_hosts."""
    from inventory.known_hosts import known_hosts

    sys.stdout.write(known_hosts(load(estate)))


@prometheus_app.command("render")
def prometheus_render(
    center: CenterId, folder: Annotated[Path, typer.Option("--out", help="Where to.")], estate: EstateFolder = SAMPLE
) -> None:
    """Write a center's prometheus.yml and its targets into a folder."""
    from inventory.prometheus import render

    for name, text in render(load(estate), center).items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


@app.command()
def check(selector: Selector = "", estate: EstateFolder = SAMPLE) -> None:
    """Ask the checks once from here and show the answers."""
    from checks.here import seen_from
    from inventory.selector import select
    from runbooks.verify import together
    from state.desk import DESK

    found, checks = _read(estate)
    hosts = {host.id for host in select(found, selector)}
    asked = [one for one in seen_from(checks, DESK) if not selector or (one.host and one.host.id in hosts)]
    results = _ask(asked)
    out.print(terminal.results(results))
    raise typer.Exit(EXIT[together(result.status for result in results)])


@app.command()
def probe(
    center: CenterId, listen: Annotated[str, typer.Option(help="address:port")], estate: EstateFolder = SAMPLE
) -> None:
    """Be the prober of a center: ask its checks on schedule and serve the answers."""
    from checks import prober

    prober.run(center, load(estate), listen, ready=lambda host, port: err.print(f"{center}: serving on {host}:{port}"))


@app.command()
def watch(
    estate: EstateFolder = SAMPLE,
    store: StoreUrl = STORE,
    every: Annotated[float, typer.Option(help="Seconds from one cycle to the next.")] = 2.0,
    embedded: Annotated[bool, typer.Option(help="Ask the checks from here, without probers.")] = False,
) -> None:
    """The standing watch: collect, judge, record, act; until SIGTERM."""
    import uvloop

    from checks.here import seen_from
    from inventory.people_load import load_people
    from state.desk import DESK

    found, checks = _read(estate)
    people = load_people(found)
    embedded = embedded or not any(center.prometheus or center.prober for center in found.centers)
    checks = seen_from(checks, DESK) if embedded else checks
    with closing(_store(store)) as kept:
        kept.saw_estate(found.digest, found.folder, time.time())
        uvloop.run(_watch(found, checks, kept, every, embedded, people))


async def _watch(
    estate: Estate, checks: tuple[Check, ...], store: Store, every: float, embedded: bool, people: People
) -> None:
    """The cycle as a paragraph."""
    from checks.collect import collect
    from checks.engine import Paced
    from checks.repeat import repeat
    from reports.messenger import Messenger
    from runbooks import catalogue
    from runbooks.responder import Responder
    from state.cycle import Cycle
    from state.desk import DESK

    cycle = Cycle(store, estate, checks)
    answers: deque[Result] = deque()
    asker = Paced(DESK, time.time, answers.append)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    messenger = Messenger(estate, people, store, socket.gethostname(), time.time, time.monotonic, _tell)
    responder = Responder(estate, checks, catalogue.load(), store, RUNS, _ask, time.time, _tell)

    def turn() -> None:
        now = time.time()
        if embedded:
            results, reach = [answers.popleft() for _ in range(len(answers))], {}
        else:
            seen = collect(estate, now, timeout=0.75 * every)
            results, reach = list(seen.results), {center: view.reached for center, view in seen.centers.items()}
        for change in cycle.turn(results, reach, time.time()):
            _tell(terminal.change(change))
        responder.respond(cycle.verdicts)

    try:
        asking = asyncio.ensure_future(asker.run(checks if embedded else (), stop))
        telling = asyncio.ensure_future(_tell_people(messenger, people, stop))
        await repeat(partial(_go_on, turn), every, stop)
        await asyncio.gather(asking, telling)
    finally:
        responder.close()


async def _tell_people(messenger: Messenger, people: People, stop: asyncio.Event) -> None:
    """Tell people until the end, where the estate says how; the heartbeat comes back to a receiver of ours."""
    from checks.repeat import repeat
    from reports.messenger import EVERY
    from reports.receiver import receiving

    if people.notices is None:
        _tell("this estate has no notices.yml: nobody is told of incidents")
        return
    manager = people.notices.alertmanager
    async with AsyncExitStack() as stack:
        if manager is not None and manager.watchdog is not None:
            host, _, port = manager.watchdog.listen.rpartition(":")
            try:
                await stack.enter_async_context(receiving(host, int(port), messenger.hear))
            except OSError as error:
                _tell(f"cannot listen on {host}:{port}, so the heartbeat of the notices cannot come back: {error}")
        await repeat(partial(_go_on, messenger.turn), EVERY, stop)


def _go_on(turn: Callable[[], None]) -> None:
    """A cycle that fails (a full disk, a database that went away) is told, and tried again: the watch goes on."""
    try:
        turn()
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {error}".partition("\n")[0]
        _tell(f"this cycle failed and will be tried again: {said} ({place.filename}:{place.lineno})")


@app.command()
def status(
    estate: EstateFolder = SAMPLE,
    store: StoreUrl = STORE,
    lang: Language = "en",
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """What is known now: the three centers, systems by center, links, incidents, and the age of everything."""
    from reports.board import board
    from state.desk import desk_checks
    from state.overview import overview

    found, checks = _read(estate)
    with closing(_store(store)) as kept:
        view = overview(
            found,
            kept.verdicts(),
            kept.latest(),
            kept.incidents(open_only=True),
            subjects={one.id: one.subject for one in (*checks, *desk_checks(found))},
            watched_at=max((ended for _, ended in kept.watched()), default=None),
            now=time.time(),
        )
    if as_json:
        sys.stdout.write(json.dumps(view.to_json(lang), ensure_ascii=False, indent=2) + "\n")
    else:
        out.print(board(view, found, lang))
    raise typer.Exit(EXIT[view.estate.status])


@runbook_app.command("list")
def runbook_list(lang: Language = "en") -> None:
    """The runbooks: what each does, when it helps, its guards."""
    from runbooks import catalogue

    out.print(terminal.cards(catalogue.load().values(), lang))


@runbook_app.command("run")
def runbook_run(
    name: str,
    given: Annotated[list[str], typer.Argument(help="input=value ...")],
    check_mode: Annotated[bool, typer.Option("--check", help="Say what it would do.")] = False,
    estate: EstateFolder = SAMPLE,
    store: StoreUrl = STORE,
) -> None:
    """Run one runbook now, as the person who types this decides."""
    from inventory import subject
    from runbooks import catalogue
    from runbooks.run import run
    from runbooks.run_record import to_record
    from runbooks.verify import to_ask, together, told_by

    found, checks = _read(estate)
    cards = catalogue.load()
    if name not in cards:
        raise OperatorError(f"there is no runbook `{name}`; there are: {', '.join(sorted(cards))}")
    inputs = dict(_pair(text) for text in given)
    host, service = inputs.get("host", ""), inputs.get("service", "")
    about = told_by(found, subject.service(host, service) if service else subject.host(host))
    asked = to_ask(cards[name], about, host, checks)
    ended = run(
        cards[name],
        inputs,
        found,
        folder=RUNS,
        check_mode=check_mode,
        now=time.time,
        verify=lambda: together(result.status for result in _ask(asked)),
    )
    with closing(_store(store)) as kept:
        kept.put_record("run", ended.id, ended.started, to_record(ended))
    out.print(terminal.run(ended))


@report_app.command("weekly")
def report_weekly(
    lang: Language = "zh",
    estate: EstateFolder = SAMPLE,
    store: StoreUrl = STORE,
    start: Annotated[str, typer.Option(help="ISO time; default: seven days ago.")] = "",
    end: Annotated[str, typer.Option(help="ISO time; default: now.")] = "",
    folder: Annotated[Path, typer.Option("--out")] = Path("var/reports"),
) -> None:
    """Write the weekly report as one HTML file and print its path."""
    from reports.gather import gather
    from reports.weekly import weekly

    found, now = load(estate), time.time()
    zone = ZoneInfo(found.timezone)
    until = _moment(end, zone) if end else now
    since = _moment(start, zone) if start else until - timedelta(days=7).total_seconds()
    with closing(_store(store)) as kept:
        page = weekly(gather(kept, found, since, until, now), lang)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{found.id}-{datetime.fromtimestamp(until, zone):%Y%m%d-%H%M%S}-{lang}.html"
    file.write_text(page, encoding="utf-8")
    out.print(terminal.lines(str(file)), soft_wrap=True)


def _read(folder: Path) -> tuple[Estate, tuple[Check, ...]]:
    from checks.expand import expand

    estate = load(folder)
    return estate, expand(estate)


def _ask(checks: Sequence[Check]) -> list[Result]:
    """Ask checks once, from here."""
    import uvloop

    from checks.engine import run_once
    from state.desk import DESK

    return uvloop.run(run_once(checks, DESK, time.time))


def _store(url: str) -> Store:
    """Open the store; the folder of the default one is made."""
    from state.store import Store

    if url == STORE:
        Path("var").mkdir(exist_ok=True)
    return Store.open(url)


def _tell(line: str) -> None:
    err.print(terminal.lines(f"{datetime.now().astimezone():%H:%M:%S} {line}"), soft_wrap=True)


def _pair(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign:
        raise OperatorError(f"`{text}` is not an input: write it like host=cloud-app")
    return key, value


def _moment(text: str, zone: ZoneInfo) -> float:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise OperatorError(f"`{text}` is not a time: write it like 2026-11-23T08:00") from error
    return (at if at.tzinfo else at.replace(tzinfo=zone)).timestamp()


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; every mistake of the operator becomes a message and exit code 2."""
    try:
        app(args=argv)
    except OperatorError as error:
        err.print(terminal.lines(str(error)), soft_wrap=True)
        return 2
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
