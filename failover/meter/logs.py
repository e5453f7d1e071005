"""Reads what the meters of a run brought home. The files come from other machines: nothing in them is believed unread.

A line that cannot be what a meter writes is left out and counted; a file that is too large is cut there, and says so.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from failover.meter.clocks import Exchange, Offset, offset
from failover.meter.samples import NS, Blind, CanaryWrite, Channel, Fate, Probe, ReadBack, Stream, VantageLog

MOST_LINES = 2_000_000  #: of one file
MOST_SEEN = 2_000_000  #: numbers of one channel
_LINE = 4096  #: bytes
_SMALL = 64 * 1024  #: bytes of head.json
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,200}")
_LATEST = 2**62


class _Bad(Exception):
    """Not what a meter writes."""


@dataclass(slots=True)
class _Reading:
    """What is noticed while reading a vantage's files."""

    notes: dict[str, None] = field(default_factory=dict)
    boot: str = ""  #: the first boot; its clock is the vantage's clock
    mono: int = 0
    wall: float = 0.0
    shift: int = 0  #: ns to be added to the present boot's times

    def note(self, code: str) -> None:
        self.notes[code] = None


def vantages(folder: Path) -> list[str]:
    """The vantages whose logs lie in a run's folder of meters."""
    if not folder.is_dir():
        return []
    plain = (one.name for one in folder.iterdir() if one.is_dir() and not one.is_symlink())
    return sorted(name for name in plain if _WORD.fullmatch(name))


def read_all(folder: Path) -> list[VantageLog]:
    """All vantages' logs of a run; one that could not read its own numbers back may have them read by another."""
    found = [read(folder / name) for name in vantages(folder)]
    return [_lent(one, found) for one in found]


def _lent(log: VantageLog, every: Sequence[VantageLog]) -> VantageLog:
    def settled(channel: str) -> ReadBack | None:
        backs = (one.read_backs.get((channel, log.vantage)) for one in (log, *every))
        return next((one for one in backs if one and one.settled), None)

    return replace(log, channels=tuple(replace(one, read_back=settled(one.name)) for one in log.channels))


def read(folder: Path) -> VantageLog:
    """One vantage's logs, with what it read back itself."""
    reading = _Reading()
    try:
        head = _head(folder / "head.json")
    except (OSError, _Bad) as error:
        return VantageLog(folder.name, "", (), (), missing=f"head.json: {error}"[:200])
    streams = _streams(folder / "probes.jsonl", head, reading)
    channels = _channels(folder, head, reading)
    read_backs = _read_backs(folder / "readback.jsonl", reading)
    channels = tuple(replace(one, read_back=read_backs.get((one.name, folder.name))) for one in channels)
    notes = tuple(reading.notes)
    return VantageLog(folder.name, reading.boot, streams, channels, notes, head=head, read_backs=read_backs)


def offsets(folder: Path, boot: str) -> tuple[Offset, ...]:
    """The vantage's clock against the desk's, from the exchanges that the desk wrote down, a group each time."""
    groups: dict[int, list[Exchange]] = {}
    for told in _lines(folder / "clock.jsonl", _Reading()):
        if isinstance(told, dict) and told.get("boot") == boot and isinstance(told.get("group"), int):
            stamps = [told.get(key) for key in ("asked", "answered", "there")]
            if all(isinstance(stamp, int) for stamp in stamps):
                groups.setdefault(told["group"], []).append(Exchange(*stamps))  # type: ignore[arg-type]
    found = (offset(exchanges) for _, exchanges in sorted(groups.items()))
    return tuple(one for one in found if one)


def _head(path: Path) -> dict[str, Any]:
    with _opened(path) as file:
        try:
            told = json.loads(file.read(_SMALL))
        except ValueError as error:
            raise _Bad("is no JSON") from error
    try:
        if told["format"] != 1:
            raise _Bad("is of another format")
        for one in (told["probing"], *told["channels"]):
            _number(one["period"]), _number(one["timeout"])
        _number(told["probing"]["stable_count"]), _number(told["probing"]["stable_over"])
        if not all(_WORD.fullmatch(one["name"]) for one in told["channels"]):
            raise _Bad("names a channel that is no name")
    except (KeyError, TypeError) as error:
        raise _Bad("lacks what a meter writes") from error
    return dict(told)


def _streams(path: Path, head: dict[str, Any], reading: _Reading) -> tuple[Stream, ...]:
    probes: dict[str, list[Probe]] = {"fresh": [], "kept": []}
    blind: dict[str, list[Blind]] = {"fresh": [], "kept": []}
    for told in _told(path, reading):
        try:
            name = told["s"]
            if "gap" in told:
                start, end = told["gap"]
                blind[name].append(Blind(_time(start, reading), _time(end, reading)))
            else:
                probes[name].append(_probe(told, reading))
        except (_Bad, KeyError, TypeError, ValueError):
            reading.note("bad-lines")
    probing = head["probing"]
    return tuple(
        Stream(
            name,
            probing["period"],
            probing["timeout"],
            tuple(probes[name]),
            tuple(blind[name]),
            probing["stable_count"],
            probing["stable_over"],
            tuple(reading.notes),
        )
        for name in probes
    )


def _probe(told: dict[str, Any], reading: _Reading) -> Probe:
    sent, done = _time(told["a"], reading), _time(told["b"], reading)
    if done < sent or told["r"] not in {"ok", "fail"}:
        raise _Bad
    return Probe(sent, done, told["r"] == "ok", _text(told.get("w")), told.get("e", 0), _text(told.get("c")))


