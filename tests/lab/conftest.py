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


def _say(line: str) -> None:
    print(f"lab: {line}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with labs of their own go first, so that the machine does not carry two labs at once."""
    items.sort(key=lambda item: "lab" in getattr(item, "fixturenames", ()) and not hasattr(_module(item), "lab"))


def _module(item: pytest.Item) -> object:
    return getattr(item, "module", None)


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
