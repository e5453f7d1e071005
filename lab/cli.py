"""``ops lab``: bring the lab up and down, look at it, and let things go wrong in it."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from lab.errors import LabError
from reports.terminal import console

if TYPE_CHECKING:
    from lab.status import Status

FOLDER = Path("var/lab")
app = typer.Typer(no_args_is_help=True, help="Three real centers on this machine, and faults to inject.")
Folder = Annotated[Path, typer.Option("--dir", help="the lab's folder", envvar="OPS_LAB")]
_out = console()
_err = console(stderr=True)


def _progress(line: str) -> None:
    _err.print(f"  {line}", markup=False)


@app.command("up")
def up_command(folder: Folder = FOLDER, net: str | None = None) -> None:
    """Bring the lab up; a lab that is up stays as it is."""
    from lab.up import up

    began = time.monotonic()
    lab = up(folder, _progress, net=net)
    _out.print(f"the lab is up ({lab.mode}, {time.monotonic() - began:.1f} s); its estate: {lab.estate_folder}")


@app.command("down")
def down_command(folder: Folder = FOLDER, keep: bool = False) -> None:
    """Remove the lab: processes, namespaces, mounts, interface, files (--keep leaves data and logs)."""
    from lab.down import down

    _out.print("the lab is down" if down(folder, _progress, keep=keep) else "there is no lab to take down")


@app.command("status")
def status_command(folder: Folder = FOLDER) -> None:
    """Hosts, services and active faults."""
    from lab.status import status

    found = status(folder)
    if found is None:
        raise LabError(f"no lab stands in {folder}; start one with: ops lab up")
    _out.print(_hosts(found))
    for fault in found.faults:
        words = " ".join((fault.name, *fault.arguments))
        _out.print(f"fault since {datetime.fromtimestamp(fault.at).astimezone():%H:%M:%S}: {words}", markup=False)


@app.command("fault")
def fault_command(
    name: Annotated[str, typer.Argument(help="`list` shows them all")],
    arguments: Annotated[list[str] | None, typer.Argument()] = None,
    back: Annotated[bool, typer.Option("--undo", help="undo it instead")] = False,
    folder: Folder = FOLDER,
) -> None:
    """Inject a fault, or undo it."""
    from lab.client import Lab
    from lab.faults import inject, undo

    if name == "list":
        _out.print(_faults())
    elif back:
        gone = undo(Lab.open(folder), name, arguments or [])
        _out.print(f"undone: {len(gone)} fault(s) of {name}")
    else:
        asked = time.time()
        record = inject(Lab.open(folder), name, arguments or [])
        words = " ".join((name, *record.arguments))
        if record.at < asked:
            raise LabError(f"{words} was injected {asked - record.at:.0f} s ago; undo it first to inject it again")
        _out.print(f"{words}: injected", markup=False)


def _hosts(found: Status) -> Table:
    table = Table("host", "center", "address", "power", "services", title=f"{found.phase}, {found.mode}, {found.net}")
    for host in found.hosts:
        services = ", ".join(name if state == "run" else f"{name}: {state}" for name, state in host.services.items())
        table.add_row(host.id, host.center, host.address, host.power, services)
    return table


def _faults() -> Table:
    from lab.faults import FAULTS

    table = Table("fault", "what it does")
    for fault in FAULTS.values():
        table.add_row(fault.usage.replace("[", r"\["), f"{fault.sentence['en']}\n{fault.sentence['zh']}")
    return table


@app.command("packages")
def packages_command(install: bool = False) -> None:
    """Name the Debian packages that the lab lacks; with --install, as root, install them (no daemon is started)."""
    from lab import packages

    needed = (*packages.NEEDED, *packages.FOR_TESTS)
    lacking = packages.missing(needed)
    if lacking and install and packages.may_install():
        packages.require(_progress, needed)
    elif lacking:
        names = " ".join(package.name for package in lacking)
        _err.print(f"the lab lacks Debian packages; as root: apt-get install {names}", markup=False)


@app.command("demo")
def demo_command(folder: Folder = FOLDER) -> None:
    """The whole walk: lab up, watch, a fault, its repair by a runbook, the weekly report, lab down."""
    from lab import demo

    raise typer.Exit(demo.walk(folder, _out))


@app.command("drill")
def drill_command(folder: Folder = FOLDER) -> None:
    """A whole drill: the writer moves to the remote center and back, with evidence and reports; lab up and down."""
    from lab import drill

    raise typer.Exit(drill.walk(folder, _out))
