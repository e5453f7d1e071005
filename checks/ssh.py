"""Kind ``ssh``: what a host answers when logged in to: is a service up, a disk full, the clock right."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, model_validator

from checks.check import Check
from checks.deadline import Deadline
from checks.result import Measurement, Status
from checks.sentence import clean
from checks.ssh_connection import Connection
from checks.ssh_facts import (
    Clock,
    Limits,
    Unreadable,
    judge_clock,
    judge_disk,
    judge_service,
    read_age,
    read_clock,
    read_disk,
    read_load,
    read_runit,
    read_systemd,
)
from checks.ssh_pool import POOL
from checks.ssh_target import Reply, Unasked, Unreached
from inventory.model import Document, Host, Seconds

_NEEDS_LIMIT = {"disk": "85%", "load": "2", "clock": "500ms", "file": "10m"}
_PERCENT_SIGN = "%"
_SECONDS: TypeAdapter[float] = TypeAdapter(Seconds)
_CLOCK_ROUNDS = 3  #: the quickest of three has the smallest error


def _limit(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError("a limit is written like 85% (disk), 2 (load a core), 500ms (clock) or 10m (file)")
    return str(value)


Limit = Annotated[str, BeforeValidator(_limit)]


class Params(Document):
    """What to ask the host."""

    ask: Literal["login", "service", "disk", "load", "clock", "file"]
    service: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_][A-Za-z0-9@._-]{0,100}$")
    path: str | None = Field(default=None, pattern=r"^/[^\x00-\x1f]{0,1000}$")
    degraded: Limit | None = None  #: reached: degraded
    down: Limit | None = None  #: reached: down

    @model_validator(mode="after")
    def _complete(self) -> Params:
        if self.ask == "service" and self.service is None:
            raise ValueError("ask: service needs the name of the service, like service: postgres")
        if self.ask in ("disk", "file") and self.path is None:
            raise ValueError(f"ask: {self.ask} needs a path, like path: /var/lib")
        if self.ask in _NEEDS_LIMIT and self.degraded is None and self.down is None:
            raise ValueError(
                f"ask: {self.ask} needs a limit, like degraded: {_NEEDS_LIMIT[self.ask]} — it could never fail"
            )
        self.limits()
        return self

    def limits(self) -> Limits:
        """The limits as numbers: percent for disk, load a core, seconds for the rest."""
        return Limits(self._number(self.degraded), self._number(self.down))

    def _number(self, text: str | None) -> float | None:
        if text is None:
            return None
        if self.ask in ("disk", "load"):
            number = text.removesuffix(_PERCENT_SIGN) if self.ask == "disk" else text
            sound = text.endswith(_PERCENT_SIGN) == (self.ask == "disk") and number.replace(".", "", 1).isdecimal()
            if not sound:
                raise ValueError(f"a limit of ask: {self.ask} is written like {_NEEDS_LIMIT[self.ask]}")
            return float(number)
        try:
            return _SECONDS.validate_python(text)
        except ValidationError:
            raise ValueError(f"a limit of ask: {self.ask} is a time, like 500ms, 30s or 10m") from None


async def probe(check: Check) -> Measurement:
    """Ask over the host's shared connection. A host that cannot be logged in to is down only for ``ask: login``."""
    params, host = check.params, check.host
    assert isinstance(params, Params)
    if host is None:
        return Measurement(Status.UNKNOWN, "an ssh check needs a host to log in to")
    try:
        return await POOL.ask(host, check.timeout, partial(_ANSWERS[params.ask], params, host))
    except (Unasked, Unreadable) as why:
        return Measurement(Status.UNKNOWN, f"not known: {why}")
    except Unreached as why:
        if params.ask == "login":
            return Measurement(Status.DOWN, f"cannot log in: {why}")
        return Measurement(Status.UNKNOWN, f"cannot be asked: {why}", evidence={"unreached": True})


def bounded(command: str, deadline: Deadline) -> str:
    """A shell command line that the host itself ends: closing a channel does not end what runs there."""
    return f"env LC_ALL=C timeout -k 1 {max(1, math.ceil(deadline.left()))} {command}"


def _text(reply: Reply) -> str:
    """Standard output of a command that did its work."""
    if reply.code == 124:
        raise Unreadable("the command did not finish in time (a hanging disk?)")
    if reply.code != 0:
        raise Unreadable(clean(reply.err or reply.out, 200) or f"the command ended with {reply.code}")
    return reply.out.decode(errors="replace")


