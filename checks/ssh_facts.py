"""What a host says about itself, read and judged. Pure: no connection, no clock."""

from __future__ import annotations

import re
from dataclasses import dataclass

from checks.result import Status
from checks.sentence import clean

_SV = re.compile(r"^(run|down|finish|fail|warning): [^:]*(?:: (.*))?$")
_SV_SECONDS = re.compile(r"\b(\d+)s\b")
_SYSTEMD = {
    "active": Status.OK,
    "reloading": Status.DEGRADED,
    "activating": Status.DEGRADED,
    "deactivating": Status.DEGRADED,
    "failed": Status.DOWN,
    "inactive": Status.DOWN,
}


class Unreadable(Exception):
    """The host answered something that does not answer the question."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From which value on it is degraded, and down. None: never."""

    degraded: float | None = None
    down: float | None = None

    def judge(self, value: float) -> Status:
        """The status of a value that is better when smaller."""
        if self.down is not None and value >= self.down:
            return Status.DOWN
        if self.degraded is not None and value >= self.degraded:
            return Status.DEGRADED
        return Status.OK


@dataclass(frozen=True, slots=True)
class Service:
    """A supervised program. ``uptime`` is in seconds, where the supervisor tells it."""

    state: str
    status: Status
    uptime: float | None = None


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system; percentages as ``df`` counts them (without what is reserved for root)."""

    used: float  #: percent
    files: float  #: percent of inodes
    free: int  #: bytes


@dataclass(frozen=True, slots=True)
class Load:
    """Mean number of processes that run or want to, a core."""

    per_core: float  #: over one minute
    cores: int
    averages: str  #: as the kernel prints them: 1, 5 and 15 minutes


@dataclass(frozen=True, slots=True)
class Clock:
    """A host's clock against ours, in seconds; the truth lies within ``offset`` ± ``bound``."""

    offset: float  #: positive: the host is ahead
    bound: float


def read_runit(text: str) -> Service:
    """The first line of ``sv status``: ``run: /etc/sv/app: (pid 71) 45s``."""
    line = text.strip().partition("\n")[0]
    found = _SV.match(line.partition("; ")[0])
    if found is None:
        raise Unreadable(f"`sv status` answered: {clean(line, 120) or 'nothing'}")
    word, rest = found[1], found[2] or ""
    seconds = _SV_SECONDS.search(rest)
    uptime = float(seconds[1]) if word == "run" and seconds else None
    if word in ("fail", "warning"):
        gone = "unable to change to service directory" in rest or "file does not exist" in rest
        if word == "fail" and "supervise/ok" not in rest and gone:
            raise Unreadable(f"the host has no such service: {clean(line, 120)}")
        return Service("not supervised", Status.DOWN)
    if word == "run":
        leaving = "want down" in rest
        return Service("stopping" if leaving else "running", Status.DEGRADED if leaving else Status.OK, uptime)
    return Service("stopped" if word == "down" else "ended, its finish script runs", Status.DOWN)


def read_systemd(text: str) -> Service:
    """The word of ``systemctl is-active``."""
    word = text.strip().partition("\n")[0]
    if word not in _SYSTEMD:
        raise Unreadable(f"`systemctl is-active` answered: {clean(word, 120) or 'nothing'}")
    return Service(word, _SYSTEMD[word])


def judge_service(service: Service, young: float | None) -> Status:
    """As the supervisor says, but a program that ``young`` seconds ago was not there yet may be crash-looping."""
    fresh = young is not None and service.uptime is not None and service.uptime < young
    return Status.DEGRADED if service.status is Status.OK and fresh else service.status


def read_disk(text: str) -> Disk:
    """``stat -f -c '%S %b %f %a %c %d'``: block size, blocks, free, available, inodes, free inodes."""
    size, blocks, free, available, files, files_free = _integers(text, 6)
    used = blocks - free
    if used + available <= 0:
        raise Unreadable("the file system has no blocks: not a disk")
    full = 100.0 * (files - files_free) / files if files > 0 else 0.0  # btrfs and others count no inodes
    return Disk(100.0 * used / (used + available), full, available * size)


def judge_disk(disk: Disk, limits: Limits) -> Status:
    """A disk without free inodes takes no file either."""
    return limits.judge(max(disk.used, disk.files))


def read_load(text: str) -> Load:
    """``/proc/loadavg``, then the number of cores."""
    lines = text.split("\n")
    try:
        averages, cores = lines[0].split()[:3], int(lines[1])
        return Load(float(averages[0]) / cores, cores, clean(" ".join(averages), 40))
    except (ValueError, IndexError, ZeroDivisionError):
        raise Unreadable(f"/proc/loadavg and nproc answered: {clean(text, 120) or 'nothing'}") from None


def read_clock(text: str, before: float, after: float) -> Clock:
    """``date +%s.%N``, asked between two readings of our clock (Unix seconds)."""
    if not re.fullmatch(r"\d{9,11}\.\d{1,9}", text.strip()):
        raise Unreadable(f"`date +%s.%N` answered: {clean(text, 80) or 'nothing'}")
    return Clock(float(text) - (before + after) / 2, (after - before) / 2)


def judge_clock(clock: Clock, limits: Limits) -> Status:
    """Unknown when the error is larger than what is to be told apart, and the offset does not exceed it clearly."""
    tightest = min(limit for limit in (limits.degraded, limits.down) if limit is not None)
    certain = limits.judge(max(0.0, abs(clock.offset) - clock.bound))
    if certain is Status.OK and clock.bound >= tightest:
        return Status.UNKNOWN
    return limits.judge(abs(clock.offset))


def read_age(text: str) -> float:
    """Seconds since the file changed, by the host's own clock: ``stat -c %Y FILE; date +%s``."""
    modified, now = _integers(text, 2)
    return float(now - modified)


def _integers(text: str, count: int) -> list[int]:
    words = text.split()
    if len(words) != count or not all(re.fullmatch(r"-?\d{1,20}", word) for word in words):
        raise Unreadable(f"the host answered: {clean(text, 120) or 'nothing'}")
    return [int(word) for word in words]
