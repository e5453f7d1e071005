"""SFTP 3, as much of it as delivering a file takes, through the vantage's own OpenSSH client.

Every wait ends at ``until`` (an instant of ``time.monotonic()``), and what a server sends is bounded. Each request is
answered before the next leaves, so that of every one it is known whether it may have been done.
"""

from __future__ import annotations

import contextlib
import os
import select
import struct
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

MOST_NAMES = 500_000  #: of one folder
_PACKET = 256 * 1024  #: bytes, the most that OpenSSH's server sends
_TEXT = 200  #: letters kept of what a server says
_INIT, _VERSION, _OPEN, _CLOSE, _WRITE, _OPENDIR, _READDIR, _MKDIR, _RENAME = 1, 2, 3, 4, 6, 11, 12, 14, 18
_STATUS, _HANDLE, _NAME, _EXTENDED = 101, 102, 104, 200
_OK, _EOF = 0, 1
_NEW_FILE = 0x02 | 0x08 | 0x10  #: for writing, made where it is not there, emptied where it is
_ANEW = b"posix-rename@openssh.com"  #: a rename that replaces what is there
#: flags of a file's attributes and the bytes that each adds
_ATTRIBUTES = ((0x1, 8), (0x2, 8), (0x4, 4), (0x8, 8))


class SftpError(Exception):
    """A conversation that did not end well."""


class Refused(SftpError):
    """The server said no: surely not done."""


class Broken(SftpError):
    """The connection, or something else than SFTP; what was ``sent`` may have been done."""

    def __init__(self, text: str, *, sent: bool = False) -> None:
        super().__init__(text)
        self.sent = sent


@dataclass(slots=True)
class Sftp:
    """One session, spoken through pipes with a client that was started for it."""

    _client: subprocess.Popen[bytes]
    _held: bytearray = field(default_factory=bytearray)
    _asked: int = 0
    _renames_anew: bool = False

    @classmethod
    def open(cls, command: Sequence[str], until: float) -> Sftp:
        """Start the client and greet the server."""
        pipe = subprocess.PIPE
        try:
            client = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, start_new_session=True)
        except OSError as error:
            raise Broken(f"{command[0]} does not start: {error.strerror}") from error
        session = cls(client)
        try:
            session._say(_INIT, struct.pack("!I", 3))
            kind, body = session._packet(until)
            if kind != _VERSION:
                raise Broken("the server speaks no SFTP")
            session._renames_anew = _ANEW in body
        except BaseException:
            session.close()
            raise
        return session

    def make_folder(self, folder: str, until: float) -> None:
        """Make a folder; raises Refused also where it is there."""
        self._done(_MKDIR, _text(folder) + struct.pack("!I", 0), until)

    def write(self, path: str, content: bytes, until: float) -> None:
        """A small file with that content, whatever was there."""
        handle = self._handle(_OPEN, _text(path) + struct.pack("!II", _NEW_FILE, 0), until)
        self._done(_WRITE, handle + struct.pack("!QI", 0, len(content)) + content, until)
        self._done(_CLOSE, handle, until)

    def rename(self, old: str, new: str, until: float) -> None:
        """Give a file its name, in one step."""
        if self._renames_anew:
            self._done(_EXTENDED, _bytes(_ANEW) + _text(old) + _text(new), until)
        else:
            self._done(_RENAME, _text(old) + _text(new), until)

    def names(self, folder: str, until: float) -> Iterator[str]:
        """What lies in a folder; names that are no text are passed over."""
        handle = self._handle(_OPENDIR, _text(folder), until)
        seen = 0
        while (answer := self._ask(_READDIR, handle, until))[0] == _NAME:
            for name in _names(answer[1]):
                seen += 1
                if seen > MOST_NAMES:
                    raise Broken(f"more than {MOST_NAMES} files in {folder}")
                with contextlib.suppress(UnicodeDecodeError):
                    yield name.decode()
        if _code(*answer) != _EOF:
            raise Refused(f"{folder} cannot be read: {_said(answer[1])}")
        self._done(_CLOSE, handle, until)

    def close(self) -> None:
        """End the client, at once."""
        self._client.kill()
        for stream in (self._client.stdin, self._client.stdout, self._client.stderr):
            if stream:
                stream.close()
        self._client.wait()

    def _done(self, kind: int, body: bytes, until: float) -> None:
        answer = self._ask(kind, body, until)
        if _code(*answer) != _OK:
            raise Refused(_said(answer[1]))

    def _handle(self, kind: int, body: bytes, until: float) -> bytes:
        """A handle as it is sent back."""
        answer = self._ask(kind, body, until)
        if answer[0] == _HANDLE:
            return answer[1]
        _code(*answer)
        raise Refused(_said(answer[1]))

    def _ask(self, kind: int, body: bytes, until: float) -> tuple[int, bytes]:
        """The kind and the body of the answer, which must be to this question."""
        self._asked += 1
        self._say(kind, struct.pack("!I", self._asked) + body)
        try:
            answer, told = self._packet(until)
        except Broken as error:
            raise Broken(str(error), sent=True) from error
        if len(told) < 4 or struct.unpack_from("!I", told)[0] != self._asked:
            raise Broken("the server answers another question", sent=True)
        return answer, told[4:]

    def _say(self, kind: int, body: bytes) -> None:
        """One packet is always far smaller than what a pipe takes at once, and the pipe is empty."""
        assert self._client.stdin is not None, "it was started with pipes"
        packet = struct.pack("!IB", len(body) + 1, kind) + body
        try:
            os.write(self._client.stdin.fileno(), packet)
        except OSError as error:
            raise Broken(self._last_words() or "the connection is gone", sent=True) from error

    def _packet(self, until: float) -> tuple[int, bytes]:
        (length,) = struct.unpack("!I", self._take(4, until))
        if not 0 < length <= _PACKET:
            raise Broken("the server speaks no SFTP")
        packet = self._take(length, until)
        return packet[0], packet[1:]

    def _take(self, count: int, until: float) -> bytes:
        assert self._client.stdout is not None, "it was started with pipes"
        out = self._client.stdout.fileno()
        while len(self._held) < count:
            waiting = select.poll()
            waiting.register(out, select.POLLIN)
            if not waiting.poll(max(0.0, until - time.monotonic()) * 1000):
                raise Broken("no answer in time")
            more = os.read(out, 64 * 1024)
            if not more:
                raise Broken(self._last_words() or "the connection was closed")
            self._held += more
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken

    def _last_words(self) -> str:
        """What the client says of its end."""
        assert self._client.stderr is not None, "it was started with pipes"
        error = self._client.stderr.fileno()
        waiting = select.poll()
        waiting.register(error, select.POLLIN)
        said = os.read(error, 4096) if waiting.poll(200) else b""
        return _printable(said.strip().rpartition(b"\n")[2])


