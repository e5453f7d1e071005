"""``ops runbook approve``: a person agrees to what does not start by itself."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Annotated

import typer

from inventory.errors import OperatorError
from reports.terminal import console, lines

out = console()


def approve_command(
    name: Annotated[str, typer.Argument(help="Id of a runbook.")],
    incident: Annotated[int, typer.Option("--incident", help="Number of an open incident.")],
    person: Annotated[str, typer.Option("--as", help="Who agrees.")],
    because: Annotated[str, typer.Option("--because", help="Why; it goes on record.")],
    store: Annotated[str, typer.Option("--store", envvar="OPS_STORE")] = "sqlite:///var/state.sqlite",
) -> None:
    """Agree that a runbook may run for an incident, although its risk or a guard period forbids it. Holds an hour."""
    from runbooks import catalogue
    from runbooks.approval import Approval, to_record
    from runbooks.responder import APPROVAL
    from state.store import Store

    if name not in (known := catalogue.load()):
        raise OperatorError(f"there is no runbook `{name}`; there are: {', '.join(sorted(known))}")
    if not person.strip() or not because.strip():
        raise OperatorError("an agreement needs a person and a reason")
    with closing(Store.open(store)) as kept:
        numbers = [one.id for one in kept.incidents(open_only=True)]
        if incident not in numbers:
            raise OperatorError(f"incident {incident} is not open; open are: {', '.join(map(str, numbers)) or 'none'}")
        now = time.time()
        agreed = Approval(name, incident, person.strip(), now, because)
        kept.put_record(APPROVAL, f"{now:.3f}/{incident}/{name}/{agreed.by}", now, to_record(agreed))
    out.print(lines(f"{agreed.by} agrees to {name} for incident {incident}, for an hour"))
