"""Kind ``logs``: how far back a log reaches, and whether somebody tries many passwords. Read over SSH.

How far back is told by the *oldest line that is still there*, never by a rotation's settings: a setting says what was
meant, a full disk or a zealous clean-up decides what is.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Literal, Self

from pydantic import Field, model_validator

from checks.check import Check
from checks.deadline import Deadline
from checks.result import Measurement, Status
from checks.sentence import clean
from checks.ssh import bounded
from checks.ssh_connection import Connection
from checks.ssh_facts import Unreadable
from checks.ssh_pool import POOL
from checks.ssh_target import Unasked, Unreached
from inventory.model import Document, Seconds

DAY = 86400.0
#: six calendar months are at most 184 days (网络安全法: logs are kept for no less than six months)
KEPT = 184 * DAY
_TAIL = 2_000_000  #: bytes of a log's end that are searched for failures
_LINES = 5_000  #: failures that are counted; more are "at least"
_FAILURE = (
    "Failed [a-z/-]* for |Invalid user |authentication failure|maximum authentication attempts exceeded"
    "|Connection (closed|reset) by (authenticating|invalid) user "
)
_FROM = re.compile(r"(?:from|rhost=|user \S+) ?([0-9a-fA-F:.]{3,45})(?: |$)")
_ISO = re.compile(r"^\[?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:[.,]\d+)?(Z|[+-]\d\d:?\d\d)?")
_SYSLOG = re.compile(r"^([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d):(\d\d) ")
_COMMON = re.compile(r"\[(\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\]")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


class Params(Document):
    """What a ``logs`` check may say."""

    ask: Literal["retention", "failed-logins"]
    path: str = Field(default="/var/log/auth.log", pattern=r"^/[^\x00-\x1f]{0,1000}$")
    kept: Seconds = KEPT  #: how old the oldest line must at least be
    failures: int = Field(default=20, ge=1)  #: so many failures ...
    within: Seconds = 600.0  #: ... in so many seconds are a burst

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.within <= 0:
            raise ValueError("within: a burst needs some time")
        return self


async def probe(check: Check) -> Measurement:
    """Ask the host."""
    params, host = check.params, check.host
    assert isinstance(params, Params)
    if host is None:
        return Measurement(Status.UNKNOWN, "a logs check needs a host to log in to")
    question = _retention if params.ask == "retention" else _failures
    try:
        return await POOL.ask(host, check.timeout, partial(question, params))
    except Unreadable as why:
        return Measurement(Status.UNKNOWN, f"not known: {why}")
    except (Unasked, Unreached) as why:
        return Measurement(Status.UNKNOWN, f"cannot be asked: {why}", evidence={"unreached": True})


def _retention(params: Params, connection: Connection, deadline: Deadline) -> Measurement:
    """The oldest of the log and its rotations (by when they were last written), and its first line."""
    script = (
        'date +%s; f=$(ls -1tr -- "$1" "$1".* "$1"-* 2>/dev/null | head -n 1); [ -n "$f" ] || exit 3; '
        'stat -c %Y -- "$f"; zcat -f -- "$f" 2>/dev/null | head -c 4096 | head -n 5'
    )
    reply = connection.run(bounded(f"sh -c {shlex.quote(script)} sh {shlex.quote(params.path)}", deadline), deadline)
    if reply.code == 3:
        return Measurement(Status.DOWN, f"there is no log at {params.path}")
    lines = reply.out.decode(errors="replace").split("\n", 2)
    if len(lines) < 3 or not (lines[0].isdecimal() and lines[1].isdecimal()):
        raise Unreadable(clean(reply.err or reply.out, 200) or "the host said nothing")
    return judge_retention(params, float(lines[0]), float(lines[1]), lines[2].splitlines())


def judge_retention(params: Params, now: float, written: float, lines: Sequence[str]) -> Measurement:
    """What the oldest kept lines mean; ``written`` is when their file was last written. Pure."""
    at = next(filter(None, (moment(line, written) for line in lines)), None)
    if at is None:
        line = lines[0].strip() if lines else ""
        what = f"begins with `{clean(line, 60)}`, which holds no time" if line else "is empty"
        raise Unreadable(f"the oldest part of {params.path} {what}")
    age = now - at
    sentence = f"the oldest line kept of {params.path} is {age / DAY:.0f} days old"
    if age >= params.kept:
        return Measurement(Status.OK, sentence, age, "s")
    return Measurement(Status.DEGRADED, f"{sentence}, wanted at least {params.kept / DAY:.0f}", age, "s")


def _failures(params: Params, connection: Connection, deadline: Deadline) -> Measurement:
    script = f'date +%s; tail -c {_TAIL} -- "$1" | grep -aE {shlex.quote(_FAILURE)} | tail -n {_LINES}'
    outer = f'[ -r "$1" ] || exit 3; {script}'
    reply = connection.run(bounded(f"sh -c {shlex.quote(outer)} sh {shlex.quote(params.path)}", deadline), deadline)
    if reply.code == 3:
        raise Unreadable(f"{params.path} does not exist or may not be read")
    first, _, rest = reply.out.decode(errors="replace").partition("\n")
    if not first.isdecimal():
        raise Unreadable(clean(reply.err or reply.out, 200) or "the host said nothing")
    return judge_failures(params, float(first), rest.splitlines())


def judge_failures(params: Params, now: float, lines: Iterable[str]) -> Measurement:
    """Whether there is a burst: so many failures within so much time, up to ``now`` (Unix seconds). Pure."""
    recent = [line for line in lines if now - params.within <= (moment(line, now) or 0.0) <= now + 60]
    sources = Counter(found[1] for line in recent if (found := _FROM.search(line)))
    sentence = f"{len(recent)} failed log-ins within {params.within / 60:.0f} min"
    evidence = {f"from {clean(source, 45)}": count for source, count in sources.most_common(5)}
    if len(recent) < params.failures:
        return Measurement(Status.OK, sentence, len(recent), "", evidence)
    most = f", most from {sources.most_common(1)[0][0]}" if sources else ""
    return Measurement(Status.DEGRADED, f"{sentence}{most}; {params.failures} are a burst", len(recent), "", evidence)


def moment(line: str, written: float) -> float | None:
    """When a log line was written (Unix time), in the notations that logs use; None if it holds no time.

    The old syslog notation has no year: it is the last such day not after its file was last written.
    """
    try:
        if found := _ISO.match(line):
            at = datetime.fromisoformat(found[1] + (found[2] or ""))
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        if found := _COMMON.search(line):
            return datetime.strptime(found[1], "%d/%b/%Y:%H:%M:%S %z").timestamp()
        if found := _SYSLOG.match(line):
            return _without_year(written, _MONTHS.index(found[1]) + 1, int(found[2]), line[found.start(3) :][:8])
    except (ValueError, OverflowError):
        pass
    return None


def _without_year(written: float, month: int, day: int, clock: str) -> float:
    year = datetime.fromtimestamp(written, UTC).year
    for candidate in (year + 1, year, year - 1, year - 2, year - 3, year - 4):  # back to a leap year
        try:
            at = datetime.fromisoformat(f"{candidate}-{month:02}-{day:02}T{clock}+00:00").timestamp()
        except ValueError:
            continue
        if at <= written + DAY:
            return at
    raise ValueError("no such day")
