"""Kind ``plugin``: any executable that follows the monitoring-plugins convention, here or on the host over SSH."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import signal
from dataclasses import dataclass
from functools import partial
from typing import IO, Annotated, Literal

from pydantic import Field

from checks.check import Check
from checks.deadline import Deadline
from checks.result import Measurement, Status
from checks.sentence import clean
from checks.ssh import bounded
from checks.ssh_connection import OUTPUT_LIMIT, Connection
from checks.ssh_pool import POOL
from checks.ssh_target import Reply, Unasked, Unreached
from inventory.model import Document, Host

_STATUS = {0: Status.OK, 1: Status.DEGRADED, 2: Status.DOWN, 3: Status.UNKNOWN}
_PERFDATA = re.compile(
    r"^(?:'((?:[^']|'')*)'|([^\s'=]+))=(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)([A-Za-z%]{0,10})(?:;|\s|$)"
)
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
_SENTENCE = 500

Argument = Annotated[str, Field(max_length=4000, pattern=r"^[^\x00]*$")]


class Params(Document):
    """What to run where."""

    command: tuple[Argument, ...] = Field(min_length=1, max_length=100)  #: the program and its arguments, no shell
    over: Literal["local", "ssh"] = "local"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a plugin left behind. ``code`` is negative or None when it was ended by a signal."""

    code: int | None
    out: bytes
    err: bytes
    cut: bool


async def probe(check: Check) -> Measurement:
    """Run the plugin and translate its answer. What it says is shown, never run."""
    params = check.params
    assert isinstance(params, Params)
    try:
        if params.over == "local":
            return say(params, await _here(params, Deadline.after(check.timeout)))
        return say(params, await POOL.ask(_host(check), check.timeout, partial(_there, params)))
    except TimeoutError:
        return Measurement(Status.UNKNOWN, f"{_name(params)} did not end within {check.timeout:g} s")
    except OSError as error:
        return Measurement(Status.UNKNOWN, f"{_name(params)} cannot be run: {error.strerror or error}")
    except Unasked as why:
        return Measurement(Status.UNKNOWN, f"not known: {why}")
    except Unreached as why:
        return Measurement(Status.UNKNOWN, f"cannot be asked: {why}", evidence={"unreached": True})


def _host(check: Check) -> Host:
    if check.host is None:
        raise Unasked("a plugin over ssh needs a host to log in to")
    return check.host


def _there(params: Params, connection: Connection, deadline: Deadline) -> Ran:
    reply: Reply = connection.run(bounded(shlex.join(params.command), deadline), deadline)
    if reply.code == 124:
        raise TimeoutError
    return Ran(reply.code, reply.out, reply.err, reply.cut)


async def _here(params: Params, deadline: Deadline) -> Ran:
    """Run in a process group of its own, which is ended whole: children that plugins leave behind go with it."""
    with contextlib.ExitStack() as pipes:
        out, out_end = _pipe(pipes)
        err, err_end = _pipe(pipes)
        process = await asyncio.create_subprocess_exec(
            *params.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out_end,
            stderr=err_end,
            env=_ENVIRONMENT,
            start_new_session=True,
        )
        out_end.close()
        err_end.close()
        try:
            async with asyncio.timeout(deadline.left()):
                return await _ended(process, out, err)
        finally:
            _kill(process)
            await asyncio.shield(process.wait())


def _pipe(pipes: contextlib.ExitStack) -> tuple[IO[bytes], IO[bytes]]:
    """A pipe of our own: with asyncio's, waiting for a process also waits for everyone who holds its output."""
    reading, writing = os.pipe()
    return pipes.enter_context(os.fdopen(reading, "rb", 0)), pipes.enter_context(os.fdopen(writing, "wb", 0))


async def _ended(process: asyncio.subprocess.Process, out: IO[bytes], err: IO[bytes]) -> Ran:
    """The end of the process, and what it wrote. Too much output ends it."""
    async with asyncio.TaskGroup() as group:
        readers = [group.create_task(_some(each, process)) for each in (out, err)]
        code = await process.wait()
        _kill(process)  # so that no child keeps the pipes open
    said, complained = (reader.result() for reader in readers)
    cut = len(said) > OUTPUT_LIMIT or len(complained) > OUTPUT_LIMIT
    return Ran(code, said[:OUTPUT_LIMIT], complained[:OUTPUT_LIMIT], cut)


async def _some(pipe: IO[bytes], process: asyncio.subprocess.Process) -> bytes:
    """Up to the end, or one byte more than is kept."""
    stream = asyncio.StreamReader(OUTPUT_LIMIT)
    protocol = asyncio.StreamReaderProtocol(stream)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
    found = bytearray()
    with contextlib.closing(transport):
        while len(found) <= OUTPUT_LIMIT and (chunk := await stream.read(OUTPUT_LIMIT)):
            found += chunk
    if len(found) > OUTPUT_LIMIT:
        _kill(process)
    return bytes(found)


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def say(params: Params, ran: Ran) -> Measurement:
    """The first line and the first number of performance data; the exit code decides."""
    name = _name(params)
    if ran.cut:
        return Measurement(Status.UNKNOWN, f"{name} wrote more than {OUTPUT_LIMIT} bytes: {clean(ran.out, 100)}")
    text, _, perfdata = ran.out.decode(errors="replace").strip().partition("\n")[0].partition("|")
    shown = clean(text, _SENTENCE) or clean(ran.err, _SENTENCE) or f"{name} said nothing"
    if ran.code is None or ran.code < 0:
        return Measurement(Status.UNKNOWN, f"{name} was ended by a signal: {shown}")
    if ran.code not in _STATUS:
        return Measurement(Status.UNKNOWN, f"{name} ended with {ran.code}, which means nothing: {shown}")
    label, value, unit = read_perfdata(perfdata)
    evidence: dict[str, str | float | int | bool] = {"plugin": name}
    if label:
        evidence["measured"] = label
    return Measurement(_STATUS[ran.code], shown, value, unit, evidence)


def read_perfdata(text: str) -> tuple[str, float | None, str]:
    """Label, value and unit of the first number in ``'label'=value[unit];warn;crit;min;max``; empty if unreadable."""
    found = _PERFDATA.match(text.strip()[:2000])
    if found is None:
        return "", None, ""
    label = found[1].replace("''", "'") if found[1] is not None else found[2]
    return clean(label, 80), float(found[3]), found[4]


def _name(params: Params) -> str:
    return clean(params.command[0].rpartition("/")[2], 60)
