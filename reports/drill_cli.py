"""``ops drill``: the plans, what is wrong with them, and what they would do today. Who runs them adds to this app."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from reports.terminal import console, lines

if TYPE_CHECKING:
    from failover.concrete import ConcretePlan
    from failover.plan_load import PlanFile
    from failover.seen import Seen
    from failover.today import Today
    from inventory.model import Estate

SAMPLE = Path(__file__).parents[1] / "inventory" / "estates" / "civil-affairs"
STORE = "sqlite:///var/state.sqlite"
REFUSED = 4

EstateFolder = Annotated[Path, typer.Option("--estate", help="Folder of the estate.", envvar="OPS_ESTATE")]
StoreUrl = Annotated[str, typer.Option("--store", help="Where the state is kept.", envvar="OPS_STORE")]
Language = Annotated[Literal["zh", "en"], typer.Option("--lang", help="Language of the text.")]
Look = Callable[["ConcretePlan", "Estate"], "Seen"]  #: asks the real hosts, and changes nothing

app = typer.Typer(no_args_is_help=True, help="Plans for failures and drills: what they would do, and doing it.")
out = console()


@app.command("plans")
def plans_command(lang: Language = "en") -> None:
    """The plans there are."""
    from failover.lint import ours
    from reports.plan_table import plans

    out.print(plans((file.plan for file in ours().values()), lang))


@app.command("lint")
def lint_command(files: Annotated[list[Path] | None, typer.Argument(help="Plan files; none: our own.")] = None) -> None:
    """Read plans strictly and name everything that is wrong with them, with file and line."""
    from failover.lint import sound
    from failover.plan_load import plan_files

    own = plan_files()
    found = sound(files or own, known=_known(files or own))
    out.print(lines(f"{len(found)} plans, nothing to mend: {', '.join(found)}"), soft_wrap=True)


@app.command("plan")
def plan_command(
    name: Annotated[str, typer.Argument(help="A plan's name, or its file.")],
    lang: Language = "en",
    estate: EstateFolder = SAMPLE,
    look: Annotated[bool, typer.Option("--look", help="Ask the real hosts; changes nothing.")] = False,
    store: StoreUrl = STORE,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """What a plan would do in today's estate, step by step with its undo; or every reason why it would not run."""
    from inventory.load import load
    from reports.plan_table import plan_today

    view = shown(pick(name), load(estate), partial(_hosts_asked, store=store) if look else None)
    if as_json:
        sys.stdout.write(json.dumps(view.to_json(lang), ensure_ascii=False, indent=2) + "\n")
    else:
        out.print(plan_today(view, lang))
    raise typer.Exit(REFUSED if view.refused else 0)


def pick(name: str) -> PlanFile:
    """The plan of that name, or in that file; OperatorError when there is none or it is not sound."""
    from failover.lint import ours, sound
    from inventory.errors import OperatorError
    from inventory.node import shown as fit
    from inventory.wording import nearest

    found = ours()
    if name.endswith(".yml"):
        return next(iter(sound([Path(name)], known=_known([Path(name)])).values()))
    if name not in found:
        raise OperatorError(f"there is no plan `{fit(name)}` — {nearest(name, found)}")
    return found[name]


def _known(files: Sequence[Path]) -> list[str]:
    """The plans that plans in these files may return by: ours, and those beside them."""
    from failover.plan_load import OWN, plan_files

    return [file.stem for folder in {OWN, *(file.parent for file in files)} for file in plan_files(folder)]


def shown(file: PlanFile, estate: Estate, look: Look | None = None) -> Today:
    """A plan in an estate; with ``look`` its gates are judged by what the hosts say now."""
    from failover.bind import Refusal, bind
    from failover.today import today

    bound = bind(file, estate) if look else None
    seen = None if look is None or bound is None or isinstance(bound, Refusal) else look(bound, estate)
    return today(file, estate, seen)


def _hosts_asked(plan: ConcretePlan, estate: Estate, store: str) -> Seen:
    from failover.live import look

    return asyncio.run(look(plan, estate, store))
