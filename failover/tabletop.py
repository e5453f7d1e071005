"""A table-top: the same plan walked as timed cards, with injects, and every decision put on record. Touches nothing.

The journal is that of any other run, so that the same verifier, record and report read it; its drill is ``tabletop``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from checks.sentence import clean
from failover.graph import ends, in_mode, needs
from failover.plan import Kind as StepKind
from failover.plan import Mode, Plan, Step
from failover.plan_load import PlanFile
from failover.records import Kind, State
from inventory.errors import OperatorError
from inventory.model import Estate, Name

LONGEST = 500  #: characters of an answer
ANSWERS = ("confirm", "deny", "stop")


@dataclass(frozen=True, slots=True)
class Card:
    """One step as it lies on the table; times are seconds since the first step would begin."""

    number: int
    of: int
    step: str
    kind: StepKind
    name: Name
    begins: float
    ends: float
    role: str
    people: tuple[str, ...]
    ask: Name
    injects: tuple[Name, ...]
    no_return: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """What the table says to a card."""

    answer: str  #: confirm, deny, stop
    by: str
    reason: str = ""


class Book(Protocol):
    """Where records go: ``failover/journal.py``."""

    def append(self, kind: Kind, payload: Mapping[str, Any], actor: str = "engine") -> Any:
        """Put one record down."""
        ...


Table = Callable[[Card], Decision]  #: shows a card and takes the decision

_WHO = Name(
    zh="由谁执行、依据什么确认完成、失败时怎么办？", en="Who does it, what shows that it is done, what if it fails?"
)


def cards(plan: Plan) -> tuple[Card, ...]:
    """The plan's steps in order, each with when it would begin and end by the plan's own estimates."""
    steps = in_mode(plan.steps, Mode.TABLETOP)
    finish = ends(needs(steps), {step.id: step.estimate for step in steps})
    return tuple(_card(plan, step, number, len(steps), finish[step.id]) for number, step in enumerate(steps, 1))


def _card(plan: Plan, step: Step, number: int, of: int, finish: float) -> Card:
    role = step.role or "operator"
    people = next((duty.people for duty in plan.roles if duty.id == role), ())
    injects = tuple(inject.text for inject in plan.injects if inject.at == step.id)
    ask = step.ask or _WHO
    begins = finish - step.estimate
    return Card(number, of, step.id, step.kind, step.name, begins, finish, role, people, ask, injects, step.no_return)


def walk(
    file: PlanFile, estate: Estate, book: Book, table: Table, *, starter: str, versions: Mapping[str, str]
) -> State:
    """Walk the whole plan, or until the table stops it; every card and every answer is on record before the next."""
    plan = file.plan
    if "tabletop" not in plan.drills:
        raise OperatorError(f"plan {plan.plan} is not meant for a table-top: its drills are {', '.join(plan.drills)}")
    laid = cards(plan)
    book.append(Kind.OPENED, _opened(file, estate, laid, starter, versions))
    book.append(Kind.STATE, {"state": State.RUNNING.value, "because": ""})
    denied, state = 0, None
    for card in laid:
        decision = _asked(card, book, table)
        if decision.answer == "stop":
            state = State.ABORTED
            break
        denied += decision.answer == "deny"
    state = state or (State.COMPLETED_WITH_EXCEPTIONS if denied else State.COMPLETED)
    book.append(Kind.CLOSED, {"state": state.value, "because": ""})
    return state


def _asked(card: Card, book: Book, table: Table) -> Decision:
    question = {"zh": card.ask.zh, "en": card.ask.en}
    injects = [{"zh": inject.zh, "en": inject.en} for inject in card.injects]
    book.append(Kind.ASKED, {"step": card.step, "role": card.role, "question": question, "injects": injects})
    decision = table(card)
    by, reason = clean(decision.by, 80), clean(decision.reason, LONGEST)
    said = {"what": "abort" if decision.answer == "stop" else decision.answer, "step": card.step, "by": by}
    book.append(Kind.SAID, {**said, "reason": reason}, by or "table")
    if decision.answer != "stop":
        outcome = "done" if decision.answer == "confirm" else "failed"
        book.append(Kind.RESULT, {"step": card.step, "outcome": outcome, "because": reason, "facts": {}})
    return decision


def _opened(
    file: PlanFile, estate: Estate, laid: tuple[Card, ...], starter: str, versions: Mapping[str, str]
) -> dict[str, Any]:
    plan = file.plan
    centers = {center.role: center.id for center in estate.centers}
    return {
        "plan": plan.plan,
        "plan_version": plan.version,
        "plan_digest": file.digest,
        "estate_digest": estate.digest,
        "drill": "tabletop",
        "mode": Mode.TABLETOP.value,
        "from": centers.get(plan.source, str(plan.source)),
        "to": centers.get(plan.target, str(plan.target)),
        "old_writer": "",
        "new_writer": "",
        "steps": [card.step for card in laid],
        "starter": starter,
        "people": {duty.id: list(duty.people) for duty in plan.roles},
        "versions": dict(versions),
    }


def prepared(lines: list[str]) -> Table:
    """A table whose answers were written down before: ``step: confirm|deny|stop, who, why`` a line, in any order.

    A step without a line is denied: nobody said that it works. Raises OperatorError with every line that is none.
    """
    told: dict[str, Decision] = {}
    wrong = []
    for number, line in enumerate(lines, 1):
        step, colon, rest = line.strip().partition(":")
        answer, _, more = rest.strip().partition(",")
        by, _, reason = more.strip().partition(",")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not colon or answer.strip() not in ANSWERS or not by.strip():
            wrong.append(f"line {number}: `{clean(line, 80)}` is no answer: write it like fence: confirm, li-na, why")
        told[step.strip()] = Decision(answer.strip(), by.strip(), reason.strip())
    if wrong:
        raise OperatorError("\n".join(wrong))
    return lambda card: told.get(card.step, Decision("deny", "nobody", "没有人回答 / nobody answered"))


_CARD = {
    "zh": ("计划", "由", "情景注入", "此步之后回退可能丢失数据"),
    "en": ("planned", "by", "inject", "beyond this step, going back may lose data"),
}


def shown(card: Card, lang: str) -> Iterator[str]:
    """A card as lines to lay on the table."""
    planned, by, inject, warning = _CARD[lang]
    yield f"[{card.number}/{card.of}] {card.name.said(lang)}  ({card.kind.value} · {card.step})"
    yield f"    {planned}: +{card.begins:g} s … +{card.ends:g} s   {by}: {card.role} ({', '.join(card.people)})"
    yield from (f"    ! {inject}: {one.said(lang)}" for one in card.injects)
    if card.no_return:
        yield f"    ! {warning}"
    yield f"    ? {card.ask.said(lang)}"
