"""One question over HTTP/1.1, with nothing but asyncio: bounded in bytes here, in time by the caller."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

_HEAD = 16 * 1024  #: bytes of the answer's head
_BODY = 64 * 1024  #: bytes of the answer's body


class Failed(Exception):
    """No right answer; the text is a code that goes into the log."""


@dataclass(frozen=True, slots=True)
class Address:
    """One address of the service."""

    host: str
    port: int
    tls: bool
    target: str  #: path and query
    name: str  #: for the Host header

    @classmethod
    def of(cls, url: str) -> Address:
        """From a URL."""
        parts = urlsplit(url)
        tls = parts.scheme == "https"
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(
            parts.hostname or "", parts.port or (443 if tls else 80), tls, target, parts.netloc.rpartition("@")[2]
        )


@dataclass(slots=True, eq=False)
class Line:
    """An open connection to one of the addresses."""

    entry: int  #: which
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def open(self) -> bool:
        """Whether, as far as is known here, the other end still listens."""
        return not self.reader.at_eof() and not self.writer.is_closing()

    def close(self) -> None:
        """Hang up, without good-byes."""
        with contextlib.suppress(Exception):  # whatever TLS has to say about it
            self.writer.transport.abort()


async def dial(addresses: Sequence[Address], patience: float, trust: ssl.SSLContext | None) -> Line:
    """Connect to the first address that accepts, as clients do with a name that has several.

    ``patience`` (seconds) is shared, so that an address that does not answer leaves time for the others. Raises Failed.
    """
    why = "refused"
    until = asyncio.get_running_loop().time() + patience
    for entry, address in enumerate(addresses):
        left = (until - asyncio.get_running_loop().time()) / (len(addresses) - entry)
        try:
            async with asyncio.timeout(left):
                context = trust if address.tls else None
                reader, writer = await asyncio.open_connection(address.host, address.port, ssl=context, limit=_HEAD)
                return Line(entry, reader, writer)
        except TimeoutError:
            why = "connect-timeout"
        except ssl.SSLError:
            why = "tls"
        except ConnectionRefusedError:
            why = "refused"
        except OSError:
            why = "unreachable"
    raise Failed(why)


async def ask(line: Line, address: Address, *, keep: bool) -> tuple[int, bytes, bool]:
    """Status, body, and whether the connection can be used again. Raises Failed."""
    words = (
        f"GET {address.target} HTTP/1.1",
        f"Host: {address.name}",
        "User-Agent: tricenter-meter",
        "Accept: */*",
        "Cache-Control: no-cache",
        f"Connection: {'keep-alive' if keep else 'close'}",
        "\r\n",
    )
    try:
        line.writer.write("\r\n".join(words).encode())
        head = await line.reader.readuntil(b"\r\n\r\n")
        status, headers = _parsed(head)
        body, ended = await _body(line.reader, status, headers)
    except asyncio.IncompleteReadError as error:
        raise Failed("closed") from error
    except (asyncio.LimitOverrunError, ValueError) as error:
        raise Failed("protocol") from error
    except OSError as error:
        raise Failed("reset") from error
    return status, body, ended and keep and "close" not in headers.get("connection", "").lower()


def _parsed(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    version, status, *_ = first.split(" ", 2)
    if not version.startswith("HTTP/1.") or len(status) != 3:
        raise ValueError("no HTTP/1.1")
    pairs = (line.partition(":") for line in lines if line)
    return int(status), {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _body(reader: asyncio.StreamReader, status: int, headers: dict[str, str]) -> tuple[bytes, bool]:
    """The body, and whether its end was told (else the connection's end is its end)."""
    if status in {204, 304}:
        return b"", True
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return await _chunks(reader), True
    if "content-length" not in headers:
        found = bytearray()
        while len(found) <= _BODY and (more := await reader.read(_BODY)):
            found += more
        return bytes(found[:_BODY]), False
    size = int(headers["content-length"])
    if not 0 <= size <= _BODY:
        raise ValueError("a body too long")
    return await reader.readexactly(size), True


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    found = bytearray()
    while True:
        size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
        if not 0 <= size <= _BODY - len(found):
            raise ValueError("a body too long")
        if size == 0:
            while await reader.readuntil(b"\r\n") != b"\r\n":
                pass
            return bytes(found)
        found += await reader.readexactly(size)
        await reader.readexactly(2)
