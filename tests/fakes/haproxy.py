"""HAProxy's admin socket, as much as moving sessions needs: one backend ``pg``, its states, what was said."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_HEAD = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight\n"


@dataclass
class Haproxy:
    """What the fake holds and has heard."""

    socket: Path
    up: dict[str, bool]
    answer: bytes | None = None
    complains: bool = False
    maint: set[str] = field(default_factory=set)
    shut: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)
    changed: Callable[[], None] = lambda: None  #: called when a line took effect, before it is answered

    def obey(self, line: str) -> bytes:
        """One line of commands."""
        self.said.append(line)
        if self.answer is not None:
            return self.answer
        told = "".join(self._one(words.split()) for words in line.split(";")).encode() + b"\n"
        if not line.startswith("show"):
            self.changed()
        return told

    def _one(self, words: list[str]) -> str:
        match words:
            case ["show", "servers", "state", "pg"]:
                rows = [
                    f"4 pg {n} {one} 127.0.0.1 {2 * up} {int(one in self.maint)} 1\n" for n, (one, up) in self._all()
                ]
                return _HEAD + "".join(rows)
            case _ if self.complains:
                return "No such server.\n"
            case ["set", "server", where, "state", "maint"]:
                self.maint.add(where.partition("/")[2])
                self.up[where.partition("/")[2]] = False
            case ["set", "server", where, "state", "ready"]:
                if where.partition("/")[2] in self.maint:
                    self.up[where.partition("/")[2]] = True  # the real one believes in it until a check says otherwise
                self.maint.discard(where.partition("/")[2])
            case ["set", "server", where, "health", state]:
                self.up[where.partition("/")[2]] = state == "up"
            case ["shutdown", "sessions", "server", where]:
                self.shut.add(where.partition("/")[2])
            case _:
                return "Unknown command.\n"
        return ""

    def _all(self) -> list[tuple[int, tuple[str, bool]]]:
        return list(enumerate(self.up.items(), 1))


@contextmanager
def haproxy(
    folder: Path, up: Mapping[str, bool], *, answer: bytes | None = None, complains: bool = False
) -> Iterator[Haproxy]:
    """Serve the socket until the block ends."""
    box = Haproxy(folder / "admin.sock", dict(up), answer, complains)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(box.socket))
    listening.listen()

    def serve() -> None:
        while True:
            try:
                sock, _ = listening.accept()
            except OSError:
                return
            with sock, contextlib.suppress(OSError):
                sock.sendall(box.obey(sock.recv(65536).decode().strip()))

    thread = threading.Thread(target=serve)
    thread.start()
    yield box
    with contextlib.suppress(OSError):
        listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()
