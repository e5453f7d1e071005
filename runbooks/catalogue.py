"""The runbooks there are: every card of a folder, or every mistake in them at once with file:line."""

from __future__ import annotations

from pathlib import Path

from inventory.document import in_order, read
from inventory.errors import InvalidEstate, Mark, Problem
from inventory.node import Map, Node
from inventory.tree import parse
from runbooks.card import Card

_OWN = Path(__file__).parent


class InvalidCards(InvalidEstate):
    """Cards with mistakes; carries every problem found."""


def load(folder: Path | None = None) -> dict[str, Card]:
    """The cards of ``folder/cards/*.yml`` by id; their playbooks are in ``folder/playbooks/``. None: our own.

    Raises:
        InvalidCards: with all mistakes of all cards.
    """
    problems: list[Problem] = []
    files = sorted(((folder or _OWN) / "cards").glob("*.yml"))
    if not files:
        at = Mark((folder or _OWN) / "cards", 1)
        problems.append(Problem(at, "", "there is no card", "write one, see docs/howto/add-a-runbook.md"))
    cards = [card for file in files if (card := _card(file, problems))]
    if problems:
        raise InvalidCards(in_order(problems))
    return {card.id: card for card in cards}


def _card(file: Path, problems: list[Problem]) -> Card | None:
    tree = parse(file, problems)
    card = read(Card, tree, problems) if tree else None
    if tree is None or card is None:
        return None
    for field, message, instead in card.mistakes():
        problems.append(Problem(_line(tree, field.split(".")), field, message, instead))
    if card.id != file.stem:
        problems.append(Problem(tree.keys["id"], card.id, "is not the file's name", f"call it {file.stem}"))
    if not card.playbook_file.is_file():
        name = card.playbook_file.name
        problems.append(Problem(_line(tree, ["playbook"]), name, "is missing in playbooks/", "write the playbook"))
    return card


def _line(tree: Map, path: list[str]) -> Mark:
    """The line of a field, or of the nearest thing around it that was written."""
    mark, node = tree.mark, tree
    for step in path:
        below: Node | None = node.get(step)
        mark = node.keys.get(step, mark)
        if not isinstance(below, Map):
            break
        node = below
    return mark
