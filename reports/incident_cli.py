"""``ops incident list|show|ack|assign|comment|grade|close|report``: what people see of incidents, and do about them."""

from __future__ import annotations

import getpass
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import ZoneInfo

import typer

from checks.sentence import visible
from inventory.errors import OperatorError
from reports.drill_cli import REFUSED, SAMPLE, EstateFolder, Language, out
from reports.terminal import console, lines

if TYPE_CHECKING:
    from inventory.model import Estate
    from inventory.people import People
    from reports.incident_facts import IncidentFacts
    from reports.incident_tables import IncidentLine
    from reports.incident_view import IncidentView
    from state.incident_act import Answer
    from state.incident_book import IncidentBook
    from state.store import Store
    from state.verdict import Incident

STORE = "sqlite:///var/state.sqlite"
_DAY = 86400.0

StoreUrl = Annotated[str, typer.Option("--store", help="Where the state is kept.", envvar="OPS_STORE")]
Number = Annotated[int, typer.Argument(help="The incident's number.", min=1, max=2_000_000_000)]
By = Annotated[
    str, typer.Option("--by", help="Who says so; nothing: the name you logged in with.", envvar="OPS_PERSON")
]
InsteadOf = Annotated[str, typer.Option("--instead-of", help="The person it is taken from.")]
AsJson = Annotated[bool, typer.Option("--json")]

app = typer.Typer(no_args_is_help=True, help="Incidents: look, take up, hand on, say, grade, close, report.")
err = console(stderr=True)


@dataclass(frozen=True)
class _Desk:
    estate: Estate
    people: People
    store: Store
    book: IncidentBook
    now: float


@app.command("list")
def list_command(
    everything: Annotated[bool, typer.Option("--all", help="Also those that people have closed.")] = False,
    days: Annotated[float, typer.Option("--days", help="How far back.", min=0)] = 30.0,
    estate: EstateFolder = SAMPLE,
    store: StoreUrl = STORE,
    lang: Language = "en",
    as_json: AsJson = False,
) -> None:
    """The incidents that are open, or over but not yet closed with a cause."""
    from reports.incident_tables import incident_list

    with _desk(estate, store) as desk:
        known = desk.store.incidents(desk.now - days * _DAY)
        chosen = [one for one in known if everything or (one.merged is None and one.settled_at is None)]
        if as_json:
            _json([_record(one, lang) for one in chosen])
        else:
            out.print(incident_list([_line(desk, one, lang) for one in chosen], lang))


@app.command("show")
def show_command(
    number: Number,
    estate: EstateFolder = SAMPLE,
    store: StoreUrl = STORE,
    lang: Language = "en",
    as_json: AsJson = False,
) -> None:
    """One incident: grade and why, clocks, emergency plan, and everything that happened in order of time."""
    from reports.incident_tables import incident_page

    with _desk(estate, store) as desk:
        page = _page(desk, _incident(desk, number), lang)[1]
        if as_json:
            _json(page.to_json())
        else:
            out.print(incident_page(page, lang))


@app.command("ack")
def ack_command(
    number: Number,
    by: By = "",
    instead_of: InsteadOf = "",
    estate: EstateFolder = SAMPLE,
    store: StoreUrl = STORE,
    lang: Language = "en",
    as_json: AsJson = False,
) -> None:
    """Say that you have taken it up."""
    _act(estate, store, lang, as_json, lambda desk: desk.book.acknowledge(number, _who(by), desk.now, instead_of))


@app.command("assign")
def assign_command(
    number: Number,
    to: Annotated[str, typer.Option("--to", help="Who is to work on it.")],
    by: By = "",
    instead_of: InsteadOf = "",
    estate: EstateFolder = SAMPLE,
    store: StoreUrl = STORE,
    lang: Language = "en",
    as_json: AsJson = False,
) -> None:
    """Say who works on it."""
    _act(estate, store, lang, as_json, lambda desk: desk.book.assign(number, to, _who(by), desk.now, instead_of))


@app.command("comment")
def comment_command(
    number: Number,
    text: Annotated[str, typer.Argument(help="What you have to say.")],
    by: By = "",
    estate: EstateFolder = SAMPLE,
    store: StoreUrl = STORE,
    lang: Language = "en",
    as_json: AsJson = False,
) -> None:
    """Put a word on its timeline."""
    _act(estate, store, lang, as_json, lambda desk: desk.book.comment(number, text, _who(by), desk.now))


@app.command("grade")
def grade_command(
    number: Number,
    grade: Annotated[
        Literal["extreme", "major", "larger", "general"], typer.Argument(help="特别重大, 重大, 较大, 一般.")
    ],
    because: Annotated[str, typer.Option("--because", help="Why.")] = "",
    by: By = "",
    estate: EstateFolder = SAMPLE,
    store: StoreUrl = STORE,
    lang: Language = "en",
    as_json: AsJson = False,
) -> None:
    """Set its grade: the rules only suggest one."""
    from state.incident_act import Grade

    graded = Grade(grade)
    _act(estate, store, lang, as_json, lambda desk: desk.book.grade(number, graded, _who(by), desk.now, because))


