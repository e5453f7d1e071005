"""Signs of life over a real Unix datagram socket, as systemd listens to them."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from checks.systemd import Notifier, signs_of_life
from runbooks import guard

UNITS = Path(guard.__file__).parent.parent / "state" / "units"


@contextmanager
def manager(address: str) -> Iterator[socket.socket]:
    """What systemd has at the other end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.settimeout(10)
        yield listener


def environment(address: str, **more: str) -> Notifier:
    return Notifier.from_environment({"NOTIFY_SOCKET": address} | more, pid=7)


@pytest.mark.parametrize("abstract", [False, True])
def test_a_life_from_ready_to_stopping(tmp_path: Path, abstract: bool) -> None:
    name = f"tricenter-test-{os.getpid()}"
    address, bound = (f"@{name}", f"\0{name}") if abstract else (str(tmp_path / "n"), str(tmp_path / "n"))
    with manager(bound) as listener:
        notifier = environment(address, WATCHDOG_USEC="30000", WATCHDOG_PID="7")
        assert notifier.watchdog == 0.03

        async def live() -> None:
            async with signs_of_life(notifier, "watching\x1b[2J all\nREADY=0"):
                for _ in range(3):
                    await asyncio.sleep(0.02)

        asyncio.run(live())
        said: list[str] = []
        while not said or said[-1] != "STOPPING=1":
            said.append(listener.recv(4096).decode())
    assert said[0] == "READY=1\nSTATUS=watching all READY=0"
    assert said.count("WATCHDOG=1") >= 3


def test_whoever_does_not_turn_gives_no_sign_and_says_why(tmp_path: Path) -> None:
    with manager(str(tmp_path / "n")) as listener:
        notifier = environment(str(tmp_path / "n"), WATCHDOG_USEC="30000")
        asked: list[int] = []

        def turning() -> bool:
            asked.append(1)
            return False

        async def live() -> None:
            async with signs_of_life(notifier, "x", turning, lambda: "cycle hangs"):
                while len(asked) < 5:
                    await asyncio.sleep(0.005)

        asyncio.run(live())
        said: list[str] = []
        while not said or said[-1] != "STOPPING=1":
            said.append(listener.recv(4096).decode())
    assert "WATCHDOG=1" not in said
    assert said.count("STATUS=cycle hangs") == 1


@pytest.mark.parametrize(
    ("given", "watchdog"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({}, None),
    ],
)
def test_only_a_watchdog_that_is_meant_for_this_process_counts(given: dict[str, str], watchdog: float | None) -> None:
    assert environment("/n", **given).watchdog == watchdog


@pytest.mark.parametrize("address", ["", "@", "relative", "vsock:2:1"])
def test_without_a_service_manager_nothing_is_said(address: str) -> None:
    notifier = environment(address)
    assert notifier.address is None
    notifier.ready("x")


def test_a_service_manager_that_is_away_or_busy_holds_nobody_up(tmp_path: Path) -> None:
    environment(str(tmp_path / "gone")).alive()
    with manager(str(tmp_path / "n")) as listener:
        notifier = environment(str(tmp_path / "n"))
        for _ in range(2000):  # far more than its queue takes
            notifier.alive()
        assert listener.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize("unit", sorted(UNITS.iterdir()), ids=lambda unit: unit.name)
def test_systemd_understands_the_units(unit: Path, tmp_path: Path) -> None:
    name = unit.name.replace("@", "@dr")
    text = unit.read_text().replace("/opt/tricenter/bin/ops", "/bin/true").replace("User=tricenter", "User=root")
    (tmp_path / name).write_text(text)
    try:
        done = subprocess.run(
            ["systemd-analyze", "verify", tmp_path / name], check=False, capture_output=True, text=True
        )
    except FileNotFoundError:
        pytest.skip("no systemd here")
    ours = [line for line in done.stderr.splitlines() if name in line or str(tmp_path) in line]
    assert not ours
    assert "WatchdogSec=" in text and "Type=notify" in text
