"""Numbered envelopes, delivered to an exchange front end as partners deliver, and those that wait in its inbox.

An envelope is a small batch: ``<run>~<vantage>~<epoch>~<seq>.csv`` and, beside it, ``.ok`` with digest, records and
bytes. Both are put under another name and renamed. Only the second rename makes an envelope complete: before it has
left nothing was delivered, after its answer all of it was.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from failover.meter.agent.canaries import Writer
from failover.meter.agent.clock import NS
from failover.meter.agent.settings import Channel, Front, Inbox
from failover.meter.agent.sftp_wire import Broken, Refused, Sftp, SftpError

_KNOWN = "known_hosts"  #: the front ends' public keys, in the meter's folder


@dataclass(slots=True)
class Courier(Writer):
    """Delivers to an inbox; all else is as with any other channel."""

    folder: Path = Path()  #: the meter's
    _line: tuple[int, Sftp] | None = None  #: the front end's number, and the session with it

    def _sent(self) -> tuple[str, str, str, int]:
        """Fate, why, the front end, and its number."""
        until = time.monotonic() + self.channel.timeout / NS
        inbox = _inbox(self.channel)
        try:
            at, session = self._line or self._dial(inbox, until)
        except SftpError as error:
            return "rejected", f"no session: {error}"[:200], "", -1
        self._line = at, session
        front = inbox.fronts[at]
        try:
            complete = self._put(session, front.folder, until)
        except SftpError as error:
            return self._failed("rejected", error), str(error)[:200], front.id, at
        try:
            session.rename(f"{complete}.part", complete, until)
        except SftpError as error:
            sure = isinstance(error, Refused) or (isinstance(error, Broken) and not error.sent)
            return self._failed("rejected" if sure else "unknown", error), str(error)[:200], front.id, at
        return "acked", "", front.id, at

    def _put(self, session: Sftp, folder: str, until: float) -> str:
        """All but the last step; the name that the manifest gets by it."""
        identity = (self.run, self.vantage, str(self.epoch()), str(self.seq))
        line = f"{','.join(identity)}\n".encode()
        path = f"{folder}/{'~'.join(identity)}.csv"
        session.write(f"{path}.part", line, until)
        session.rename(f"{path}.part", path, until)
        session.write(f"{path}.ok.part", f"{hashlib.sha256(line).hexdigest()} 1 {len(line)}\n".encode(), until)
        return f"{path}.ok"

    def _failed(self, fate: str, error: SftpError) -> str:
        if not isinstance(error, Refused):
            self.hang_up()
        return fate

    def _dial(self, inbox: Inbox, until: float) -> tuple[int, Sftp]:
        """The first front end that lets the courier in; each has its share of the time."""
        failure: SftpError = Broken("no front end")
        for at, front in enumerate(inbox.fronts):
            now = time.monotonic()
            share = now + (until - now) / (len(inbox.fronts) - at)
            try:
                return at, _opened(inbox, front, self.folder, share)
            except SftpError as error:
                failure = error
        raise failure

    def hang_up(self) -> None:
        """End the session; the next envelope dials again."""
        if self._line:
            self._line[1].close()
        self._line = None


def _opened(inbox: Inbox, front: Front, folder: Path, until: float) -> Sftp:
    """A session in which the folder is there."""
    session = Sftp.open(command(inbox, front, folder), until)
    try:
        with contextlib.suppress(Refused):  # it is there already
            session.make_folder(front.folder, until)
    except BaseException:
        session.close()
        raise
    return session


def waiting(inbox: Inbox, run: str, vantage: str, folder: Path, until: float) -> frozenset[int]:
    """Numbers of complete envelopes that lie in the inboxes, with a fresh session each. Raises SftpError.

    A front end that is taken for lost is not asked: what lies there, nobody who serves has.
    """
    found: set[int] = set()
    for front in inbox.fronts:
        if front.lost:
            continue
        session = Sftp.open(command(inbox, front, folder), until)
        try:
            found |= complete(tuple(session.names(front.folder, until)), run, vantage)
        except Refused as error:
            raise Broken(f"{front.id}: {error}") from error
        finally:
            session.close()
    return frozenset(found)


def complete(names: Sequence[str], run: str, vantage: str) -> frozenset[int]:
    """Numbers of which both files are there."""
    ours = re.compile(rf"{re.escape(run)}~{re.escape(vantage)}~[0-9]{{1,18}}~([0-9]{{1,18}})\.csv")
    there = set(names)
    return frozenset(int(told[1]) for name in there if (told := ours.fullmatch(name)) and f"{name}.ok" in there)


def know(channels: Sequence[Channel], folder: Path) -> None:
    """Write down the front ends' keys, for the client to compare."""
    fronts = [front for one in channels if one.inbox for front in one.inbox.fronts if front.host_key]
    names = (front.host if front.port == 22 else f"[{front.host}]:{front.port}" for front in fronts)
    lines = [f"{name} {front.host_key}\n" for name, front in zip(names, fronts, strict=True)]
    (folder / _KNOWN).write_text("".join(lines))


def command(inbox: Inbox, front: Front, folder: Path) -> tuple[str, ...]:
    """The client's command: one key, one server key, no settings of whoever it runs as, and no question to anybody."""
    options = {
        "BatchMode": "yes",
        "IdentitiesOnly": "yes",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": str(folder / _KNOWN),
        "GlobalKnownHostsFile": "/dev/null",
        "ServerAliveInterval": "15",
        "ControlPath": "none",
        "ClearAllForwardings": "yes",
        "LogLevel": "ERROR",
    }
    told = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    where = ("-p", str(front.port), "-l", inbox.user, "-i", inbox.key, "-s", "--", front.host, "sftp")
    return ("ssh", "-F", "none", "-T", "-x", *told, *where)


def _inbox(channel: Channel) -> Inbox:
    assert channel.inbox is not None, "a courier is for channels with an inbox"
    return channel.inbox
