"""The architecture, kept by a test: imports point left only, and each third-party library has one home."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = ["inventory", "checks", "state", "runbooks", "failover", "reports", "console"]

#: library -> the only files that may import it
HOMES = {
    "plotly": {"reports/charts.py"},
    "jinja2": {"reports/render.py"},
    "ansible_runner": {"runbooks/run.py"},
    "prometheus_api_client": {"checks/prometheus.py"},
    "apscheduler": {"checks/schedule.py"},
    "pycurl": {"checks/curl.py"},
    "paramiko": {"checks/ssh_connection.py"},
    "rich": {
        "ops.py",
        "reports/terminal.py",
        "reports/board.py",
        "reports/plan_table.py",
        "reports/drill_tables.py",
        "reports/calendar_table.py",
        "reports/incident_tables.py",
        "reports/security.py",
    },
    "smtplib": {"reports/mail.py"},
    "alembic": {"state/migrate.py", "state/migrations/env.py"},
    "typer": {
        "ops.py",
        "reports/drill_cli.py",
        "reports/drill_evidence_cli.py",
        "reports/drill_run_cli.py",
        "reports/calendar_cli.py",
        "reports/incident_cli.py",
        "reports/runbook_cli.py",
    },
}


def _imports(file: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module.partition(".")[0]


def _sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_point_left(layer: str) -> None:
    right = set(LAYERS[LAYERS.index(layer) + 1 :]) | {"ops", "lab", "tests"}
    wrong = [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in _sources(layer)
        for line, name in _imports(file)
        if name in right
    ]
    assert not wrong


@pytest.mark.parametrize(("library", "homes"), HOMES.items())
def test_a_library_has_one_home(library: str, homes: set[str]) -> None:
    product = [file for layer in LAYERS for file in _sources(layer)] + [ROOT / "ops.py"]
    wrong = [
        f"{file.relative_to(ROOT)}:{line} imports {library}"
        for file in product
        if file.exists()
        for line, name in _imports(file)
        if name == library
        and str(file.relative_to(ROOT)) not in homes
        and not str(file.relative_to(ROOT)).startswith("state/migrations/versions/")
    ]
    assert not wrong
