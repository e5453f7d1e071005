"""Does harm to the lab, and takes it back: the one place where faults touch the world."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lab import certificates, keys, links, ready
from lab.client import Lab
from lab.errors import LabError
from lab.faults.effect import Effect, Effects, Kind, harms
from lab.layout import WAN
from lab.machine import power, processes
from lab.packages import program
from lab.services.postgres import BIN
from lab.state import replace
from lab.topology import PORTS

_SERVICE_SECONDS = 15
_SQL_SECONDS = 15.0
_EXPIRED = timedelta(days=-2)


def begin(lab: Lab, effects: Effects, all_effects: Effects) -> None:
    """Let effects begin; ``all_effects`` are those that hold from now on. Raises LabError when one cannot."""
    plan = lab.topology
    power.switch_off(lab.layout, lab.mode, [plan.host(host) for host in _subjects(effects, Kind.OFF)])
    for effect in _sorted(effects):
        if effect.kind in _BEGIN and not _off(all_effects, effect):
            _BEGIN[effect.kind](lab, effect)
    _write_shared(lab, effects, all_effects)


def cease(lab: Lab, effects: Effects, all_effects: Effects) -> None:
    """Let effects end. One on a host that is off needs nothing: its next boot ends it."""
    for effect in reversed(_sorted(effects)):
        if effect.kind in _CEASE and (lab.alive(effect.subject) or effect.kind in _ON_DISK):
            _CEASE[effect.kind](lab, effect)
    revived = tuple(_subjects(effects, Kind.OFF))
    for host in revived:
        power.switch_on(lab.layout, lab.mode, host)
    power.await_on(lab.layout, revived)
    _write_shared(lab, effects, all_effects)


def service_directory(lab: Lab, host: str, service: str) -> Path:
    """The runit directory of a service, with its supervisor there. Raises LabError when it does not come."""
    directory = lab.layout.service(host, service)
    limit = time.monotonic() + _SERVICE_SECONDS
    while not (directory / "supervise" / "ok").exists():
        if time.monotonic() > limit:
            raise LabError(f"{service} on {host} is not supervised")
        time.sleep(0.05)
    return directory


def _subjects(effects: Effects, kind: Kind) -> list[str]:
    return sorted(effect.subject for effect in effects if effect.kind is kind)


def _sorted(effects: Effects) -> list[Effect]:
    """Freezing comes last (and thawing first): nothing else can be done on a frozen host."""
    return sorted(effects, key=lambda one: (one.kind is Kind.FROZEN, one.kind.value, one.subject, one.service))


def _off(effects: Effects, effect: Effect) -> bool:
    return Effect(Kind.OFF, effect.subject) in effects


def _write_shared(lab: Lab, changed: Effects, all_effects: Effects) -> None:
    kinds = {effect.kind for effect in changed}
    if Kind.LINK in kinds:
        _set_links(lab, links.dump(links.harmed(harms(all_effects))))
    if Kind.SILENT in kinds:
        codes = _subjects(all_effects, Kind.SILENT)
        replace(lab.layout.control / "provinces-stopped", "".join(f"{code}\n" for code in codes))


def _set_links(lab: Lab, text: str) -> None:
    """Give the router its configuration and wait until it routes by it."""
    replace(lab.layout.links, text)
    _sv(lab, WAN, "router", "hup")
    limit = time.monotonic() + _SERVICE_SECONDS
    while _read(lab.layout.links_applied) != links.digest(text):
        if time.monotonic() > limit:
            raise LabError(f"the router does not take its configuration; see {lab.layout.host(WAN) / 'log'}")
        time.sleep(0.001)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def _sv(lab: Lab, host: str, service: str, *verbs: str) -> None:
    directory = service_directory(lab, host, service)
    for verb in verbs:
        done = subprocess.run(
            [program("sv"), "-w", str(_SERVICE_SECONDS), verb, str(directory)],
            capture_output=True,
            text=True,
            timeout=_SERVICE_SECONDS + 5,
            check=False,
        )
        if done.returncode != 0:
            raise LabError(f"{service} on {host} does not obey {verb!r}: {done.stdout.strip()[:300]}")


def _freeze(lab: Lab, effect: Effect) -> None:
    if first := lab.first(effect.subject):
        processes.freeze(first)


def _thaw(lab: Lab, effect: Effect) -> None:
    if first := lab.first(effect.subject):
        processes.thaw(first)


def _stop(lab: Lab, effect: Effect) -> None:
    _sv(lab, effect.subject, effect.service, "down")


def _kill(lab: Lab, effect: Effect) -> None:
    """ "once" first: the supervisor, like Debian's own unit, then does not start it again."""
    _sv(lab, effect.subject, effect.service, "once", "kill")
    told = service_directory(lab, effect.subject, effect.service) / "supervise" / "stat"
    limit = time.monotonic() + _SERVICE_SECONDS
    while told.read_text().startswith("run"):
        if time.monotonic() > limit:
            raise LabError(f"{effect.service} on {effect.subject} does not die")
        time.sleep(0.01)


