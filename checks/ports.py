"""Kind ``ports``: on which TCP ports a host listens for others, against those that the estate knows."""

from __future__ import annotations

import re
from collections.abc import Collection

from pydantic import Field

from checks.check import Check
from checks.deadline import Deadline
from checks.result import Measurement, Status
from checks.sentence import clean
from checks.ssh import bounded
from checks.ssh_connection import Connection
from checks.ssh_facts import Unreadable
from checks.ssh_pool import POOL
from checks.ssh_target import Unasked, Unreached
from inventory.model import Document, Port

_ROW = re.compile(r"^\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} 0A ")
#: the kernel's own table: there on every Linux, whatever is installed; only what listens comes over the line
_COMMAND = "grep -h ' 0A ' /proc/net/tcp /proc/net/tcp6"
_NAMED = 10  #: ports that a sentence names


class Params(Document):
    """What a ``ports`` check may say."""

    expected: tuple[Port, ...] = Field(min_length=1)  #: the host's own SSH port is among them anyway
    missing: bool = False  #: whether an expected port that nobody listens on is drift, too


async def probe(check: Check) -> Measurement:
    """Ask the kernel who listens."""
    params, host = check.params, check.host
    assert isinstance(params, Params)
    if host is None:
        return Measurement(Status.UNKNOWN, "a ports check needs a host to log in to")
    try:
        listening = await POOL.ask(host, check.timeout, _listening)
    except Unreadable as why:
        return Measurement(Status.UNKNOWN, f"not known: {why}")
    except (Unasked, Unreached) as why:
        return Measurement(Status.UNKNOWN, f"cannot be asked: {why}", evidence={"unreached": True})
    return judge({*params.expected, host.ssh.port}, listening, params.missing)


def judge(expected: Collection[int], listening: Collection[int], missing: bool) -> Measurement:
    """What the ports mean. Pure."""
    strange, absent = sorted(set(listening) - set(expected)), sorted(set(expected) - set(listening))
    evidence = {"listening": _said(sorted(listening)), "unexpected": _said(strange), "missing": _said(absent)}
    wrong = [f"listens on {_said(strange)}, which the estate does not know"] if strange else []
    wrong += [f"does not listen on {_said(absent)}"] if absent and missing else []
    sentence = "; ".join(wrong) or f"listens on {_said(sorted(listening))}, all known to the estate"
    return Measurement(Status.DEGRADED if wrong else Status.OK, sentence, len(strange), "", evidence)


def read_listening(text: str) -> set[int]:
    """Ports that others can reach, from rows of ``/proc/net/tcp``; what listens on loopback only does not count."""
    found = [_ROW.match(line) for line in text.splitlines() if line.strip()]
    if not found or None in found:
        raise Unreadable(f"/proc/net/tcp answered: {clean(text, 120) or 'nothing'}")
    return {int(row[2], 16) for row in found if row and not _loopback(row[1])}


def _loopback(address: str) -> bool:
    """Addresses stand there as the machine's own words, four bytes each: little-endian on all that we know."""
    if len(address) == 8:
        return address.endswith("7F")
    mapped = address[:24] == "0000000000000000FFFF0000"
    return address == "00000000000000000000000001000000" or (mapped and address.endswith("7F"))


def _listening(connection: Connection, deadline: Deadline) -> set[int]:
    reply = connection.run(bounded(_COMMAND, deadline), deadline)
    if not reply.out and reply.code != 0:
        raise Unreadable(clean(reply.err, 200) or f"the command ended with {reply.code}")
    return read_listening(reply.out.decode(errors="replace"))


def _said(ports: list[int]) -> str:
    more = f" and {len(ports) - _NAMED} more" if len(ports) > _NAMED else ""
    return ", ".join(map(str, ports[:_NAMED])) + more or "none"
