"""Kind ``baseline``: the settings of a host that a machine can check, against the baseline of its level.

Read over SSH, nothing is changed. The words here never say "certified" or "compliant": an assessment is made by people.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from functools import partial

from pydantic import Field

from checks.baseline_items import (
    Found,
    Outcome,
    baseline,
    judge,
    read_accounts,
    read_assignments,
    read_sshd,
    read_sshd_config,
)
from checks.check import Check
from checks.deadline import Deadline
from checks.result import Measurement, Status
from checks.ssh import bounded
from checks.ssh_connection import Connection
from checks.ssh_pool import POOL
from checks.ssh_target import Unasked, Unreached
from inventory.model import Document

_LIMIT = 256 * 1024  #: bytes read of one source
_NAMED = 5  #: failing items that the sentence names

Read = Callable[[str], Mapping[str, str]]


class Params(Document):
    """What a ``baseline`` check may say."""

    level: int = Field(default=3, ge=1, le=4)  #: MLPS level of the most important system on the host
    config: str = Field(default="/etc/ssh/sshd_config", pattern=r"^/[^\x00-\x1f]{0,1000}$")


async def probe(check: Check) -> Measurement:
    """Read the sources and judge the items."""
    params, host = check.params, check.host
    assert isinstance(params, Params)
    if host is None:
        return Measurement(Status.UNKNOWN, "a baseline check needs a host to log in to")
    try:
        facts = await POOL.ask(host, check.timeout, partial(_facts, params))
    except (Unasked, Unreached) as why:
        return Measurement(Status.UNKNOWN, f"cannot be asked: {why}", evidence={"unreached": True})
    return measured(params, judge(baseline().items, params.level, facts))


def measured(params: Params, found: list[Found]) -> Measurement:
    """What the items say together: one that fails degrades, one that is not known keeps it from being fine. Pure."""
    failing = [one for one in found if one.outcome is Outcome.FAILS]
    unknown = [one for one in found if one.outcome is Outcome.UNKNOWN]
    evidence = {one.item.id: f"{one.outcome.value}: {one.value}" for one in found}
    if failing:
        names = ", ".join(f"{one.item.id} ({one.value})" for one in failing[:_NAMED])
        sentence = f"{len(failing)} of {len(found)} settings of level {params.level} fail: {names}"
        return Measurement(Status.DEGRADED, sentence, len(failing), "", evidence)
    if unknown or not found:
        names = ", ".join(one.item.id for one in unknown[:_NAMED])
        sentence = f"{len(unknown)} of {len(found)} settings of level {params.level} cannot be read: {names}"
        return Measurement(Status.UNKNOWN, sentence, 0, "", evidence)
    return Measurement(Status.OK, f"all {len(found)} settings of level {params.level} hold", 0, "", evidence)


def _facts(params: Params, connection: Connection, deadline: Deadline) -> dict[str, Mapping[str, str]]:
    """All that can be read; a source that cannot is left out, and its items are unknown."""
    ask = partial(_asked, connection, deadline)
    config = shlex.quote(params.config)
    found: dict[str, Mapping[str, str]] = {}
    for source, command, read in (
        ("sshd", f"env PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin sshd -T -f {config}", read_sshd),
        ("accounts", "cat /etc/passwd", read_accounts),
        ("login_defs", "cat /etc/login.defs", read_assignments),
        ("pwquality", "cat /etc/security/pwquality.conf", read_assignments),
        ("faillock", "cat /etc/security/faillock.conf", read_assignments),
    ):
        settings = ask(command, read)
        if settings:
            found[source] = settings
    if "sshd" not in found and (settings := ask(f"cat -- {config}", read_sshd_config)):
        found["sshd"] = settings
    return found


def _asked(connection: Connection, deadline: Deadline, command: str, read: Read) -> Mapping[str, str]:
    """One source; empty if the command failed or what it said was too much to be a configuration."""
    reply = connection.run(bounded(command, deadline), deadline, _LIMIT)
    if reply.code != 0 or len(reply.out) >= _LIMIT:
        return {}
    return read(reply.out.decode(errors="replace"))
