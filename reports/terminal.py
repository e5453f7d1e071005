"""What operators see in a terminal: tables and lines. Text from outside is shown as text, never as markup."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from checks.result import Result, Status
from checks.sentence import clean, visible
from inventory.model import Host
from runbooks.card import Card
from runbooks.run_record import Run
from state.reasons import say
from state.verdict import Change

_STYLE = {Status.OK: "green", Status.DEGRADED: "yellow", Status.DOWN: "bold red", Status.UNKNOWN: "magenta"}
_WIDTH = 140  #: columns where the terminal does not say
#: never colour alone
_MARK = {Status.OK: "●", Status.DEGRADED: "◐", Status.DOWN: "✖", Status.UNKNOWN: "?"}


def console(*, stderr: bool = False) -> Console:
    """A console that takes text as it is (``:cloud:`` is no emoji); a pipe gets lines wide enough for a table."""
    made = Console(stderr=stderr, highlight=False, emoji=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, emoji=False, width=_WIDTH)


def lines(text: str) -> Text:
    """Lines as they are, blanks too: no markup, and nothing in them steers the terminal."""
    return Text("\n".join(visible(line) for line in text.split("\n")))


def mark(status: Status, word: str = "") -> Text:
    """A status as sign, word and colour."""
    return Text(f"{_MARK[status]} {word or status.value}", style=_STYLE[status])


def hosts(found: Iterable[Host]) -> Table:
    """Hosts with center, address and roles."""
    table = Table("host", "center", "address", "roles", "services")
    for host in found:
        table.add_row(
            *(
                Text(cell)
                for cell in (host.id, host.center, host.address, ", ".join(host.roles), ", ".join(host.services))
            )
        )
    return table


def results(answers: Iterable[Result]) -> RenderableType:
    """Answers of ``ops check``: what is not ok stands last, nearest to the prompt."""
    order = (Status.OK, Status.DEGRADED, Status.UNKNOWN, Status.DOWN)
    sorted_answers = sorted(answers, key=lambda answer: (order.index(answer.status), answer.check))
    table = Table("check", "status", "ms", "what was seen")
    for answer in sorted_answers:
        table.add_row(
            Text(answer.check), mark(answer.status), f"{answer.took * 1000:.0f}", Text(clean(answer.sentence, 160))
        )
    counts = {status: sum(answer.status is status for answer in sorted_answers) for status in Status}
    return Group(table, Text(", ".join(f"{count} {status.value}" for status, count in counts.items())))


def change(event: Change, lang: str = "en") -> str:
    """A change as one line."""
    root = f" (because of {event.cause})" if event.cause else ""
    return f"{event.subject}: {event.old.value} → {event.new.value}{root}: {clean(say(event.because, lang), 300)}"


def cards(found: Iterable[Card], lang: str) -> Table:
    """The runbooks and their guards."""
    table = Table("runbook", "what it does", "inputs", "risk", "cool-down", "most an hour")
    for card in found:
        table.add_row(
            card.id,
            f"{card.name.said(lang)}: {card.summary.said(lang)}",
            ", ".join(card.inputs),
            card.risk.value,
            f"{card.cool_down:g} s",
            str(card.per_hour),
        )
    return table


def run(ended: Run) -> RenderableType:
    """How a run of a runbook ended, task by task."""
    table = Table("task", "result", "message")
    for task in ended.tasks:
        table.add_row(*(Text(clean(task.get(key, ""), 120)) for key in ("task", "status", "says")))
    line = f"{ended.runbook}: {ended.outcome.value} after {ended.took:.1f} s. {clean(ended.sentence, 300)}"
    return Group(table, Text(line), Text(f"what Ansible wrote: {ended.artifacts}"))
