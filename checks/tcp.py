"""Kind ``tcp``: a port accepts connections and, where the protocol speaks first, greets as expected."""

from __future__ import annotations

import asyncio
import errno
import os
import time

import pydantic

from checks.check import Check
from checks.result import Measurement, Status
from inventory.model import Document

GREETING = 4096  #: bytes of a greeting that are read at most

#: Errors of the machine that asks; they say nothing about the one that was asked.
OWN_ERRORS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM}


class Params(Document):
    """What a ``tcp`` check may say."""

    port: int = pydantic.Field(ge=1, le=65535)
    address: str = pydantic.Field(default="{address}", min_length=1, max_length=253)
    banner: str | None = pydantic.Field(default=None, min_length=1, max_length=1000)  #: text the peer must send first


async def probe(check: Check) -> Measurement:
    """Connect, read the greeting if one is expected, hang up."""
    params = check.params
    assert isinstance(params, Params)
    began = time.monotonic()
    connected: float | None = None
    try:
        async with asyncio.timeout(check.timeout):
            reader, writer = await asyncio.open_connection(params.address, params.port, limit=GREETING)
            connected = time.monotonic() - began
            try:
                greeting = await _greeting(reader, params.banner.encode()) if params.banner else b""
            finally:
                writer.transport.abort()  # a close that waits for the peer would let it hold us
    except TimeoutError:
        return judge_silence(check.timeout, connected)
    except OSError as error:
        return judge_error(error, params.address, params.port)
    return judge(params, connected, greeting)


async def _greeting(reader: asyncio.StreamReader, wanted: bytes) -> bytes:
    """What the peer sends until ``wanted`` is in it, it ends, or it is too long."""
    seen = b""
    while wanted not in seen and len(seen) < GREETING and (more := await reader.read(GREETING - len(seen))):
        seen += more
    return seen


def judge(params: Params, connected: float, greeting: bytes) -> Measurement:
    """What a connection that was accepted after ``connected`` seconds means, with what the peer said first."""
    evidence = {"greeting": greeting.decode(errors="replace")} if greeting else {}
    if params.banner and params.banner.encode() not in greeting:
        said = repr(greeting[:80].decode(errors="replace")) if greeting else "nothing"
        sentence = f"port {params.port} is open but said {said}, expected {params.banner!r}"
        return Measurement(Status.DOWN, sentence, connected, "s", evidence)
    sentence = f"port {params.port} answers in {connected * 1000:.1f} ms"
    return Measurement(Status.OK, sentence, connected, "s", evidence)


def judge_silence(timeout: float, connected: float | None) -> Measurement:
    """What it means that time ran out, before or after the connection was accepted."""
    reached = "no connection" if connected is None else "connected, but then nothing came"
    return Measurement(Status.DOWN, f"no answer after {timeout:g} s: {reached}")


def judge_error(error: OSError, address: str, port: int) -> Measurement:
    """What the system's error means: a fault of the peer or the path, unless it speaks of this machine."""
    number = error.errno or 0
    words = os.strerror(number) if number > 0 else error.strerror or str(error) or type(error).__name__
    if number in OWN_ERRORS:
        return Measurement(Status.UNKNOWN, f"the prober could not ask: {words}")
    return Measurement(Status.DOWN, f"no connection to {address} port {port}: {words}")