def _start(lab: Lab, effect: Effect) -> None:
    _sv(lab, effect.subject, effect.service, "up")


def _fill(lab: Lab, effect: Effect) -> None:
    """Take every free block of the volume, in ever smaller pieces."""
    path = _filler(lab, effect)
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        for piece in (1 << 24, 1 << 20, 1 << 16, 1 << 12):
            while _grow(file.fileno(), piece):
                pass


def _grow(descriptor: int, piece: int) -> bool:
    try:
        os.posix_fallocate(descriptor, os.fstat(descriptor).st_size, piece)
    except OSError:
        return False
    return True


def _empty(lab: Lab, effect: Effect) -> None:
    _filler(lab, effect).unlink(missing_ok=True)


def _filler(lab: Lab, effect: Effect) -> Path:
    """Where programs put what can be thrown away, so that cleaning up there helps."""
    return lab.layout.data(effect.subject) / "scratch" / "filler"


def _stall(lab: Lab, effect: Effect) -> None:
    _sql(lab, effect.subject, "SELECT pg_wal_replay_pause()")


def _resume(lab: Lab, effect: Effect) -> None:
    _sql(lab, effect.subject, "SELECT CASE WHEN pg_is_in_recovery() THEN pg_wal_replay_resume() END")


def _sql(lab: Lab, host: str, statement: str) -> None:
    """Ask a database as its superuser, over its socket; one that is still starting gets a little time."""
    argv = [str(BIN / "psql"), "-X", "-q", "-h", str(lab.inside(host) / "run" / "pg"), "-U", "postgres"]
    limit = time.monotonic() + _SQL_SECONDS
    while (done := lab.run(host, [*argv, "-c", statement], timeout=_SQL_SECONDS)).returncode != 0:
        if time.monotonic() > limit or "recovery is not in progress" in done.stderr:
            raise LabError(f"the database on {host} refuses: {done.stderr.strip()[:300]}")
        time.sleep(0.2)


def _expire(lab: Lab, effect: Effect) -> None:
    host = effect.subject
    entry = {host: lab.address(host)}
    expired = certificates.issue(lab.layout.authority, entry, datetime.now(UTC), valid_for=_EXPIRED)
    _serve_certificate(lab, host, expired)


def _renew(lab: Lab, effect: Effect) -> None:
    _serve_certificate(lab, effect.subject, (lab.layout.authority / "entry.pem").read_bytes())


def _serve_certificate(lab: Lab, host: str, pem: bytes) -> None:
    keys.private(lab.layout.host(host) / "etc" / "entry.pem", pem)
    if lab.alive(host):
        _sv(lab, host, "haproxy", "restart")
        _await_port(lab, host, "haproxy-tls")


def _await_port(lab: Lab, host: str, port: str) -> None:
    question = ready.Question(host, port, lab.address(host), PORTS[port])
    if ready.wait([question], _SERVICE_SECONDS, lambda _: None):
        raise LabError(f"{port} on {host} does not come back")


_Do = Callable[[Lab, Effect], None]
_BEGIN: dict[Kind, _Do] = {
    Kind.FROZEN: _freeze,
    Kind.STOPPED: _stop,
    Kind.KILLED: _kill,
    Kind.FULL: _fill,
    Kind.STALLED: _stall,
    Kind.EXPIRED: _expire,
}
_CEASE: dict[Kind, _Do] = {
    Kind.FROZEN: _thaw,
    Kind.STOPPED: _start,
    Kind.KILLED: _start,
    Kind.FULL: _empty,
    Kind.STALLED: _resume,
    Kind.EXPIRED: _renew,
}
_ON_DISK = (Kind.FULL, Kind.EXPIRED)  #: these outlast a boot