def _login(params: Params, host: Host, connection: Connection, deadline: Deadline) -> Measurement:
    before = time.monotonic()
    reply = connection.run(bounded("true", deadline), deadline)
    took = time.monotonic() - before
    if reply.code != 0:
        said = clean(reply.err or reply.out, 200)
        return Measurement(Status.DOWN, f"logged in as {host.ssh.user}, but no command runs: {said}")
    sentence = f"logged in as {host.ssh.user}; a command took {took * 1000:.0f} ms"
    return Measurement(params.limits().judge(took), sentence, took, "s")


def _service(params: Params, host: Host, connection: Connection, deadline: Deadline) -> Measurement:
    assert params.service is not None
    name = params.service
    if host.services_dir is None:
        reply = connection.run(bounded(f"systemctl is-active -- {shlex.quote(name)}", deadline), deadline)
    else:
        folder = shlex.quote(f"{host.services_dir}/{name}")
        reply = connection.run(bounded(f"sv status {folder}", deadline), deadline)
    text = (reply.out or reply.err).decode(errors="replace")
    service = read_systemd(text) if host.services_dir is None else read_runit(text)
    status = judge_service(service, params.limits().degraded)
    since = "" if service.uptime is None else f", for {service.uptime:.0f} s"
    return Measurement(
        status, f"service {name} is {service.state}{since}", service.uptime, "s", {"state": service.state}
    )


def _disk(params: Params, _host: Host, connection: Connection, deadline: Deadline) -> Measurement:
    assert params.path is not None
    command = f"stat -f -c '%S %b %f %a %c %d' -- {shlex.quote(params.path)}"
    disk = read_disk(_text(connection.run(bounded(command, deadline), deadline)))
    status = judge_disk(disk, params.limits())
    files = f", {disk.files:.0f}% of its inodes" if disk.files > disk.used else ""
    sentence = f"{params.path} is {disk.used:.0f}% full{files}, {disk.free / 2**20:.0f} MiB free"
    return Measurement(status, sentence, max(disk.used, disk.files), "%", {"free_bytes": disk.free})


def _load(params: Params, _host: Host, connection: Connection, deadline: Deadline) -> Measurement:
    command = "sh -c 'cat /proc/loadavg && nproc'"
    load = read_load(_text(connection.run(bounded(command, deadline), deadline)))
    status = params.limits().judge(load.per_core)
    sentence = f"load {load.per_core:.2f} a core ({load.averages} on {load.cores} cores)"
    return Measurement(status, sentence, load.per_core, "", {"cores": load.cores})


def _clock(params: Params, _host: Host, connection: Connection, deadline: Deadline) -> Measurement:
    rounds = [_offset(connection, deadline, time.time) for _ in range(_CLOCK_ROUNDS)]
    clock = min(rounds, key=lambda each: each.bound)
    status = judge_clock(clock, params.limits())
    side = "ahead" if clock.offset > 0 else "behind"
    sentence = f"clock is {abs(clock.offset):.3f} s {side} of ours (± {clock.bound:.3f} s)"
    if status is Status.UNKNOWN:
        sentence += ": the answer took too long to tell"
    return Measurement(status, sentence, clock.offset, "s", {"error_bound_s": clock.bound})


def _offset(connection: Connection, deadline: Deadline, now: Callable[[], float]) -> Clock:
    before = now()
    reply = connection.run(bounded("date +%s.%N", deadline), deadline)
    after = now()
    return read_clock(_text(reply), before, after)


def _file(params: Params, _host: Host, connection: Connection, deadline: Deadline) -> Measurement:
    assert params.path is not None
    stat = f"stat -c %Y -- {shlex.quote(params.path)} && date +%s"
    reply = connection.run(bounded(f"sh -c {shlex.quote(stat)}", deadline), deadline)
    if reply.code == 1 and b"No such file" in reply.err:
        return Measurement(Status.DOWN, f"{params.path} does not exist")
    age = read_age(_text(reply))
    return Measurement(params.limits().judge(age), f"{params.path} changed {age:.0f} s ago", age, "s")


_ANSWERS: dict[str, Callable[[Params, Host, Connection, Deadline], Measurement]] = {
    "login": _login,
    "service": _service,
    "disk": _disk,
    "load": _load,
    "clock": _clock,
    "file": _file,
}
