"""The router between the lab's places: one TUN device, every packet between two bridges passes through this program.

The kernel's own delay queue (netem) is missing on some kernels; this works on all. Run in the wan's namespaces:
``python -m lab.router LINKS.json NET APPLIED``; SIGHUP reads the file again, and what is in force is told in APPLIED.
A packet between places that the file does not know, or from an address outside the lab, is dropped.
"""

from __future__ import annotations

import fcntl
import heapq
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from lab.links import Link, Way, digest, parse
from lab.machine.network import TABLE
from lab.packages import program
from lab.state import replace
from lab.topology import PLACES, topology

_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 1, 0x1000
_QUEUE = 20_000  #: packets on their way at once; beyond, they are dropped as a full router does
_BURST = 64
_LONGEST = 65_535


@dataclass(slots=True)
class Router:
    """Decides when a packet arrives, and holds it until then. Knows no socket and no clock."""

    links: dict[Way, Link]
    places: dict[bytes, str]  #: first three octets of an address -> place
    chance: Callable[[], float] = random.random
    _waiting: list[tuple[float, int, bytes]] = field(default_factory=list)
    _count: int = 0
    _latest: dict[Way, float] = field(default_factory=dict)

    def take(self, packet: bytes, now: float) -> None:
        """A packet has come: keep it for its time, or drop it."""
        way = self._way(packet)
        link = self.links.get(way) if way else None
        if way is None or link is None or link.cut or len(self._waiting) >= _QUEUE:
            return
        if link.loss and self.chance() < link.loss:
            return
        due = now + link.delay + (link.jitter * self.chance() if link.jitter else 0.0)
        due = self._latest[way] = max(due, self._latest.get(way, 0.0))  # a real line does not reorder
        self._count += 1
        heapq.heappush(self._waiting, (due, self._count, packet))

    def due(self, now: float) -> list[bytes]:
        """The packets whose time has come, in order."""
        ready = []
        while self._waiting and self._waiting[0][0] <= now:
            ready.append(heapq.heappop(self._waiting)[2])
        return ready

    def pause(self, now: float) -> float | None:
        """Seconds until the next packet is due; None when there is none."""
        return max(0.0, self._waiting[0][0] - now) if self._waiting else None

    def _way(self, packet: bytes) -> Way | None:
        if len(packet) < 20 or packet[0] >> 4 != 4:
            return None
        one, other = self.places.get(packet[12:15]), self.places.get(packet[16:19])
        return (one, other) if one and other else None


def places_of(net: str) -> dict[bytes, str]:
    """Which place the first three octets of an address belong to."""
    return {socket.inet_aton(topology(net).gateway(place))[:3]: place for place in PLACES}


def main(arguments: list[str]) -> None:
    """Route until SIGTERM."""
    file, net, applied = Path(arguments[0]), arguments[1], Path(arguments[2])
    router = Router({}, places_of(net))
    hang_up = _signals()
    device = _open_device("wan0")
    _lead_packets_here()
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)  # delays should be the file's, not the scheduler's
    print("routing", flush=True)  # noqa: T201 - the service's log
    _apply(router, file, applied)
    _route(router, device, hang_up, partial(_apply, router, file, applied))


def _apply(router: Router, file: Path, applied: Path) -> None:
    text = file.read_text()
    router.links = parse(text)
    replace(applied, digest(text))


def _route(router: Router, device: int, hang_up: int, apply: Callable[[], None]) -> None:
    while True:
        readable, _, _ = select.select([device, hang_up], [], [], router.pause(time.monotonic()))
        if hang_up in readable and signal.SIGHUP in os.read(hang_up, 64):
            apply()
        if device in readable:
            _take_burst(router, device)
        for packet in router.due(time.monotonic()):
            with suppress(OSError):  # a full queue in the kernel: dropped, as on a real router
                os.write(device, packet)


def _take_burst(router: Router, device: int) -> None:
    with suppress(BlockingIOError):
        for _ in range(_BURST):
            router.take(os.read(device, _LONGEST), time.monotonic())


def _signals() -> int:
    """SIGHUP as bytes on a descriptor, so that the loop wakes and handles it in its own time."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.signal(signal.SIGHUP, lambda *_: None)
    signal.set_wakeup_fd(writer)
    return reader


def _open_device(name: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    return device


def _lead_packets_here() -> None:
    """Let the wan's table for packets between places (``lab.machine.network``) end at this device."""
    lines = ["link set wan0 txqueuelen 5000 up", f"route replace default dev wan0 table {TABLE}"]
    subprocess.run([program("ip"), "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
