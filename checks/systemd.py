"""Speaking to the service manager: ready, alive, reloading, and what goes on; silent where there is none."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from checks.sentence import clean

_LOOK = 5.0  #: seconds between two signs of life where no watchdog asks for more
_LONGEST = 200  #: characters of a status line


@dataclass(frozen=True, slots=True)
class Notifier:
    """systemd's notification protocol (sd_notify): datagrams to a Unix socket named in the environment."""

    address: str | None  #: path of the socket; with ``@`` first, a name in the abstract namespace
    watchdog: float | None  #: seconds within which a sign of life is expected; None: nobody expects any

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], pid: int | None = None) -> Notifier:
        """What the service manager wants to hear. A watchdog that was meant for another process is not answered."""
        address = environment.get("NOTIFY_SOCKET", "")
        usable = address[:1] in ("/", "@") and len(address) > 1
        meant = environment.get("WATCHDOG_PID", str(pid or os.getpid())) == str(pid or os.getpid())
        micros = environment.get("WATCHDOG_USEC", "")
        watchdog = int(micros) / 1e6 if meant and micros.isdecimal() and int(micros) else None
        return cls(address if usable else None, watchdog if usable else None)

    def ready(self, status: str) -> None:
        """Everything is up; also after a reload."""
        self._send(f"READY=1\nSTATUS={_line(status)}")

    def alive(self) -> None:
        """The sign of life that the watchdog waits for."""
        self._send("WATCHDOG=1")

    def status(self, status: str) -> None:
        """One line for ``systemctl status``."""
        self._send(f"STATUS={_line(status)}")

    def reloading(self) -> None:
        """The configuration is being read again; ends with :meth:`ready`."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        """A service manager that is away or busy never holds the watch up."""
        if self.address is None:
            return
        target = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(message.encode(), target)


@asynccontextmanager
async def signs_of_life(
    notifier: Notifier,
    status: str,
    turning: Callable[[], bool] = lambda: True,
    said: Callable[[], str] | None = None,
) -> AsyncIterator[None]:
    """Ready now, alive while the block runs as long as ``turning``, stopping after it.

    The signs come from the event loop, so that a loop that is held up gives none. ``said`` is the newest status line.
    """
    notifier.ready(status)
    task = asyncio.ensure_future(_again_and_again(notifier, turning, said))
    try:
        yield
    finally:
        notifier.stopping()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _again_and_again(notifier: Notifier, turning: Callable[[], bool], said: Callable[[], str] | None) -> None:
    last = ""
    while True:
        if turning():
            notifier.alive()
        if said is not None and (line := said()) != last:
            notifier.status(line)
            last = line
        await asyncio.sleep(min(_LOOK, notifier.watchdog / 3) if notifier.watchdog else _LOOK)


def _line(text: str) -> str:
    return clean(text, _LONGEST)