def _channels(folder: Path, head: dict[str, Any], reading: _Reading) -> tuple[Channel, ...]:
    writes = _writes(folder / "canaries.jsonl", head, reading)
    fenced = _writes(folder / "fenced.jsonl", head, reading) if (folder / "fenced.jsonl").exists() else {}
    return tuple(
        Channel(
            one["name"],
            one["period"],
            one["timeout"],
            tuple(writes.get(one["name"], ())),
            fenced=tuple(fenced.get(one["name"], ())),
            exchange=bool(one.get("inbox")),
        )
        for one in head["channels"]
    )


def _writes(path: Path, head: dict[str, Any], reading: _Reading) -> dict[str, list[CanaryWrite]]:
    """Each write from its two lines; one whose second line is missing had a writer that died: its fate is unknown."""
    timeouts = {one["name"]: one["timeout"] for one in head["channels"]}
    begun: dict[tuple[str, int], tuple[int, int]] = {}
    found: dict[str, list[CanaryWrite]] = {name: [] for name in timeouts}
    for told in _told(path, reading):
        try:
            name = told["ch"]
            if "gap" in told and name in found:
                continue
            key = (name, _number(told["n"]))
            if "a" in told:
                begun[key] = (_time(told["a"], reading), _number(told["ep"]))
            else:
                sent, epoch = begun.pop(key)
                found[name].append(_write(told, sent, epoch, reading))
        except (_Bad, KeyError, TypeError, ValueError):
            reading.note("bad-lines")
    for (name, seq), (sent, epoch) in begun.items():
        if name in found:
            found[name].append(CanaryWrite(seq, epoch, sent, sent + timeouts[name], "unknown", "the writer died"))
    return {name: sorted(each, key=lambda write: write.seq) for name, each in found.items()}


def _write(told: dict[str, Any], sent: int, epoch: int, reading: _Reading) -> CanaryWrite:
    done = _time(told["b"], reading)
    if done < sent or told["r"] not in get_args(Fate):
        raise _Bad
    return CanaryWrite(told["n"], epoch, sent, done, told["r"], _text(told.get("w")), _text(told.get("c")))


def _read_backs(path: Path, whole: _Reading) -> dict[tuple[str, str], ReadBack]:
    """By channel and vantage: one vantage reads the numbers of all. What was read last counts.

    A number that a damaged line hides would look lost, so nothing of a damaged file is settled.
    """
    reading = _Reading()
    found: dict[tuple[str, str], dict[int, int]] = {}
    waiting: dict[tuple[str, str], int] = {}
    for told in _lines(path, reading):
        try:
            key = (told["ch"], told.get("v", ""))
            if told.get("settled") is True:
                found[key] = {}
            elif "seen" in told:
                for first, last in told["seen"]:
                    _fill(found[key], _number(first), _number(last))
            elif "twice" in told:
                seq, times = told["twice"]
                found[key][_number(seq)] = _number(times)
            elif "waiting" in told:
                waiting[key] = _number(told["waiting"])
        except (_Bad, KeyError, TypeError, ValueError, AttributeError):
            reading.note("bad-lines")
    if not found:
        whole.note("not-read-back")
    whole.notes |= reading.notes
    return {key: ReadBack(seen, not reading.notes, waiting.get(key, 0)) for key, seen in found.items()}


def _fill(seen: dict[int, int], first: int, last: int) -> None:
    if not 0 <= last - first <= MOST_SEEN - len(seen):
        raise _Bad
    for seq in range(first, last + 1):
        seen.setdefault(seq, 1)


def _told(path: Path, reading: _Reading) -> Iterator[dict[str, Any]]:
    """The lines of a log between the heads that every start of a meter writes and the end it comes to."""
    ended = False
    for told in _lines(path, reading):
        if not isinstance(told, dict):
            reading.note("bad-lines")
        elif "boot" in told:
            ended = False
            _booted(told, reading)
        elif "end" in told:
            ended = told.get("why") == "stopped"
        else:
            yield told
    if not ended:
        reading.note("cut-short")


def _booted(told: dict[str, Any], reading: _Reading) -> None:
    """Times of another boot are brought to the first one's clock by the wall clock, which is noted: it may be wrong."""
    boot, mono, wall = told.get("boot"), told.get("mono"), told.get("wall", 0.0)
    if not isinstance(boot, str) or not isinstance(mono, int) or not isinstance(wall, int | float):
        reading.note("bad-lines")
        return
    if not reading.boot:
        reading.boot, reading.mono, reading.wall = boot[:36], mono, float(wall)
    if boot == reading.boot:
        reading.shift = 0
        return
    reading.note("clock-jump")
    reading.shift = reading.mono + round((float(wall) - reading.wall) * NS) - mono if wall else 0


def _lines(path: Path, reading: _Reading) -> Iterator[Any]:
    try:
        file = _opened(path)
    except OSError:
        return
    with file:
        for _ in range(MOST_LINES):
            line = file.readline(_LINE)
            if not line:
                return
            try:
                if not line.endswith(b"\n"):
                    raise ValueError
                yield json.loads(line)
            except (ValueError, RecursionError):
                reading.note("torn-lines")
                while line and not line.endswith(b"\n"):
                    line = file.readline(_LINE)
        reading.note("too-long")


def _opened(path: Path) -> Any:
    """A plain file, never what a link points to."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")


def _time(value: object, reading: _Reading) -> int:
    return _number(value) + reading.shift


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _LATEST:
        raise _Bad("has a number that cannot be")
    return value


def _text(value: object) -> str:
    return value[:200] if isinstance(value, str) else ""