@app.command("close")
def close_command(
    number: Number,
    cause: Annotated[str, typer.Option("--cause", help="What it came from.")],
    force: Annotated[bool, typer.Option("--force", help="Although it is not over.")] = False,
    because: Annotated[str, typer.Option("--because", help="Why by force.")] = "",
    by: By = "",
    estate: EstateFolder = SAMPLE,
    store: StoreUrl = STORE,
    lang: Language = "en",
    as_json: AsJson = False,
) -> None:
    """Close it with its cause; refused while its subject is not known to be well."""
    _act(estate, store, lang, as_json, lambda desk: desk.book.close(number, cause, _who(by), desk.now, force, because))


@app.command("report")
def report_command(
    number: Number,
    kind: Annotated[Literal["first", "follow-up", "final"], typer.Option("--kind")] = "first",
    sent: Annotated[str, typer.Option("--sent", help="Id of the clock whose report went out: stops it.")] = "",
    by: By = "",
    estate: EstateFolder = SAMPLE,
    store: StoreUrl = STORE,
    lang: Language = "zh",
    as_json: AsJson = False,
) -> None:
    """Print the information report (信息通报), ready to send; or say that one went out."""
    from reports.incident_report import report

    if sent:
        _act(estate, store, lang, as_json, lambda desk: _reported(desk, number, sent, by))
        return
    with _desk(estate, store) as desk:
        facts, page = _page(desk, _incident(desk, number), lang)
        text = report(facts, page, desk.estate, desk.people, kind, lang)
    if as_json:
        _json({"incident": number, "kind": kind, "text": text})
    else:
        out.print(lines(text), soft_wrap=True)


def _reported(desk: _Desk, number: int, clock: str, by: str) -> Answer:
    from state.incident_act import Answer
    from state.rulebook import reporting
    from state.verdict import Reason

    if clock not in {one.id for one in reporting().clocks}:
        return Answer(False, desk.book.incident(number), Reason("act.clock_unknown", {"clock": clock}))
    return desk.book.reported(number, clock, _who(by), desk.now)


def _act(folder: Path, store: str, lang: str, as_json: bool, act: Callable[[_Desk], Answer]) -> None:
    """Do it and say what came of it: 0 done or done before, 4 refused."""
    from state.incident_act import TEXTS
    from state.reasons import say

    with _desk(folder, store) as desk:
        answer = act(desk)
    said = say(answer.because, lang, TEXTS)
    if as_json:
        known = answer.incident and _record(answer.incident, lang)
        _json({"done": answer.done, "because": answer.because.code, "sentence": said, "incident": known})
    else:
        (out if answer.done else err).print(lines(said), soft_wrap=True)
    if not answer.done:
        raise typer.Exit(REFUSED)


def _line(desk: _Desk, incident: Incident, lang: str) -> IncidentLine:
    from reports.incident_facts import grading_of
    from reports.incident_tables import line
    from state.countdown import current_grade
    from state.grading import COLOURS

    grade = current_grade(incident, grading_of(desk.store, desk.estate, desk.people, incident, desk.now).grade)
    colour = COLOURS[grade] if grade else ""
    return line(incident, grade.value if grade else "none", colour, desk.estate, lang, desk.now)


def _page(desk: _Desk, incident: Incident, lang: str) -> tuple[IncidentFacts, IncidentView]:
    from reports.incident_facts import gather_incident
    from reports.incident_view import incident_view
    from state.rulebook import grading

    facts = gather_incident(desk.store, desk.estate, desk.people, incident, desk.now)
    judge = tuple(name.said(lang) for name in grading().people_judge)
    return facts, incident_view(facts, desk.estate, desk.people, lang, judge)


def _incident(desk: _Desk, number: int) -> Incident:
    found = desk.book.incident(number)
    if found is None:
        raise OperatorError(f"there is no incident {number}")
    return found


def _record(incident: Incident, lang: str) -> dict[str, object]:
    from dataclasses import asdict

    from runbooks.reasons import say

    return {**asdict(incident), "sentence": say(incident.because, lang)}


def _who(by: str) -> str:
    return by or getpass.getuser()


def _json(value: object) -> None:
    sys.stdout.write(json.dumps(_shown(value), ensure_ascii=False, indent=2) + "\n")


def _shown(value: object) -> object:
    """The value with every text made fit for a terminal, which is where JSON is looked at, too."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return {visible(str(key)): _shown(item) for key, item in value.items()}
    return [_shown(item) for item in value] if isinstance(value, list | tuple) else value


@contextmanager
def _desk(folder: Path, url: str) -> Iterator[_Desk]:
    from inventory.load import load
    from inventory.people_load import load_people
    from reports.messenger import channels
    from state.incident_book import IncidentBook
    from state.store import Store

    estate = load(folder)
    people = load_people(estate)
    if url == STORE:
        Path("var").mkdir(exist_ok=True)
    with closing(Store.open(url)) as store:
        store.channels = channels(people)
        yield _Desk(estate, people, store, IncidentBook(store, ZoneInfo(estate.timezone)), time.time())
