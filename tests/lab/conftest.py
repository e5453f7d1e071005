"""One lab for the whole session: brought up for the first test that wants it, taken down after the last."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab import mode, state
from lab.client import Lab
from lab.down import down
from lab.faults import active, undo
from lab.layout import Layout
from lab.up import up

_PROJECT = Path(__file__).parent.parent.parent
_FOLDER = Path(os.environ.get("OPS_LAB", _PROJECT / "var" / "lab"))
_NET = os.environ.get("OPS_LAB_NET")
#: what waits for a watch, in the order it is run
_WATCH = (
    "test_hostile",
    "test_watch_killed",
    "test_watch_killed_notices",
    "test_watch_killed_runs",
    "test_detection_quiet",
    "test_detection",
)
NOTICED = "noticed"  #: the property of a test that holds a fault, its subject, and seconds until noticed and well again


def _say(line: str) -> None:
    print(f"lab: {line}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First labs that modules make for themselves, then the standing one, last what waits for a watch."""
    items.sort(key=lambda item: (_watches(item), _stands(item)))


def _watches(item: pytest.Item) -> int:
    """The place of a test among those that wait for a watch, from 1; 0 for others."""
    return _WATCH.index(item.path.stem) + 1 if item.path.stem in _WATCH else 0


def _stands(item: pytest.Item) -> bool:
    """Whether a test uses the lab of the session, and not one that its module makes."""
    return "lab" in getattr(item, "fixturenames", ()) and not hasattr(getattr(item, "module", None), "lab")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How soon faults were noticed, whichever process saw it."""
    reports = (report for category in ("passed", "failed") for report in terminalreporter.stats.get(category, ()))
    rows = [value for report in reports for name, value in getattr(report, "user_properties", ()) if name == NOTICED]
    if rows:
        terminalreporter.write_line(f"\n{'fault':34} {'blamed':36} {'noticed':>9} {'ok again':>9}")
    for fault, about, noticed, healed in rows:
        terminalreporter.write_line(f"{fault:34} {about:36} {noticed:7.1f} s {healed:7.1f} s")


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A lab in namespaces. One that stood before is used, and left standing."""
    if os.geteuid() != 0:
        pytest.skip("the lab's tests need root: run them as root, or in a machine of your own")
    stood = state.read(Layout(_FOLDER.resolve())) is not None
    if not stood and (why := mode.detect()[1]):
        pytest.skip(f"the lab's tests need network namespaces: {why}")
    try:
        yield up(_FOLDER, _say, net=_NET)
    finally:
        if not stood:
            down(_FOLDER, _say)


@pytest.fixture
def healthy(lab: Lab) -> Iterator[Lab]:
    """The lab without faults before and after a test."""
    _heal(lab)
    yield lab
    _heal(lab)


def _heal(lab: Lab) -> None:
    for fault in active(lab):
        undo(lab, fault.name, fault.arguments)


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    """Wait until something is true; what is awaited is the test's last word when it never is."""

    def wait(condition: Callable[[], bool], what: str, patience: float = 30.0) -> None:
        limit = time.monotonic() + patience
        while not condition():
            assert time.monotonic() < limit, f"never in {patience:g} s: {what}"
            time.sleep(0.05)

    return wait