def _names(body: bytes) -> Iterator[bytes]:
    """File names of an answer; each is followed by a line for people and the file's attributes."""
    try:
        (count,) = struct.unpack_from("!I", body)
        at = 4
        for _ in range(count):
            name, at = _taken(body, at)
            _, at = _taken(body, at)
            at = _past_attributes(body, at)
            yield name
    except struct.error as error:
        raise Broken("the server speaks no SFTP") from error


def _past_attributes(body: bytes, at: int) -> int:
    (flags,) = struct.unpack_from("!I", body, at)
    at += 4 + sum(size for flag, size in _ATTRIBUTES if flags & flag)
    if flags & 0x80000000:
        (count,) = struct.unpack_from("!I", body, at)
        at += 4
        for _ in range(min(2 * count, len(body))):
            _, at = _taken(body, at)
    return at


def _taken(body: bytes, at: int) -> tuple[bytes, int]:
    (size,) = struct.unpack_from("!I", body, at)
    end = at + 4 + size
    if end > len(body):
        raise struct.error("a text longer than its packet")
    return body[at + 4 : end], end


def _code(kind: int, body: bytes) -> int:
    if kind != _STATUS or len(body) < 4:
        raise Broken("the server speaks no SFTP", sent=True)
    return int(struct.unpack_from("!I", body)[0])


def _said(body: bytes) -> str:
    """The sentence of a status."""
    try:
        return _printable(_taken(body, 4)[0]) or "refused"
    except struct.error:
        return "refused"


def _printable(data: bytes) -> str:
    return "".join(letter for letter in data.decode(errors="replace") if letter.isprintable())[:_TEXT]


def _text(text: str) -> bytes:
    return _bytes(text.encode())


def _bytes(data: bytes) -> bytes:
    return struct.pack("!I", len(data)) + data
